"""InvokeEndpoint on the twin: what reaches the server, and what comes back."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Twin, allow, eventually
from serving_endpoints import VARIANT, Endpoints


@pytest.fixture(scope="module")
def endpoint(endpoints: Endpoints) -> str:
    """An endpoint in service, with two instances."""
    return endpoints.serving(2, answer="v1")


def refused(endpoints: Endpoints, **request: Any) -> dict[str, Any]:
    """The error that an invocation meets."""
    with pytest.raises(ClientError) as caught:
        endpoints.twin.client("sagemaker-runtime").invoke_endpoint(**{"Body": b"1", **request})
    return caught.value.response


def test_a_request_reaches_the_server_as_sagemaker_hands_it_on(endpoints: Endpoints, endpoint: str) -> None:
    """Body, content type, accept, custom attributes and inference id arrive; nothing else of the caller does."""
    said = endpoints.invoke(
        endpoint,
        b"1,2\n3,4\n",
        ContentType="text/csv",
        Accept="application/jsonlines",
        CustomAttributes="trace=1",
        InferenceId="id-7",
    )
    assert said["body"] == "1,2\n3,4\n"
    headers = {
        name: value for name, value in said["headers"].items() if name not in ("host", "content-length")
    }
    assert headers == {
        "content-type": "text/csv",
        "accept": "application/jsonlines",
        "x-amzn-sagemaker-custom-attributes": "trace=1",
        "x-amzn-sagemaker-inference-id": "id-7",
    }


def test_an_answer_names_its_variant_and_keeps_its_content_type(endpoints: Endpoints, endpoint: str) -> None:
    """The answer carries the container's content type and attributes, and the variant that answered."""
    answer = endpoints.twin.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=b"1", CustomAttributes="trace=2"
    )
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == VARIANT
    assert answer["CustomAttributes"] == "trace=2"
    answer["Body"].close()


def test_a_server_sees_its_models_environment_and_a_port_of_its_own(
    endpoints: Endpoints, endpoint: str
) -> None:
    """The server has the model's environment and the contract's variables, and nothing of the twin's shell."""
    environment = endpoints.invoke(endpoint)["environment"]
    assert environment["GREETING"] == "hello"
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["SAGEMAKER_BIND_TO_PORT"].isdigit()
    assert "LEAKED" not in environment


def test_requests_spread_over_the_instances(endpoints: Endpoints, endpoint: str) -> None:
    """Every healthy instance gets requests."""
    assert len({endpoints.invoke(endpoint)["pid"] for _ in range(8)}) == 2


@pytest.mark.parametrize(
    ("body", "side", "status"),
    [pytest.param(b"bad", "client", 400, id="4xx"), pytest.param(b"boom", "server", 500, id="5xx")],
)
def test_a_containers_refusal_is_a_model_error(
    endpoints: Endpoints, endpoint: str, body: bytes, side: str, status: int
) -> None:
    """What is not 2xx from the container becomes a ModelError that quotes it and says where its log is."""
    error = refused(endpoints, EndpointName=endpoint, Body=body)
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["Error"]["Code"] == "ModelError"
    assert error["Error"]["Message"] == (
        f'Received {side} error ({status}) from primary with message "no good". See '
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}#logEventViewer:group={group} "
        f"in account {ACCOUNT} for more information."
    )
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == "no good"
    assert error["LogStreamArn"].startswith(
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:{VARIANT}/i-"
    )


def test_what_a_server_prints_is_in_its_log_stream(endpoints: Endpoints, endpoint: str) -> None:
    """Each instance has a stream of its own in the endpoint's log group."""
    endpoints.invoke(endpoint)
    logs, group = endpoints.twin.client("logs"), f"/aws/sagemaker/Endpoints/{endpoint}"

    def told() -> list[str]:
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    eventually(lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])
    eventually(lambda: len(logs.describe_log_streams(logGroupName=group)["logStreams"]) == 2)
    eventually(lambda: {"ready", "served /invocations"} <= set(told()))


def test_an_unknown_endpoint_is_not_found(endpoints: Endpoints) -> None:
    """The error names endpoint and account, with the code ValidationError."""
    error = refused(endpoints, EndpointName="nobody")["Error"]
    assert error == {"Code": "ValidationError", "Message": f"Endpoint nobody of account {ACCOUNT} not found."}


def test_an_endpoint_that_is_still_created_is_not_found(endpoints: Endpoints) -> None:
    """Nothing answers before the first instance is healthy."""
    name = endpoints.start(endpoints.config(endpoints.model(ping=503)))
    assert refused(endpoints, EndpointName=name)["Error"]["Code"] == "ValidationError"


def test_an_unknown_variant_is_refused(endpoints: Endpoints, endpoint: str) -> None:
    """A target variant must be one of the endpoint's."""
    error = refused(endpoints, EndpointName=endpoint, TargetVariant="other")["Error"]
    assert error["Code"] == "ValidationError"


def test_a_body_over_the_limit_is_refused(endpoints: Endpoints, endpoint: str) -> None:
    """25 MiB is the most that an endpoint takes."""
    error = refused(endpoints, EndpointName=endpoint, Body=b"x" * (25 * 1024 * 1024 + 1))["Error"]
    assert error == {"Code": "413", "Message": "HTTP content length exceeded 26214400 bytes."}


def test_variants_answer_by_weight_and_by_name(endpoints: Endpoints) -> None:
    """A variant of weight 0 answers only those who ask for it by name."""
    name = endpoints.config(endpoints.model(answer="a"))
    variants = endpoints.sagemaker.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"]
    second = {
        **variants[0],
        "VariantName": "B",
        "ModelName": endpoints.model(answer="b"),
        "InitialVariantWeight": 0.0,
    }
    endpoints.sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-two", ProductionVariants=[*variants, second]
    )
    endpoint = endpoints.start(f"{name}-two")
    endpoints.settled(endpoint)
    assert {endpoints.invoke(endpoint)["answer"] for _ in range(10)} == {"a"}
    assert endpoints.invoke(endpoint, TargetVariant="B")["answer"] == "b"


def test_invoking_needs_the_permission_on_the_endpoint(
    twin: Twin, endpoints: Endpoints, endpoint: str
) -> None:
    """IAM is asked about sagemaker:InvokeEndpoint on this endpoint."""
    other = twin.acting_as(
        "sagemaker-runtime",
        allow("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/other"),
    )
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        other.invoke_endpoint(EndpointName=endpoint, Body=b"1")


def test_a_server_that_dies_on_a_request_is_replaced(endpoints: Endpoints) -> None:
    """The request it died on is a ModelError; the variant is back at its count, with another process."""
    endpoint = endpoints.serving(1)
    before = endpoints.invoke(endpoint)["pid"]
    error = refused(endpoints, EndpointName=endpoint, Body=b"die")
    assert error["OriginalStatusCode"] == 0
    assert "the model process exited" in error["OriginalMessage"]

    def another_answers() -> bool:
        try:
            return endpoints.invoke(endpoint)["pid"] != before
        except endpoints.twin.client("sagemaker-runtime").exceptions.ServiceUnavailable:
            return False  # nobody serves meanwhile

    eventually(another_answers)
    assert endpoints.settled(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 1
