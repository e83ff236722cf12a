"""Data Capture on the twin: what is written, where, by whom, and when."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, allow, eventually, unique
from serving_endpoints import VARIANT, Endpoints

TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


class Captured:
    """An endpoint that captures, and what it has captured."""

    def __init__(self, endpoints: Endpoints, **settings: Any) -> None:
        self.endpoints, self.prefix = endpoints, unique("capture")
        both = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
        settings = {"CaptureOptions": both, "CaptureContentTypeHeader": TYPES, **settings}
        config = endpoints.config(
            endpoints.model(answer="v1"), capture=endpoints.capture(f"{self.prefix}/", **settings)
        )
        self.config = config
        self.name = endpoints.start(config)
        assert endpoints.settled(self.name)["EndpointStatus"] == "InService"

    def keys(self) -> list[str]:
        listed = self.endpoints.twin.client("s3").list_objects_v2(
            Bucket=self.endpoints.bucket, Prefix=self.prefix
        )
        return [item["Key"] for item in listed.get("Contents", [])]

    def lines(self) -> list[dict[str, Any]]:
        s3, bucket = self.endpoints.twin.client("s3"), self.endpoints.bucket
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in self.keys()]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def send(self, body: bytes = b"1,2\n", **more: Any) -> None:
        self.endpoints.invoke(self.name, body, **{"ContentType": "text/csv", **more})


@pytest.fixture
def capturing(endpoints: Endpoints) -> Callable[..., Captured]:
    """Make endpoints that capture, with settings over the usual ones."""
    return lambda **settings: Captured(endpoints, **settings)


def test_a_record_has_awss_shape_and_place(capturing: Callable[..., Captured]) -> None:
    """Input and output, ids, attributes and the second of the inference, in the folder of its hour."""
    endpoint, before = capturing(), datetime.now(UTC).replace(microsecond=0)
    endpoint.send(b"1,2\n3,4\n", InferenceId="id-7", CustomAttributes="trace=1")
    eventually(endpoint.keys)
    (key,), (record,) = endpoint.keys(), endpoint.lines()
    at = datetime.fromisoformat(record["eventMetadata"]["inferenceTime"])
    assert before <= at <= datetime.now(UTC)
    folder = f"{endpoint.prefix}/{endpoint.name}/{VARIANT}/{at:%Y/%m/%d/%H}"
    assert re.fullmatch(re.escape(folder) + rf"/{at:%M-%S}-\d{{3}}-[0-9a-f-]{{36}}\.jsonl", key), key
    output = record["captureData"].pop("endpointOutput")
    event_id = record["eventMetadata"].pop("eventId")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event_id)
    assert record == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "1,2\n3,4\n",
                "encoding": "CSV",
            }
        },
        "eventMetadata": {
            "inferenceId": "id-7",
            "customAttributes": ["trace=1"],
            "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }
    assert (output["mode"], output["encoding"], output["observedContentType"]) == (
        "OUTPUT",
        "JSON",
        "application/json",
    )
    assert json.loads(output["data"])["answer"] == "v1"


@pytest.mark.parametrize(
    ("settings", "content_type", "encoding"),
    [
        pytest.param({}, "text/csv; charset=utf-8", "CSV", id="parameters of the type do not count"),
        pytest.param({}, "application/json", "JSON", id="JSON"),
        pytest.param({}, "application/jsonlines", "BASE64", id="a type that is not listed"),
        pytest.param({"CaptureContentTypeHeader": {}}, "text/csv", "BASE64", id="no types listed"),
    ],
)
def test_only_listed_types_are_text(
    capturing: Callable[..., Captured], settings: dict[str, Any], content_type: str, encoding: str
) -> None:
    """A content type that CaptureContentTypeHeader does not list is captured as BASE64."""
    endpoint = capturing(**settings)
    endpoint.send(b"[1]", ContentType=content_type)
    (record,) = eventually(endpoint.lines)
    captured = record["captureData"]["endpointInput"]
    assert captured["encoding"] == encoding
    data = captured["data"]
    assert (base64.b64decode(data) if encoding == "BASE64" else data.encode()) == b"[1]"


def test_only_what_is_asked_for_is_captured(capturing: Callable[..., Captured]) -> None:
    """With the option Output alone, the input stays out."""
    endpoint = capturing(CaptureOptions=[{"CaptureMode": "Output"}])
    endpoint.send()
    (record,) = eventually(endpoint.lines)
    assert list(record["captureData"]) == ["endpointOutput"]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"InitialSamplingPercentage": 0}, id="none sampled"),
        pytest.param({"EnableCapture": False}, id="switched off"),
    ],
)
def test_nothing_is_captured_unasked(
    twin: Twin, capturing: Callable[..., Captured], settings: dict[str, Any]
) -> None:
    """An endpoint that samples nothing, or whose capture is off, writes nothing."""
    endpoint = capturing(**settings)
    endpoint.send()
    twin.admin("POST", "capture/flush")
    assert endpoint.keys() == []


def test_a_refused_request_is_not_captured(twin: Twin, capturing: Callable[..., Captured]) -> None:
    """What the model refuses is an error for the caller and no record."""
    endpoint = capturing()
    with pytest.raises(ClientError, match="client error"):
        endpoint.send(b"bad")
    endpoint.send(b"good")
    twin.admin("POST", "capture/flush")
    assert [one["captureData"]["endpointInput"]["data"] for one in endpoint.lines()] == ["good"]


def test_records_share_files(twin: Twin, capturing: Callable[..., Captured]) -> None:
    """Requests of the same while are lines of the same file, each with an id of its own."""
    endpoint = capturing()
    for number in range(20):
        endpoint.send(f"{number}\n".encode())
    twin.admin("POST", "capture/flush")
    records = endpoint.lines()
    assert len(endpoint.keys()) < len(records) == 20
    assert len({record["eventMetadata"]["eventId"] for record in records}) == 20


def test_the_capture_clock_moves_folder_and_time(twin: Twin, capturing: Callable[..., Captured]) -> None:
    """While the capture clock is shifted, records carry its time; what came before keeps its own."""
    endpoint = capturing()
    endpoint.send(b"now")
    try:
        assert twin.admin("POST", "capture-clock", offset_seconds=-10800) == {"offset_seconds": -10800.0}
        endpoint.send(b"then")
    finally:
        twin.admin("POST", "capture-clock", offset_seconds=0)
    assert twin.admin("GET", "capture-clock") == {"offset_seconds": 0.0}
    times = {
        one["captureData"]["endpointInput"]["data"]: datetime.fromisoformat(
            one["eventMetadata"]["inferenceTime"]
        )
        for one in endpoint.lines()
    }
    shift = times["now"] - times["then"]
    assert abs(shift - timedelta(hours=3)) < timedelta(minutes=1)
    assert any(f"/{VARIANT}/{times['then']:%Y/%m/%d/%H}/" in key for key in list(endpoint.keys()))


def test_the_last_records_are_written_when_the_endpoint_goes(
    endpoints: Endpoints, capturing: Callable[..., Captured]
) -> None:
    """Deleting an endpoint writes what it still holds, into the old place."""
    endpoint = capturing()
    endpoint.send(b"last words")
    endpoints.sagemaker.delete_endpoint(EndpointName=endpoint.name)
    (record,) = eventually(endpoint.lines)
    assert record["captureData"]["endpointInput"]["data"] == "last words"


def test_a_role_that_may_not_write_loses_capture_and_no_request(twin: Twin, endpoints: Endpoints) -> None:
    """The execution role writes the files: without s3:PutObject requests go on, and the log tells the loss."""
    own = [f"arn:aws:s3:::{endpoints.bucket}", f"arn:aws:s3:::{endpoints.bucket}/*"]
    reader = twin.role(unique("reader"), allow(["s3:GetObject", "s3:ListBucket"], own))
    endpoint = Captured(Endpoints(twin, endpoints.bucket, reader))
    endpoint.send()
    twin.admin("POST", "capture/flush")
    group, logs = f"/aws/sagemaker/Endpoints/{endpoint.name}", twin.client("logs")
    told = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    lost = [line for line in told if line.startswith("Data capture lost 1 record(s)")]
    assert len(lost) == 1
    assert "s3:PutObject" in lost[0]
    assert endpoint.keys() == []


def test_describe_endpoint_tells_what_is_captured(
    endpoints: Endpoints, capturing: Callable[..., Captured]
) -> None:
    """DescribeEndpoint's summary says that capture runs, where to, and how much of the traffic."""
    endpoint = capturing(InitialSamplingPercentage=25)
    summary = endpoints.describe(endpoint.name)["DataCaptureConfig"]
    assert summary["CaptureStatus"] == "Started"
    assert summary["CurrentSamplingPercentage"] == 25
    assert summary["DestinationS3Uri"] == f"s3://{endpoints.bucket}/{endpoint.prefix}/"
