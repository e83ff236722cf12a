"""Data Capture as tables: output columns, then input columns, as Model Monitor's baselines have them.

CSV on both sides, the usual case, is joined line by line and parsed at once; everything else goes row by row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from arro3.core import Array, DataType

from perennial_analysis.columns import Column, Table
from perennial_analysis.readers.arrow import column_of_texts
from perennial_analysis.readers.capture_records import Record, read_blocks
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.payloads import Row, UnreadablePayload, aligned, one_line_each, rows_of
from perennial_analysis.readers.tabular import Kinds, columns_of_rows, parse_lines, table_of_texts
from perennial_analysis.readers.values import column_of_values, written
from perennial_analysis.words import counted

CHUNK_CHARACTERS = 8 << 20


@dataclass(frozen=True)
class Names:
    """Of cells that come without: input columns in their order, output columns in theirs. Others are _c0, _c1 ..."""

    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()


def read_captures(
    files: Iterable[IO[bytes]],
    *,
    names: Names | None = None,
    kinds: Kinds | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    losses: Losses | None = None,
) -> Iterator[Table]:
    """The rows of all records with start <= inferenceTime < end, a few megabytes at a time. What cannot be read is
    counted in `losses`: lines and payloads as one each, rows of another width one by one."""
    lost = losses if losses is not None else Losses()
    held, size = _Held(names or Names(), lost), 0
    for file in files:
        for block in read_blocks(file, start=start, end=end, losses=lost):
            lengths: list[int] = []
            for records in block:
                lengths.extend(held.add(records))
            step = 1 + len(lengths) // 16
            size += step * sum(lengths[::step])
            if size > CHUNK_CHARACTERS:
                yield from held.tables(kinds)
                held, size = _Held(names or Names(), lost), 0
    yield from held.tables(kinds)


def _length(record: Record) -> int:
    captured = record.capture_data
    sides = captured.input, captured.output
    return sum([len(side.data) for side in sides if side and side.data])


def tables_of_records(
    records: Sequence[Record], names: Names, kinds: Kinds | None, losses: Losses
) -> Iterator[Table]:
    """At most one table of the lines of CSV and one of everything else."""
    held = _Held(names, losses)
    held.add(records)
    yield from held.tables(kinds)


@dataclass
class _Held:
    """Rows of records before they become columns: lines of CSV, several in one text each, and everything else."""

    names: Names
    losses: Losses
    lines: list[str] = field(default_factory=list)
    widths: Counter[int] = field(default_factory=Counter)
    others: list[tuple[dict[str, Any], set[str]]] = field(default_factory=list)

    def add(self, records: Sequence[Record]) -> list[int]:
        """The lengths of the records' data."""
        captured = [each.capture_data for each in records]
        given = [each.endpoint_input or each.batch_transform_input for each in captured]
        answers = [each.endpoint_output or each.batch_transform_output for each in captured]
        lines, answered = one_line_each(given), one_line_each(answers)
        if lines and answered:
            # The usual case at once: each request one line of CSV, and each answer too.
            self.lines.append("\n".join(map("{},{}".format, answered, lines)))
            several = "," in "".join(answered)
            self.widths.update([each.count(",") + 1 for each in answered] if several else {1: len(answered)})
            return [
                len(a.data or "") + len(b.data or "") for a, b in zip(given, answers, strict=True) if a and b
            ]
        for record in records:
            if not _add_lines(record, self.names, self.lines, self.widths):
                try:
                    self.others.extend(_rows(record, self.names))
                except UnreadablePayload as error:
                    self.losses.add(f"record {record.event_metadata.event_id}: {error}")
        return list(map(_length, records))

    def tables(self, kinds: Kinds | None) -> Iterator[Table]:
        if self.lines:
            outputs = max(self.widths, key=self.widths.__getitem__)
            named = [
                *self.names.outputs[:outputs],
                *(f"_c{k}" for k in range(len(self.names.outputs), outputs)),
                *self.names.inputs,
            ]
            text = "\n".join([*self.lines, ""])
            yield from _parse(text, named, kinds, self.losses, exact=bool(self.names.inputs))
        if self.others:
            yield _table(self.others, kinds)


def _add_lines(record: Record, names: Names, lines: list[str], widths: Counter[int]) -> bool:
    """Add a record's rows if both sides are plain lines of CSV, as many out as in, without a header."""
    captured = record.capture_data
    given = captured.endpoint_input or captured.batch_transform_input
    answer = captured.endpoint_output or captured.batch_transform_output
    if given is None or answer is None or given.encoding != "CSV" or answer.encoding != "CSV":
        return False
    if not given.data or not answer.data:
        return False
    inputs, outputs = given.data.strip("\r\n"), answer.data.strip("\r\n")
    several = "\n" in inputs
    if '"' in outputs or (several and '"' in inputs):
        return False
    if not several and "\n" not in outputs:
        lines.append(f"{outputs},{inputs}")
        widths[outputs.count(",") + 1] += 1
        return bool(inputs)
    rows, answers = inputs.splitlines(), outputs.splitlines()
    if len(rows) != len(answers) or not all(rows) or not all(answers):
        return False
    if names.inputs and set(rows[0].split(",")) == set(names.inputs):
        return False
    lines.extend(f"{answer},{row}" for answer, row in zip(answers, rows, strict=True))
    widths[answers[0].count(",") + 1] += len(rows)
    return True


def _parse(
    lines: str, names: Sequence[str], kinds: Kinds | None, losses: Losses, *, exact: bool
) -> Iterator[Table]:
    """All at once; if a row is of another width, row by row."""
    try:
        width = len(names) if exact else len(next(csv.reader([lines[: lines.index("\n")]])))
        batches = parse_lines(lines, width)
    except Exception as error:
        if type(error) is not Exception:  # arro3's own are bare
            raise
        batches = _parse_slowly(lines[:-1].split("\n"), len(names) if exact else None, losses)
    for batch in batches:
        yield table_of_texts(names, batch, kinds)


def _parse_slowly(lines: Sequence[str], width: int | None, losses: Losses) -> list[list[Array]]:
    rows = list(csv.reader(lines))
    expected = Counter(map(len, rows)).most_common(1)[0][0] if width is None else width
    good = [row for row in rows if len(row) == expected]
    bad = next((row for row in rows if len(row) != expected), [])
    losses.add(
        f"a row has {counted(len(bad), 'cell')}, not {expected}: {','.join(bad)}", len(rows) - len(good)
    )
    return [columns_of_rows(good, expected)] if good else []


def _rows(record: Record, names: Names) -> list[tuple[dict[str, Any], set[str]]]:
    """A record's rows, cells by name, and which names' cells are text of CSV."""
    given, answer = record.capture_data.input, record.capture_data.output
    if given is None and answer is None:
        raise UnreadablePayload("neither input nor output was captured")
    inputs, input_texts = rows_of(given) if given else ([], False)
    if input_texts and inputs and names.inputs and set(inputs[0]) == set(names.inputs):
        header = [str(cell) for cell in inputs[0]]
        inputs = [dict(zip(header, row, strict=False)) for row in inputs[1:]]
    outputs, output_texts = rows_of(answer) if answer else ([], False)
    if given and answer:
        outputs = list(aligned(outputs, len(inputs), len(names.outputs)))
    found = []
    for place in range(max(len(inputs), len(outputs))):
        output = _named(outputs[place], names.outputs, 0) if outputs else {}
        named = _named(inputs[place], names.inputs, len(output), exact=True) if inputs else {}
        texts = {*(named if input_texts else ()), *((set(output) - set(named)) if output_texts else ())}
        found.append((output | named, texts))
    return found


def _named(row: Row, names: Sequence[str], first: int, *, exact: bool = False) -> dict[str, Any]:
    """Cells by name. Inputs are as many as their names, or the row is not what was asked for."""
    if isinstance(row, dict):
        return row
    if exact and names and len(row) != len(names):
        raise UnreadablePayload(f"a row has {counted(len(row), 'cell')}, not {len(names)}")
    named = [*names, *(f"_c{first + place}" for place in range(len(names), len(row)))]
    return dict(zip(named, row, strict=False))


def _table(rows: Sequence[tuple[dict[str, Any], set[str]]], kinds: Kinds | None) -> Table:
    names = dict.fromkeys(name for row, _ in rows for name in row)
    textual = set().union(*(texts for _, texts in rows))
    found: dict[str, Column] = {}
    for name in names:
        cells = [row.get(name) for row, _ in rows]
        kind = (kinds or {}).get(name)
        if name in textual:
            plain = [each if each is None or isinstance(each, str) else written(each) for each in cells]
            found[name] = column_of_texts(
                name, Array([each or None for each in plain], type=DataType.utf8()), kind
            )
        else:
            found[name] = column_of_values(name, cells, kind)
    return found
