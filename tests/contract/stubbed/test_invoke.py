"""What InvokeEndpoint answers, as the smoke test hears it; Stubber holds requests and answers to AWS's shapes."""

import io

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from fakes import NAMES

from perennial.aws.endpoints import SageMakerEndpoints
from perennial.errors import EndpointRefused, TransientError
from perennial.smoke_test import INFERENCE_ID

BODY = '{"instances": []}'


def invoke(client):
    return SageMakerEndpoints(NAMES, "role", object(), client).invoke("perennial-mortgage", BODY)


def test_the_answer_is_text(runtime):
    """JSON goes out under an inference id by which it is known in the captured traffic."""
    client, stub = runtime
    said = b'{"predictions": []}'
    expected = {
        "EndpointName": "perennial-mortgage",
        "ContentType": "application/json",
        "Accept": "application/json",
        "InferenceId": INFERENCE_ID,
        "Body": BODY.encode(),
    }
    stub.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(said), len(said))}, expected)
    assert invoke(client) == said.decode()


def test_what_the_model_refuses_is_no_failure_of_ours(runtime):
    """Its status and words are told."""
    client, stub = runtime
    fields = {"OriginalStatusCode": 500, "OriginalMessage": "boom"}
    stub.add_client_error("invoke_endpoint", "ModelError", http_status_code=424, modeled_fields=fields)
    with pytest.raises(EndpointRefused, match="status 500, boom"):
        invoke(client)


@pytest.mark.parametrize("code", ["ServiceUnavailable", "ThrottlingException", "ValidationError"])
def test_what_sagemaker_refuses_is_tried_again(runtime, code):
    """Lambda's retry asks once more: the model was not heard."""
    client, stub = runtime
    stub.add_client_error("invoke_endpoint", code, http_status_code=400)
    with pytest.raises(TransientError):
        invoke(client)


def test_no_answer_in_time():
    """A model that hangs does not settle."""

    class Hanging:
        def invoke_endpoint(self, **_request):
            raise ReadTimeoutError(endpoint_url="https://runtime.sagemaker")

    with pytest.raises(EndpointRefused, match="in time"):
        invoke(Hanging())
