"""What Data Capture writes: the settings of an endpoint config, a record, and the place of a file. Pure."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

CAPTURED = {"Input": {"Input"}, "Output": {"Output"}, "InputAndOutput": {"Input", "Output"}}


@dataclass(frozen=True)
class Settings:
    """`DataCaptureConfig` of an endpoint config. `destination` is an S3 URI without a slash at its end."""

    destination: str
    percent: float
    input: bool
    output: bool
    csv: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> "Settings | None":
        """None when nothing is captured."""
        if config is None or not config.get("EnableCapture", True):
            return None
        modes = set().union(*(CAPTURED[option["CaptureMode"]] for option in config["CaptureOptions"]))
        types = config.get("CaptureContentTypeHeader", {})
        return cls(
            config["DestinationS3Uri"].rstrip("/"),
            config["InitialSamplingPercentage"],
            "Input" in modes,
            "Output" in modes,
            _lower(types.get("CsvContentTypes", ())),
            _lower(types.get("JsonContentTypes", ())),
        )


@dataclass(frozen=True)
class Payload:
    """A body and its content type as sent."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class Invocation:
    """One request that was answered, at a time of the capture clock."""

    at: datetime
    input: Payload
    output: Payload
    event_id: str
    inference_id: str | None = None
    custom_attributes: str | None = None

    @property
    def size(self) -> int:
        return len(self.input.body) + len(self.output.body)


def line(invocation: Invocation, settings: Settings) -> str:
    """One line of a capture file, without its newline."""
    data = {}
    if settings.input:
        data["endpointInput"] = _captured(invocation.input, "INPUT", settings)
    if settings.output:
        data["endpointOutput"] = _captured(invocation.output, "OUTPUT", settings)
    metadata: dict[str, Any] = {"eventId": invocation.event_id}
    if invocation.custom_attributes is not None:
        metadata["customAttributes"] = [invocation.custom_attributes]
    if invocation.inference_id is not None:
        metadata["inferenceId"] = invocation.inference_id
    metadata["inferenceTime"] = f"{invocation.at:%Y-%m-%dT%H:%M:%SZ}"
    record = {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def _captured(payload: Payload, mode: str, settings: Settings) -> dict[str, str]:
    data, encoding = _encoded(payload, settings)
    return {
        "observedContentType": payload.content_type,
        "mode": mode,
        "data": data,
        "encoding": encoding,
    }


def _encoded(payload: Payload, settings: Settings) -> tuple[str, str]:
    """As text where the content type is listed, else (or when it is no text) as BASE64."""
    media_type = payload.content_type.partition(";")[0].strip().lower()
    listed = (("CSV", settings.csv), ("JSON", settings.json))
    encoding = next((name for name, types in listed if media_type in types), None)
    if encoding is not None:
        try:
            return payload.body.decode(), encoding
        except UnicodeDecodeError:
            pass  # not the text it says it is
    return base64.b64encode(payload.body).decode(), "BASE64"


def file_uri(settings: Settings, endpoint: str, variant: str, at: datetime) -> str:
    """The URI of a fresh file for records of the hour of `at`, its first record's time."""
    folder = f"{settings.destination}/{endpoint}/{variant}/{at:%Y/%m/%d/%H}"
    return f"{folder}/{at:%M-%S}-{at.microsecond // 1000:03d}-{uuid4()}.jsonl"


def _lower(types: Iterable[str]) -> frozenset[str]:
    return frozenset(one.lower() for one in types)
