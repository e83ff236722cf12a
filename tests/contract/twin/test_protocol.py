"""The frame of a service: validation in AWS's words, pages, routes. Without a running twin."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest

from twin.errors import AwsError
from twin.pages import paginate
from twin.protocol import Call, RawResponse, Service
from twin.shapes import pattern

OURS = ("sagemaker", "sagemaker-runtime", "application-autoscaling")


def answer(service: Service, operation: str, request: Any) -> tuple[int, Any]:
    """Ask an operation of a JSON service; status and body."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    status, _, payload = asyncio.run(service.handle("POST", "/", headers, body, {}))
    return status, json.loads(payload or b"null")


@pytest.fixture
def sagemaker() -> Service:
    """A service with two operations that show what they were given."""
    service = Service("sagemaker")

    @service.operation("DescribeTrainingJob", "training-job/{TrainingJobName}")
    def describe(request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request["TrainingJobName"] == "missing":
            raise AwsError("ValidationException", "Requested resource not found.")
        now = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
        return {
            "TrainingJobName": request["TrainingJobName"],
            "CreationTime": now,
            "Unknown": 1,
            "RoleArn": None,
        }

    @service.operation("AddTags", "{ResourceArn}")
    async def add(request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Tags": request["Tags"]}

    return service


@pytest.mark.parametrize("name", OURS)
def test_every_pattern_of_the_models_compiles(name: str) -> None:
    """Java's patterns in the models are ones that Python can check."""
    model = botocore.session.get_session().get_component("data_loader").load_service_model(name, "service-2")
    found = [shape["pattern"] for shape in model["shapes"].values() if "pattern" in shape]
    assert found
    for each in found:
        pattern(each)


@pytest.mark.parametrize(
    ("java", "text", "matches"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Kunde/äöü 1+1", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a#b", False),
        (r"\p{ASCII}*", "plain!", True),
        (r"\p{ASCII}*", "ü", False),
        (r"arn:[\p{Alnum}\-]+:lambda:.*", "arn:aws:lambda:x", True),
        ("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a--b", True),
        ("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "-a", False),
    ],
)
def test_pattern(java: str, text: str, matches: bool) -> None:
    """A translated pattern accepts and refuses what Java's does."""
    assert bool(pattern(java).fullmatch(text)) == matches


def test_answer_holds_what_the_model_knows(sagemaker: Service) -> None:
    """An answer has no unknown and no empty members; times are epoch seconds."""
    assert answer(sagemaker, "DescribeTrainingJob", {"TrainingJobName": "one"}) == (
        200,
        {"TrainingJobName": "one", "CreationTime": 1767323045.678},
    )


@pytest.mark.parametrize(
    ("operation", "request_", "status", "code", "message"),
    [
        pytest.param(
            "DescribeTrainingJob",
            {},
            400,
            "ValidationException",
            "1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: "
            "Member must not be null",
            id="missing member",
        ),
        pytest.param(
            "AddTags",
            {"ResourceArn": "x" * 300, "Tags": [{"Key": "", "Value": "v"}]},
            400,
            "ValidationException",
            "3 validation errors detected: ",
            id="several at once",
        ),
        pytest.param(
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint/a", "Tags": [{"Value": "v"}]},
            400,
            "ValidationException",
            "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint",
            id="inside a list",
        ),
        pytest.param(
            "DescribeTrainingJob",
            {"TrainingJobName": 5},
            400,
            "SerializationException",
            "INT_VALUE cannot be converted to String at 'trainingJobName'",
            id="wrong type",
        ),
        pytest.param(
            "DescribeTrainingJob", b"{", 400, "SerializationException", "The request body", id="no JSON"
        ),
        pytest.param("Nonsense", {}, 400, "UnknownOperationException", "", id="unknown operation"),
        pytest.param(
            "CreateDomain", {}, 501, "NotImplementedException", "The twin does not implement", id="missing"
        ),
        pytest.param(
            "DescribeTrainingJob",
            {"TrainingJobName": "missing"},
            400,
            "ValidationException",
            "Requested resource not found.",
            id="the handler's refusal",
        ),
    ],
)
def test_refusals(
    sagemaker: Service, operation: str, request_: Any, status: int, code: str, message: str
) -> None:
    """What is wrong is told with AWS's code and words."""
    told = answer(sagemaker, operation, request_)
    assert (told[0], told[1]["__type"]) == (status, code)
    assert told[1]["message"].startswith(message)


def test_rest_request_is_read_from_everywhere() -> None:
    """The runtime's members come from path, headers and body, and go back the same way."""
    service = Service("sagemaker-runtime")

    @service.operation("InvokeEndpoint", "endpoint/{EndpointName}")
    def invoke(request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {
            "Body": request["Body"] + b"!",
            "ContentType": request["ContentType"],
            "InvokedProductionVariant": request["EndpointName"],
        }

    @service.operation("InvokeEndpointWithResponseStream", "endpoint/{EndpointName}")
    def stream(request: dict[str, Any], call: Call) -> RawResponse:
        return RawResponse(b"raw", {"X-Own": "1"}, 206)

    headers = {"content-type": "text/csv"}
    status, given, body = asyncio.run(
        service.handle("POST", "/endpoints/a%2Db/invocations", headers, b"1,2", {})
    )
    assert (status, body) == (200, b"1,2!")
    assert (given["Content-Type"], given["x-Amzn-Invoked-Production-Variant"]) == ("text/csv", "a-b")
    path = "/endpoints/a/invocations-response-stream"
    assert asyncio.run(service.handle("POST", path, headers, b"", {})) == (206, {"X-Own": "1"}, b"raw")


def items(count: int) -> list[dict[str, Any]]:
    return [{"JobArn": f"arn:{index}"} for index in range(count)]


def test_pages_cover_everything_once() -> None:
    """Following the tokens shows each item once, the last page has no token."""
    seen, request = [], {"MaxResults": 3}
    while True:
        page = paginate(items(8), request, "Jobs")
        seen += page["Jobs"]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert seen == items(8)


def test_page_after_a_deleted_item() -> None:
    """When the last item shown is gone, the next page goes on at its place."""
    first = paginate(items(6), {"MaxResults": 2}, "Jobs")
    left = [item for item in items(6) if item["JobArn"] != "arn:1"]
    assert paginate(left, {"NextToken": first["NextToken"], "MaxResults": 2}, "Jobs")["Jobs"] == left[1:3]


def test_broken_token_is_refused() -> None:
    """A token that we did not write is a ValidationException."""
    with pytest.raises(AwsError, match="Invalid or expired NextToken"):
        paginate(items(3), {"NextToken": "???"}, "Jobs")
