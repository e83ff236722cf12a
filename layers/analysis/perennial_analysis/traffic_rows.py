"""Captured inputs with the labels that came for them, as rows to learn from: text cells, as they were sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from perennial_analysis.ground_truth import Event, GroundTruth, LabelFile, read_labels
from perennial_analysis.readers.capture_records import Record, read_records
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.payloads import Row, UnreadablePayload, rows_of
from perennial_analysis.readers.values import written
from perennial_analysis.words import counted

Open = Callable[[], IO[bytes]]


@dataclass
class Counts:
    """Grow while rows are drawn: invocations seen, those without a label, and what could not be used."""

    records: int = 0
    unlabelled: int = 0
    unknown_labels: int = 0
    losses: Losses = field(default_factory=Losses)


def labelled_rows(
    captures: Iterable[Open],
    labels: Iterable[tuple[str, Open]],
    features: Sequence[str],
    classes: Sequence[str],
    start: datetime,
    end: datetime,
    counts: Counts,
) -> Iterator[list[str]]:
    """Cells in the order of `features`, the label last, for start <= inferenceTime < end (UTC).

    Only the labels are held in memory, and one block of a capture file. With `classes` (none for regression) a label
    that is no class is left out and counted, as is what cannot be read.
    """
    truth = read_labels(_label_files(labels))
    counts.losses.add("; ".join(truth.problems) or "labels", truth.broken)
    known = {each.casefold(): each for each in classes} | {each: each for each in classes}
    for opened in captures:
        with opened() as file:
            for records in read_records(file, start=start, end=end, losses=counts.losses):
                for record in records:
                    yield from _rows(record, truth, features, known, counts)


def _label_files(labels: Iterable[tuple[str, Open]]) -> Iterator[LabelFile]:
    for name, opened in labels:
        with opened() as file:
            yield LabelFile(file.read(), name=name)


def _rows(
    record: Record, truth: GroundTruth, features: Sequence[str], known: Mapping[str, str], counts: Counts
) -> Iterator[list[str]]:
    counts.records += 1
    event = _event(record, truth)
    if event is None or record.capture_data.input is None:
        counts.unlabelled += 1
        return
    try:
        rows, texts = rows_of(record.capture_data.input)
        if texts and rows and isinstance(rows[0], list) and set(features) <= set(rows[0]):  # a header
            rows = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
        if len(rows) != len(event.labels):
            raise UnreadablePayload(
                f"{counted(len(rows), 'row')} went in, {counted(len(event.labels), 'label')} came"
            )
        cells = [_cells(row, features) for row in rows]
    except UnreadablePayload as error:
        counts.losses.add(f"record {record.event_metadata.event_id}: {error}")
        return
    for row, label in zip(cells, event.labels, strict=True):
        text = _class(label, known)
        if text is None:
            counts.unknown_labels += 1
        else:
            yield [*row, text]


def _event(record: Record, truth: GroundTruth) -> Event | None:
    meta = record.event_metadata
    by_caller = truth.events.get(meta.inference_id) if meta.inference_id else None
    return by_caller or truth.events.get(meta.event_id)


def _cells(row: Row, features: Sequence[str]) -> list[str]:
    if isinstance(row, dict):
        return [_text(row.get(name)) for name in features]
    if len(row) != len(features):
        raise UnreadablePayload(f"a row has {counted(len(row), 'cell')}, not {len(features)}")
    return [_text(cell) for cell in row]


def _text(value: Any) -> str:
    """A missing cell is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else written(value)


def _class(label: Any, known: Mapping[str, str]) -> str | None:
    """The label as the classes spell it; `1.0` and `1` are the same, and so are `true` and `True`. None when it is
    missing or no class."""
    text = _text(label)
    if not text or not known:
        return text or None
    try:
        whole = f"{int(float(text))}" if float(text).is_integer() else ""
    except (ValueError, OverflowError):
        whole = ""
    return known.get(text) or known.get(text.casefold()) or known.get(whole)
