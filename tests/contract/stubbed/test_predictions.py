"""What InvokeEndpoint answers, as a caller of the predict route hears it; Stubber holds both to AWS's shapes."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.response import StreamingBody

from perennial.aws.predictions import SageMakerPredictions
from perennial.errors import EndpointMissing, RequestRefused
from perennial.prediction.invocation import Invocation, Reply

ASKED = Invocation(b"1,2", "text/csv", "order-4711", "application/json", "trace=7")


def invoke(client, asked=ASKED):
    return SageMakerPredictions(client).invoke("perennial-mortgage", asked)


def test_the_answer_is_passed_on(runtime):
    """Body, content type, variant and attributes, as they are; what was not said is not sent."""
    client, stub = runtime
    expected = {
        "EndpointName": "perennial-mortgage",
        "ContentType": "text/csv",
        "Accept": "application/json",
        "InferenceId": "order-4711",
        "CustomAttributes": "trace=7",
        "Body": b"1,2",
    }
    answer = {
        "Body": StreamingBody(io.BytesIO(b"{}"), 2),
        "ContentType": "application/json",
        "InvokedProductionVariant": "AllTraffic",
        "CustomAttributes": "trace=7,model-version=3",
    }
    stub.add_response("invoke_endpoint", answer, expected)
    assert invoke(client) == Reply(b"{}", "application/json", "AllTraffic", "trace=7,model-version=3")
    least = {key: expected[key] for key in ("EndpointName", "ContentType", "InferenceId", "Body")}
    stub.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(b""), 0)}, least)
    assert invoke(client, Invocation(b"1,2", "text/csv", "order-4711")).body == b""


REFUSALS = [
    ("ModelError", 424, {"OriginalStatusCode": 400, "OriginalMessage": "row 3"}, 400, "model_refused", None),
    ("ModelError", 424, {"OriginalStatusCode": 500, "OriginalMessage": "boom"}, 502, "model_failed", None),
    ("ModelError", 424, {"OriginalStatusCode": 503, "OriginalMessage": "full"}, 503, "model_busy", 1),
    ("ThrottlingException", 429, {}, 429, "too_many_requests", 1),
    ("ValidationError", 400, {}, 400, "invalid_request", None),
    ("ModelNotReadyException", 429, {}, 503, "model_not_ready", 5),
    ("ServiceUnavailable", 503, {}, 503, "service_unavailable", 2),
    ("InternalFailure", 500, {}, 503, "service_unavailable", 2),
    ("413", 413, {}, 413, "body_too_large", None),
    ("AccessDeniedException", 403, {}, 502, "refused_by_sagemaker", None),
]


SAID = '{"error": {"code": "wrong_type", "message": "expected a number", "line": 2, "column": "age"}}'


@pytest.mark.parametrize(
    ("original", "sentence", "column"),
    [
        pytest.param(SAID, "expected a number (line 2)", "age", id="our container"),
        pytest.param('{"error": {"message": "full of ice"}}', "full of ice", None, id="without a place"),
        pytest.param('{"detail": "no"}', '{"detail": "no"}', None, id="another server"),
        pytest.param("[]", "[]", None, id="a list"),
        pytest.param("a text", "a text", None, id="a text"),
    ],
)
def test_what_the_model_refuses_is_a_sentence(runtime, original, sentence, column):
    """A model's own words are passed on to be read, with the column that it names."""
    client, stub = runtime
    fields = {"OriginalStatusCode": 400, "OriginalMessage": original}
    stub.add_client_error("invoke_endpoint", "ModelError", "why", http_status_code=424, modeled_fields=fields)
    with pytest.raises(RequestRefused) as refused:
        invoke(client)
    told = refused.value
    assert (str(told), told.column) == (f"the model refuses the request: {sentence}", column)


@pytest.mark.parametrize(("code", "http", "fields", "status", "said", "retry_after"), REFUSALS)
def test_failures_in_the_words_of_http(runtime, code, http, fields, status, said, retry_after):
    """Each of SageMaker's errors has its status, its code, and when it makes sense to try again."""
    client, stub = runtime
    stub.add_client_error(
        "invoke_endpoint", code, "why", http_status_code=http, modeled_fields=fields or None
    )
    with pytest.raises(RequestRefused) as refused:
        invoke(client)
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (
        status,
        said,
        retry_after,
    )


def test_an_endpoint_that_is_not_there(runtime):
    """It may have moved: the caller of the adapter looks again."""
    client, stub = runtime
    words = "Endpoint perennial-mortgage of account 123456789012 not found."
    stub.add_client_error("invoke_endpoint", "ValidationError", words, http_status_code=400)
    with pytest.raises(EndpointMissing):
        invoke(client)


def test_an_endpoint_that_sleeps(runtime):
    """The request names the component; without a copy it is to be tried again in a minute, for it woke the endpoint."""
    client, stub = runtime
    words = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress"
    expected = {"InferenceComponentName": "perennial-mortgage", "EndpointName": "perennial-mortgage"}
    stub.add_client_error(
        "invoke_endpoint",
        "ValidationError",
        words,
        http_status_code=400,
        expected_params={**expected, "Body": b"1", "ContentType": "text/csv", "InferenceId": "id"},
    )
    with pytest.raises(RequestRefused) as refused:
        invoke(client, Invocation(b"1", "text/csv", "id", component="perennial-mortgage"))
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "waking", 60)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ReadTimeoutError(endpoint_url="https://x"), 504), (ConnectTimeoutError(endpoint_url="https://x"), 503)],
)
def test_no_answer(error, status):
    """A model that hangs, and SageMaker that is not reached, are told apart."""

    class Silent:
        def invoke_endpoint(self, **_):
            raise error

    with pytest.raises(RequestRefused) as refused:
        SageMakerPredictions(Silent()).invoke("e", ASKED)
    assert refused.value.status == status
