"""One column, chunk by chunk: type, missing cells, range, and the cells that break its rule.

Pure Python at C speed: a column with few distinct values is counted, value by value only once; a column of
many numbers goes through `map(float, ...)`. Only a chunk with something unusual in it is read cell by cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from perennial.intake.cells import MISSING_SPELLINGS, is_missing, kind_of, parse_number
from perennial.intake.schema import INFER, ColumnType, Rule

DISTINCT_LIMIT = 1000
MOST_VALUES_SHOWN = 20
MOSTLY = 0.9


@dataclass(frozen=True)
class BadCell:
    """A cell that breaks its column's rule; `index` counts the chunk's rows from 0."""

    index: int
    value: str
    expected: str


@dataclass(frozen=True)
class ColumnSummary:
    """A column as a whole. `distinct` and `values` are None when there are too many to tell."""

    type: ColumnType
    missing: int
    min: float | None
    max: float | None
    distinct: int | None
    values: dict[str, int] | None

    def document(self) -> dict[str, Any]:
        few = self.values is not None and len(self.values) <= MOST_VALUES_SHOWN
        return {
            "type": self.type,
            "missing": self.missing,
            "min": self.min,
            "max": self.max,
            "distinct": self.distinct,
            "values": self.values if few else None,
        }


class Column:
    """What is known of one column so far. `file_type` is the type that a Parquet file gives it."""

    def __init__(self, name: str, rule: Rule = INFER) -> None:
        self.name = name
        self.rule = rule
        self.first_text: tuple[int, str] | None = None
        self._file_types: set[ColumnType] = set()
        self._counts: Counter[str] | None = Counter()
        self._bad: dict[str, str] = {}
        self._missing = 0
        self._numbers = 0
        self._low: float | None = None
        self._high: float | None = None
        self._whole = True
        self._text = rule.type in ("string", "bool")

    def note_file_type(self, kind: ColumnType) -> None:
        """A Parquet file's own type counts, too: text that looks like numbers is text."""
        self._file_types.add(kind)
        if self.rule.type is None and kind == "string":
            self._text = True

    def add(self, cells: Sequence[str]) -> list[BadCell]:
        if self._counts is not None:
            return self._count(self._counts, cells)
        return self._scan_texts(cells) if self._text else self._scan_numbers(cells)

    def _count(self, counts: Counter[str], cells: Sequence[str]) -> list[BadCell]:
        known = len(counts)
        counts.update(cells)
        if len(counts) > known and self.rule is not INFER:
            for cell in islice(reversed(counts), len(counts) - known):
                if expected := self.rule.expected_instead_of(cell):
                    self._bad[cell] = expected
        bad = self._bad
        found = [BadCell(i, cell, bad[cell]) for i, cell in enumerate(cells) if cell in bad] if bad else []
        if len(counts) > DISTINCT_LIMIT:
            self._stop_counting(counts)
        return found

    def _stop_counting(self, counts: Counter[str]) -> None:
        """Too many distinct values: keep what they say about type, range and missing cells."""
        self._counts = None
        for cell, times in counts.items():
            if is_missing(cell):
                self._missing += times
            elif (number := parse_number(cell)) is not None:
                self._take_numbers(times, number, number, number.is_integer())
            elif self.rule.type is None:
                self.first_text = self.first_text or (self._numbers, cell)
                self._text = True

    def _take_numbers(self, count: int, low: float, high: float, whole: bool) -> None:
        self._numbers += count
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)
        self._whole = self._whole and whole

    def _scan_numbers(self, cells: Sequence[str]) -> list[BadCell]:
        present = cells if not self._missing else [cell for cell in cells if cell not in MISSING_SPELLINGS]
        if not present:
            self._missing += len(cells)
            return []
        try:
            numbers = list(map(float, present))
        except ValueError:
            return self._scan_with_care(cells)
        low, high, total = min(numbers), max(numbers), sum(numbers)
        unusual = total - total != 0  # infinite, or a spelling of NaN that float() takes
        digits = "".join(present)
        if unusual or "_" in digits or not digits.isascii() or not self._fits(low, high):
            return self._scan_with_care(cells)
        whole = self._whole and all(map(float.is_integer, numbers))
        if self.rule.type == "int" and not whole and not self.rule.may_widen:
            return self._scan_with_care(cells)
        self._missing += len(cells) - len(present)
        self._take_numbers(len(numbers), low, high, whole)
        return []

    def _fits(self, low: float, high: float) -> bool:
        rule = self.rule
        return (
            rule.allowed is None
            and (rule.min is None or low >= rule.min)
            and (rule.max is None or high <= rule.max)
        )

    def _scan_with_care(self, cells: Sequence[str]) -> list[BadCell]:
        found: list[BadCell] = []
        missing = 0
        for index, cell in enumerate(cells):
            if is_missing(cell):
                missing += 1
            elif expected := self.rule.expected_instead_of(cell):
                found.append(BadCell(index, cell, expected))
            elif (number := parse_number(cell)) is not None:
                self._take_numbers(1, number, number, number.is_integer())
            else:
                self.first_text = (self._numbers, cell)
                self._text = True
                return self._scan_texts(cells)
        self._missing += missing
        return found

    def _scan_texts(self, cells: Sequence[str]) -> list[BadCell]:
        self._missing += sum(map(MISSING_SPELLINGS.__contains__, map(str.strip, cells)))
        if self.rule.allowed is None and self.rule.type != "bool":
            return []
        bad = {cell: expected for cell in set(cells) if (expected := self.rule.expected_instead_of(cell))}
        return [BadCell(i, cell, bad[cell]) for i, cell in enumerate(cells) if cell in bad] if bad else []

    @property
    def stray_text(self) -> str | None:
        """A text that made an almost numeric column one of strings."""
        if self.rule.type is not None or "string" in self._file_types:
            return None
        if self._counts is None:
            return self.first_text[1] if self.first_text and self.first_text[0] > DISTINCT_LIMIT else None
        kinds = {cell: kind_of(cell) for cell in self._counts}
        texts = [cell for cell, kind in kinds.items() if kind in ("string", "bool")]
        numbers = sum(times for cell, times in self._counts.items() if kinds[cell] in ("int", "float"))
        strays = sum(self._counts[cell] for cell in texts)
        return texts[0] if strays and numbers >= MOSTLY * (numbers + strays) else None

    def summary(self) -> ColumnSummary:
        if self._counts is None:
            kind = self._type({"string" if self._text else "int" if self._whole else "float"})
            return _summary(kind, self._missing, self._low, self._high, None)
        kinds: set[str] = set()
        values: Counter[str] = Counter()
        for cell, times in self._counts.items():
            kinds.add(kind_of(cell))
            values["" if is_missing(cell) else cell.strip()] += times
        missing = values.pop("", 0)
        numbers = [number for text in values if (number := parse_number(text)) is not None]
        kind = self._type(kinds - {"missing"})
        return _summary(kind, missing, min(numbers, default=None), max(numbers, default=None), values)

    def _type(self, kinds: set[str]) -> ColumnType:
        rule = self.rule
        if rule.type is not None and not (rule.type == "int" and rule.may_widen and "float" in kinds):
            return rule.type
        if rule.type is not None:
            return "float"
        kinds = kinds | self._file_types
        if kinds == {"int"}:
            return "int"
        if kinds and kinds <= {"int", "float"}:
            return "float"
        return "bool" if kinds == {"bool"} else "string"


def _summary(
    kind: ColumnType, missing: int, low: float | None, high: float | None, values: Mapping[str, int] | None
) -> ColumnSummary:
    if kind in ("string", "bool"):
        low = high = None
    elif kind == "int":
        low, high = (None if bound is None else int(bound) for bound in (low, high))
    few = None if values is None else dict(sorted(values.items()))
    return ColumnSummary(kind, missing, low, high, None if few is None else len(few), few)
