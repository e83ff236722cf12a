"""What is wrong with a drop, in words that lead a person to the place and the remedy."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_KEPT = 20
MOST_PER_COLUMN = 5
LONGEST_VALUE = 40


def shorten(value: str, longest: int = LONGEST_VALUE) -> str:
    return value if len(value) <= longest else value[: longest - 1] + "…"


@dataclass(frozen=True)
class Problem:
    """One finding that keeps a drop out.

    `what` says it, without the place. `row` is the line that an editor shows (the header is line 1); for
    Parquet the row's number, from 1. `value` is what was found there, at most 40 characters of it.
    """

    what: str
    advice: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    value: str | None = None
    expected: str | None = None

    @property
    def sentence(self) -> str:
        unit = "row" if (self.file or "").lower().endswith(".parquet") else "line"
        place = [self.file] if self.file else []
        if self.row is not None:
            place.append(f"{unit} {self.row}")
        return f"{', '.join(place)}: {self.what}" if place else self.what

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Problems:
    """Keeps the first problems, not too many of one column, and counts them all."""

    kept: list[Problem] = field(default_factory=list)
    count: int = 0
    _per_column: Counter[str | None] = field(default_factory=Counter)

    def wants(self, column: str | None) -> bool:
        """Whether one more problem of this column would be kept; else counting it is enough."""
        full = column is not None and self._per_column[column] >= MOST_PER_COLUMN
        return len(self.kept) < MOST_KEPT and not full

    def add(self, problem: Problem) -> None:
        self.count += 1
        if self.wants(problem.column):
            self._per_column[problem.column] += 1
            self.kept.append(problem)
