"""What two variants answered to the same requests, from Data Capture's records. Pure.

AWS does not say whether the records of a request and of its copy share an event id, and an inference id is there only
when the caller gave one. What surely is the same is the request itself: records are joined by their input's bytes, and
equal inputs in the order of their capture.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class Prediction(NamedTuple):
    """Of one row: a class, a number, or both."""

    label: str | None
    score: float | None


@dataclass(frozen=True)
class Answered:
    """A captured request: a digest of what was asked, and what was answered, by row."""

    asked: bytes
    predictions: tuple[Prediction, ...]


def read(
    lines: Iterable[bytes], start: datetime, end: datetime, classes: bool, left_out: str
) -> Iterator[Answered]:
    """The records within [start, end) that can be read. `left_out` is an inference id that is no traffic."""
    for line in lines:
        try:
            record = json.loads(line)
            metadata, data = record["eventMetadata"], record["captureData"]
            at = datetime.fromisoformat(metadata["inferenceTime"])
            if not start <= at < end or metadata.get("inferenceId") == left_out:
                continue
            asked = hashlib.sha256(_bytes(data["endpointInput"])).digest()
            output = data["endpointOutput"]
            text = _bytes(output).decode()
            yield Answered(asked, predictions(text, str(output.get("observedContentType", "")), classes))
        except (ValueError, KeyError, TypeError):
            continue  # one record less to compare; how many were joined is told


def predictions(text: str, content_type: str, classes: bool) -> tuple[Prediction, ...]:
    """An answer's rows. Raises ValueError when it is in none of the forms that our container answers in."""
    if "jsonlines" in content_type:
        return tuple(_of_json(json.loads(line)) for line in text.splitlines() if line)
    if "json" in content_type:
        document = json.loads(text)
        rows = document.get("predictions") if isinstance(document, Mapping) else document
        if not isinstance(rows, list):
            raise ValueError("no predictions")
        return tuple(_of_json(row) for row in rows)
    return tuple(_of_cells(row, classes) for row in csv.reader(text.splitlines()) if row)


def joined(
    production: Iterable[Answered], shadow: Iterable[Answered]
) -> Iterator[tuple[tuple[Prediction, ...], tuple[Prediction, ...]]]:
    """Both answers to each request that both were asked and answered in as many rows."""
    waiting: defaultdict[bytes, deque[tuple[Prediction, ...]]] = defaultdict(deque)
    for answered in production:
        waiting[answered.asked].append(answered.predictions)
    for answered in shadow:
        queue = waiting.get(answered.asked)
        if queue:
            ours = queue.popleft()
            if len(ours) == len(answered.predictions):
                yield ours, answered.predictions


def _bytes(side: Mapping[str, Any]) -> bytes:
    data = str(side["data"])
    if side.get("encoding") != "BASE64":
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _of_json(row: Any) -> Prediction:
    if not isinstance(row, Mapping):
        return Prediction(None, _number(row)) if not isinstance(row, str) else Prediction(row, None)
    label, score = row.get("predicted_label"), row.get("score")
    return Prediction(None if label is None else str(label), None if score is None else _number(score))


def _of_cells(row: list[str], classes: bool) -> Prediction:
    if not classes:
        return Prediction(None, _number(row[-1]))
    if "." in row[0] and _is_number(row[0]):  # probabilities alone were asked for
        return Prediction(None, _number(row[0]))
    return Prediction(row[0], _number(row[1]) if len(row) > 1 else None)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number
