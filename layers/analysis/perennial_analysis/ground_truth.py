"""Labels that arrive later, joined to the predictions that were captured.

A label file is Model Monitor's ground truth: JSON Lines of

    {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "..."}, "eventVersion": "0"}

or one JSON array of such records, or a line that is an array. One record may hold many labels, one for each
prediction of the record it belongs to: CSV lines, the cells of a single CSV line, or JSON lists. A record that
cannot be read is counted and told, never fatal. A label belongs to the captured record whose inferenceId it
names, else to the one whose eventId it names.
"""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Label = str | int | float | bool
LISTS = ("instances", "predictions", "labels")
MOST_PROBLEMS_SHOWN = 5
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Data(msgspec.Struct):
    data: Any
    encoding: str = "CSV"


class _Event(msgspec.Struct, rename="camel"):
    event_id: str | int | None = None
    inference_id: str | int | None = None


class _Record(msgspec.Struct, rename="camel"):
    ground_truth_data: _Data
    event_metadata: _Event


_DECODER: msgspec.json.Decoder[_Record | list[_Record]] = msgspec.json.Decoder(_Record | list[_Record])


@dataclass(frozen=True)
class LabelFile:
    """`arrived`, if known, is when it was uploaded (UTC): only then can its labels be late."""

    content: bytes
    arrived: datetime | None = None
    name: str = "a label file"


@dataclass(frozen=True)
class Event:
    """The labels of one captured record; None where a single label is missing."""

    labels: tuple[Label | None, ...]
    arrived: datetime | None


@dataclass
class GroundTruth:
    """What the label files say. `broken` records could not be read; of a repeated event the last one counts."""

    events: dict[str, Event] = field(default_factory=dict)
    broken: int = 0
    repeated: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Join:
    """The predictions that have a label: their places, [labelled] ascending, and the labels, [labelled] objects."""

    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.object_]
    predictions: int
    late: int
    mismatched: int
    unmatched: int
    truth: GroundTruth

    @property
    def coverage(self) -> float | None:
        """The share of predictions that have a label; None without predictions."""
        return len(self.rows) / self.predictions if self.predictions else None

    def document(self) -> dict[str, Any]:
        """The counts, for a file beside the report: up to `late` they count predictions, below records."""
        return {
            "version": 1,
            "predictions": self.predictions,
            "labelled": len(self.rows),
            "missing": self.predictions - len(self.rows),
            "late": self.late,
            "coverage": self.coverage,
            "mismatched_records": self.mismatched,
            "unmatched_records": self.unmatched,
            "repeated_records": self.truth.repeated,
            "broken_records": self.truth.broken,
            "problems": self.truth.problems,
        }


def read_labels(files: Iterable[LabelFile], attribute: str | None = None) -> GroundTruth:
    """Read label files in the order given: the last label of an event counts.

    `attribute` names the label among the keys of a JSON object; of a JMESPath such as `instances[*].label` the
    last part counts. Without it an object's `label`, or its only key, is taken.
    """
    truth = GroundTruth()
    key = attribute.rsplit(".", 1)[-1] if attribute else None
    for file in files:
        for record in _records(file, truth):
            try:
                name, labels = _event_name(record.event_metadata), _labels(record.ground_truth_data, key)
            except ValueError as error:
                _tell(truth, f"{file.name}: {error}")
                continue
            truth.repeated += name in truth.events
            truth.events[name] = Event(labels, file.arrived)
    return truth


def join(
    truth: GroundTruth,
    event_ids: Sequence[str],
    inference_ids: Sequence[str | None] | None = None,
    *,
    times: Sequence[datetime] | None = None,
    due: timedelta | None = None,
) -> Join:
    """Join labels to predictions, [rows] each: rows of one captured record stand together and share its eventId.

    A label is late when it arrived more than `due` after its prediction's time (UTC); late labels are joined all
    the same. A record with another number of labels than predictions is mismatched and its rows stay unlabelled.
    Unmatched are labels of records that are not among the predictions: those of another window, mostly.
    """
    total = len(event_ids)
    for name, column in (("inferenceIds", inference_ids), ("times", times)):
        if column is not None and len(column) != total:
            raise ValueError(f"{total} eventIds, but {len(column)} {name}")
    rows: list[int] = []
    labels: list[Label] = []
    used: set[str] = set()
    late = mismatched = 0
    for start, end in _captured(event_ids, inference_ids):
        other = inference_ids[start] if inference_ids is not None else None
        name = other if other is not None and other in truth.events else event_ids[start]
        event = truth.events.get(name)
        if event is None:
            continue
        used.add(name)
        if len(event.labels) != end - start:
            mismatched += 1
            continue
        present = [(start + i, label) for i, label in enumerate(event.labels) if label is not None]
        rows.extend(row for row, _ in present)
        labels.extend(label for _, label in present)
        if times is not None and due is not None and event.arrived is not None:
            late += sum(_utc(event.arrived) - _utc(times[row]) > due for row, _ in present)
    unmatched = len(truth.events) - len(used)
    objects = np.empty(len(labels), dtype=object)
    objects[:] = labels
    return Join(np.array(rows, dtype=np.intp), objects, total, late, mismatched, unmatched, truth)


def _captured(
    event_ids: Sequence[str], inference_ids: Sequence[str | None] | None
) -> Iterator[tuple[int, int]]:
    """Start and end of each captured record among the rows."""
    start = 0
    for row in range(1, len(event_ids) + 1):
        ends = row == len(event_ids) or event_ids[row] != event_ids[start]
        if ends or (inference_ids is not None and inference_ids[row] != inference_ids[start]):
            yield start, row
            start = row


def _records(file: LabelFile, truth: GroundTruth) -> Iterator[_Record]:
    content = file.content.removeprefix(b"\xef\xbb\xbf")
    found: list[_Record | list[_Record]]
    try:
        found = _DECODER.decode_lines(content)
    except UNREADABLE:
        try:
            found = [_DECODER.decode(content)]
        except UNREADABLE:
            found = list(_line_by_line(content, file, truth))
    for item in found:
        yield from item if isinstance(item, list) else (item,)


def _line_by_line(content: bytes, file: LabelFile, truth: GroundTruth) -> Iterator[_Record | list[_Record]]:
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield _DECODER.decode(line)
        except UNREADABLE as error:
            _tell(truth, f"{file.name}, line {number}: {error}")


def _tell(truth: GroundTruth, problem: str) -> None:
    truth.broken += 1
    if len(truth.problems) < MOST_PROBLEMS_SHOWN:
        truth.problems.append(problem)


def _event_name(event: _Event) -> str:
    name = event.inference_id if event.inference_id not in (None, "") else event.event_id
    if name in (None, ""):
        raise ValueError("a label has neither inferenceId nor eventId")
    return str(name)


def _labels(found: _Data, key: str | None) -> tuple[Label | None, ...]:
    data, encoding = found.data, found.encoding.upper()
    if encoding == "BASE64":
        try:
            data = base64.b64decode(data, validate=True).decode()
        except (TypeError, binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"a label is not BASE64 text: {error}") from error
        encoding = "JSON" if data.lstrip()[:1] in ("{", "[") else "CSV"
    if not isinstance(data, str):
        return tuple(_from_json(data, key))
    if encoding != "JSON":
        return tuple(_from_csv(data))
    try:
        return tuple(_from_json(msgspec.json.decode(data), key))
    except UNREADABLE as error:
        raise ValueError(f"a label is not JSON: {error}") from error


def _from_csv(data: str) -> Iterable[Label | None]:
    if "," not in data and "\n" not in data and '"' not in data:
        return (data.strip() or None,)
    try:
        lines = [line for line in csv.reader(data.splitlines()) if line]
    except csv.Error as error:
        raise ValueError(f"a label is not CSV: {error}") from error
    cells = lines[0] if len(lines) == 1 else [line[0] for line in lines]
    return [cell.strip() or None for cell in cells]


def _from_json(data: Any, key: str | None) -> Iterator[Label | None]:
    if isinstance(data, list):
        for item in data:
            yield from _from_json(item, key)
    elif isinstance(data, Mapping):
        yield from _from_json(_inside(data, key), key)
    else:
        yield data


def _inside(data: Mapping[str, Any], key: str | None) -> Any:
    wanted = [name for name in ((key,) if key else ("label",)) if name in data]
    wanted += [name for name in LISTS if name in data]
    if not wanted and key is None and len(data) == 1:
        wanted = list(data)
    if not wanted:
        raise ValueError(
            f"a label has no {key or 'label'!r} among its keys: {', '.join(sorted(data)) or 'none'}"
        )
    return data[wanted[0]]


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
