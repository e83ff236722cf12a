"""What is kept of a request and its answer, in the layout and the record format of SageMaker's Data Capture.

SageMaker captures none of a serverless endpoint's traffic; what comes through the API's predict route is captured here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid5

from perennial import layout
from perennial.endpoint_config import CAPTURED_AS_CSV, CAPTURED_AS_JSON, VARIANT

LARGEST_MESSAGE = 200_000  # bytes; SQS took 256 KiB for long, and queues elsewhere still do
_ENCODINGS = {**dict.fromkeys(CAPTURED_AS_CSV, "CSV"), **dict.fromkeys(CAPTURED_AS_JSON, "JSON")}


@dataclass(frozen=True)
class Payload:
    """A body and its content type as sent."""

    body: bytes
    content_type: str


def record(
    request: Payload,
    answer: Payload,
    *,
    event_id: str,
    inference_id: str,
    at: datetime,
    attributes: str | None = None,
) -> str:
    """One line of a capture file, without its newline."""
    metadata: dict[str, Any] = {"eventId": event_id}
    if attributes is not None:
        metadata["customAttributes"] = [attributes]
    metadata |= {"inferenceId": inference_id, "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    document = {
        "captureData": {
            "endpointInput": _captured(request, "INPUT"),
            "endpointOutput": _captured(answer, "OUTPUT"),
        },
        "eventMetadata": metadata,
        "eventVersion": "0",
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _captured(payload: Payload, mode: str) -> dict[str, str]:
    data, encoding = _encoded(payload)
    return {"observedContentType": payload.content_type, "mode": mode, "data": data, "encoding": encoding}


def _encoded(payload: Payload) -> tuple[str, str]:
    encoding = _ENCODINGS.get(payload.content_type.partition(";")[0].strip().lower())
    if encoding:
        try:
            return payload.body.decode(), encoding
        except UnicodeDecodeError:
            pass  # not the text it says it is
    return base64.b64encode(payload.body).decode(), "BASE64"


@dataclass(frozen=True)
class Captured:
    """A record on its way: a message of the queue. What is too large for one lies under `elsewhere` in the bucket.
    `again`: it comes from the dead letters, and may have been written before."""

    model: str
    endpoint: str
    at: str  # ISO, of the request
    event_id: str
    line: str = ""
    elsewhere: str = ""
    again: bool = False

    @classmethod
    def read(cls, body: str) -> Self:
        """Raises ValueError when it is none of ours."""
        try:
            return cls(**json.loads(body))
        except TypeError as error:
            raise ValueError(f"no captured record: {error}") from error

    def body(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @property
    def folder(self) -> str:
        """By the hour of the request, as Data Capture has it."""
        at = datetime.fromisoformat(self.at)
        return f"{layout.capture_prefix(self.model)}/{self.endpoint}/{VARIANT}/{at:%Y/%m/%d/%H}/"


def overflow_key(model: str, event_id: str) -> str:
    """Where the line of a large record waits."""
    return f"{layout.OVERFLOW_PREFIX}{model}/{event_id}.json"


def by_folder(found: Iterable[Captured]) -> Mapping[str, Sequence[Captured]]:
    """Each record once, in the order of its time."""
    folders: dict[str, dict[str, Captured]] = {}
    for each in found:
        folders.setdefault(each.folder, {})[each.event_id] = each
    return {
        folder: sorted(records.values(), key=lambda each: (each.at, each.event_id))
        for folder, records in folders.items()
    }


def file_name(records: Sequence[Captured]) -> str:
    """Minutes, seconds and milliseconds of the first record, and an id that only these records have: written twice, it
    is one object."""
    at = datetime.fromisoformat(records[0].at)
    identity = uuid5(NAMESPACE_URL, " ".join(sorted(each.event_id for each in records)))
    return f"{at:%M-%S}-{at.microsecond // 1000:03d}-{identity}.jsonl"
