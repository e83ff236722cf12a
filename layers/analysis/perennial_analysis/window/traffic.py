"""Captured records as rows, a few megabytes at a time: inputs by name, answers as label and score.

A request may hold many rows, as CSV with or without header, JSON or JSON Lines. Lines of CSV without a header are
parsed together at once; everything else row by row. What cannot be read is counted and shown, never fatal. A row
without an answer is a row all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from arro3.core import Array, DataType

from perennial_analysis.columns import Column, Kind, Table, numbers, texts
from perennial_analysis.readers.arrow import column_of_texts
from perennial_analysis.readers.capture_records import Side
from perennial_analysis.readers.payloads import Row, UnreadablePayload, one_line_each, rows_of
from perennial_analysis.readers.tabular import (
    columns_of_rows,
    parse_lines,
    table_of_texts,
    unique,
)
from perennial_analysis.readers.values import column_of_values
from perennial_analysis.window.answers import NOTHING, Answer, Reader
from perennial_analysis.window.canonical import canonical
from perennial_analysis.window.captured import Located, Place, read_records
from perennial_analysis.window.part import Part
from perennial_analysis.window.request import LABEL, SCORE, Request, Source
from perennial_analysis.words import counted

CHUNK_BYTES = 8 << 20
MOST_ROWS = 50_000
HEADER_SHARE = 0.5
"""A first line is a header if it has more than this share of the features' names."""
NOT_CAPTURED = "no input was captured"

Kinds = Mapping[str, Kind]


@dataclass(frozen=True)
class Batch:
    """Rows of captured records: `inputs` by name, `labels` (None where missing) and `scores` (NaN) [rows] each;
    `sizes` are the records' numbers of rows, beside their ids."""

    inputs: Table
    labels: npt.NDArray[np.object_]
    scores: npt.NDArray[np.float64]
    events: list[str]
    inferences: list[str | None]
    sizes: list[int]

    def table(self, excluded: Sequence[str]) -> Table:
        """Outputs, then inputs, as Model Monitor's baselines have them; a kind of answer that no row has is left out."""
        found: dict[str, Column] = {}
        if self.labels.tolist().count(None) < len(self.labels):
            found[LABEL] = texts(LABEL, self.labels.tolist())
        if np.isfinite(self.scores).any():
            found[SCORE] = numbers(SCORE, np.where(np.isfinite(self.scores), self.scores, np.nan))
        return {name: column for name, column in {**found, **self.inputs}.items() if name not in excluded}


def read_traffic(
    request: Request, sources: Iterable[Source], part: Part, *, kinds: Kinds, inputs: bool = True
) -> Iterator[Batch]:
    """The rows of all records within the window. Counts of requests, rows and losses go to `part`. Without `inputs`
    only answers are read."""
    reader = _Reader(request, part, kinds, inputs)
    size = 0
    for source in sources:
        for found, length in read_records(source, request.start, request.end, part):
            yield from reader.add(found)
            size += length
            if size > CHUNK_BYTES:
                yield from reader.batches()
                size = 0
    yield from reader.batches()


@dataclass
class _Gathered:
    """Rows of one form, before they become columns. Of plain lines, `rows` may be several in one text each."""

    rows: list[Any] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    inferences: list[str | None] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, record: Located, rows: Sequence[Any], answers: Sequence[Answer]) -> None:
        if rows:
            labels, scores = [label for label, _ in answers], [score for _, score in answers]
            self.add_all([record], rows, labels, scores, [len(rows)])

    def add_all(
        self,
        records: Sequence[Located],
        rows: Sequence[Any],
        labels: Sequence[str | None],
        scores: Sequence[float],
        sizes: Sequence[int],
    ) -> None:
        self.rows.extend(rows)
        self.labels.extend(labels)
        self.scores.extend(scores)
        metadata = [each.record.event_metadata for each in records]
        self.events.extend([each.event_id for each in metadata])
        self.inferences.extend([each.inference_id for each in metadata])
        self.places.extend([Place(each.file, each.line) for each in records])
        self.sizes.extend(sizes)

    def batch(self, inputs: Table, kept: Sequence[bool] | None = None) -> Batch:
        sizes = self.sizes
        labels = np.empty(len(self), dtype=object)
        labels[:] = self.labels
        scores = np.array(self.scores, dtype=np.float64)
        if kept is not None:
            labels, scores = labels[kept], scores[kept]
            ends = np.cumsum([0, *sizes])
            sums = np.concatenate([[0], np.cumsum(kept)])
            sizes = (sums[ends[1:]] - sums[ends[:-1]]).tolist()
        return Batch(canonical(inputs), labels, scores, self.events, self.inferences, sizes)


class _Reader:
    def __init__(self, request: Request, part: Part, kinds: Kinds, inputs: bool) -> None:
        self.features = list(request.features)
        self.known = set(self.features)
        self.answers = Reader(request)
        self.part, self.kinds, self.inputs = part, kinds, inputs
        self.plain, self.named, self.values = _Gathered(), _Gathered(), _Gathered()

    def add(self, records: Sequence[Located]) -> Iterator[Batch]:
        """Of plain lines, of text by name, of JSON; held until they are many, or asked for."""
        if self.inputs and self._add_all_plain(records):
            return
        for each in records:
            if not self.inputs:
                self._add_answers(each, self.values)
            elif not self._add_plain(each, self.plain):
                self._add(each, self.named, self.values)
            if len(self.plain) + len(self.named) + len(self.values) > MOST_ROWS:
                yield from self.batches()

    def batches(self) -> Iterator[Batch]:
        """Of what is held."""
        held = (self.plain, self._of_lines), (self.named, self._of_texts), (self.values, self._of_values)
        self.plain, self.named, self.values = _Gathered(), _Gathered(), _Gathered()
        for gathered, parse in held:
            if gathered.rows:
                batch = parse(gathered)
                self.part.rows += len(batch.labels)
                yield batch

    def _add_all_plain(self, records: Sequence[Located]) -> bool:
        """The usual case at once: each request one line of CSV, and each answer too. False if any is otherwise."""
        if len(self.plain) + len(self.named) + len(self.values) + len(records) > MOST_ROWS:
            return False
        captured = [each.record.capture_data for each in records]
        lines = one_line_each([each.endpoint_input or each.batch_transform_input for each in captured])
        answers = one_line_each([each.endpoint_output or each.batch_transform_output for each in captured])
        if not lines or not answers:
            return False
        labels, scores = self.answers.of_lines(answers)
        self.plain.add_all(records, ["\n".join(lines)], labels, scores, [1] * len(records))
        return True

    def _add_plain(self, each: Located, plain: _Gathered) -> bool:
        """Lines of CSV without header and quotes that were answered by as many lines of CSV."""
        given, answer = each.record.capture_data.input, each.record.capture_data.output
        if given is None or answer is None or given.encoding != "CSV" or answer.encoding != "CSV":
            return False
        if not given.data or not answer.data or '"' in answer.data or '"' in given.data:
            return False
        rows, answers = given.data.strip("\r\n").splitlines(), answer.data.strip("\r\n").splitlines()
        # A header is one line more than there are answers.
        if not rows or len(rows) != len(answers) or not all(rows) or not all(answers):
            return False
        plain.add_all([each], rows, *self.answers.of_lines(answers), [len(rows)])
        return True

    def _add(self, each: Located, named: _Gathered, values: _Gathered) -> None:
        given = each.record.capture_data.input
        try:
            if given is None:
                raise UnreadablePayload(NOT_CAPTURED)
            rows, textual = self._named(given)
        except UnreadablePayload as error:
            self.part.broken.add(each.file, each.line, str(error))
            return
        answers = self._answers(each, len(rows))
        fitting = []
        for place, row in enumerate(rows):
            if isinstance(row, dict):
                fitting.append(place)
            else:
                self._odd(each, len(row))
        gathered = named if textual else values
        gathered.add(each, [rows[place] for place in fitting], [answers[place] for place in fitting])

    def _add_answers(self, each: Located, values: _Gathered) -> None:
        answer = each.record.capture_data.output
        if answer is None or not (answer.data or "").strip():
            return
        try:
            found = self.answers.of_side(answer, None)
        except UnreadablePayload as error:
            self.part.broken.add(each.file, each.line, str(error))
            return
        values.add(each, [{}] * len(found), found)

    def _answers(self, each: Located, count: int) -> list[Answer]:
        answer = each.record.capture_data.output
        if answer is None or not (answer.data or "").strip():
            return [NOTHING] * count
        try:
            return self.answers.of_side(answer, count)
        except UnreadablePayload as error:
            self.part.broken.add(each.file, each.line, str(error))
            return [NOTHING] * count

    def _named(self, given: Side) -> tuple[list[Row], bool]:
        """Rows by name, but those of another width as they are, and whether they are text. Raises
        UnreadablePayload."""
        rows, textual = rows_of(given)
        names = self.features
        if textual and rows and self._is_header(rows[0]):
            names, rows = unique([str(cell).strip() for cell in rows[0]]), rows[1:]
        if not rows:
            raise UnreadablePayload("there is no row in it")
        return [_by_name(row, names) for row in rows], textual

    def _is_header(self, cells: Row) -> bool:
        if isinstance(cells, dict) or not self.known:
            return False
        matching = sum(isinstance(cell, str) and cell.strip() in self.known for cell in cells)
        return matching > HEADER_SHARE * len(self.features)

    def _of_lines(self, plain: _Gathered) -> Batch:
        lines = "\n".join([*plain.rows, ""])
        width = len(self.features) or lines[: lines.index("\n")].count(",") + 1
        names = self.features or [f"_c{place}" for place in range(width)]
        try:
            parsed = parse_lines(lines, width)
        except Exception as error:
            if type(error) is not Exception:  # arro3's own are bare
                raise
            parsed = []
        if len(parsed) == 1 and len(parsed[0][0]) == len(plain):
            return plain.batch(table_of_texts(names, parsed[0], self.kinds))
        return self._of_uneven_lines(plain, lines[:-1].split("\n"), names)

    def _of_uneven_lines(self, plain: _Gathered, lines: Sequence[str], names: Sequence[str]) -> Batch:
        cells = [line.split(",") for line in lines]
        kept = [len(row) == len(names) for row in cells]
        ends = np.cumsum(plain.sizes)
        for place, keep in enumerate(kept):
            if not keep:
                self._odd(plain.places[int(np.searchsorted(ends, place, side="right"))], len(cells[place]))
        good = [row for row, keep in zip(cells, kept, strict=True) if keep]
        return plain.batch(table_of_texts(names, columns_of_rows(good, len(names)), self.kinds), kept)

    def _odd(self, each: Located | Place, width: int) -> None:
        self.part.odd[width] = self.part.odd.get(width, 0) + 1
        self.part.broken.add(
            each.file, each.line, f"a row has {counted(width, 'cell')}, not {len(self.features)}"
        )

    def _of_texts(self, gathered: _Gathered) -> Batch:
        columns: dict[str, Column] = {}
        for name in _names(gathered.rows):
            cells = Array([row.get(name) or None for row in gathered.rows], type=DataType.utf8())
            columns[name] = column_of_texts(name, cells, self.kinds.get(name))
        return gathered.batch(columns)

    def _of_values(self, gathered: _Gathered) -> Batch:
        columns = {
            name: column_of_values(name, [row.get(name) for row in gathered.rows], self.kinds.get(name))
            for name in _names(gathered.rows)
        }
        return gathered.batch(columns)


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _by_name(row: Row, names: Sequence[str]) -> Row:
    if isinstance(row, dict) or (names and len(row) != len(names)):
        return row
    return dict(zip(names or [f"_c{place}" for place in range(len(row))], row, strict=True))
