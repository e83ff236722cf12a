"""A table as columns of numpy arrays: what every reader gives and every analysis takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind = Literal["Fractional", "Integral", "String", "Unknown"]
"""Model Monitor's `inferred_type`. Unknown: every value is missing."""
NUMERIC: tuple[Kind, ...] = ("Fractional", "Integral")

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Coded:
    """A text column as places in a list of its words, as Arrow's dictionaries have it: counted without hashing."""

    codes: NDArray[np.integer[Any]]
    """For each row the place of its word; anything where the row is missing."""
    words: Sequence[str]


@dataclass(frozen=True, eq=False)
class Column:
    """`values` are float64 with NaN where missing (Fractional, Integral), or objects: str, None where missing.

    Integers beyond 2^53 are rounded to the nearest float. `coded` may say the same as the values of a text column
    again. `whole_floats` tells of a Fractional column how many of its values were written as integers, if known.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    missing: Flags
    coded: Coded | None = None
    whole_floats: int | None = None

    def __len__(self) -> int:
        return len(self.missing)

    def present(self) -> Floats:
        """The numbers that are there, in the order of the rows, NaN among them: a copy, the caller's own."""
        return np.asarray(self.values[~self.missing], dtype=np.float64)

    def counts(self) -> dict[str, int]:
        """How often each value of a text column occurs; missing rows are not counted."""
        if self.coded is None:
            return dict(Counter(self.values[~self.missing].tolist()))
        codes = self.coded.codes[~self.missing] if self.missing.any() else self.coded.codes
        found = np.bincount(codes, minlength=len(self.coded.words))
        totals: Counter[str] = Counter()
        for word, count in zip(self.coded.words, found.tolist(), strict=False):
            if count:
                totals[word] += count
        return dict(totals)


class CodedColumn(Column):
    """A text column whose values are only made when somebody asks for them."""

    coded: Coded

    def __init__(self, name: str, missing: Flags, coded: Coded) -> None:
        kind = "Unknown" if missing.all() else "String"
        # Past the frozen dataclass, whose own constructor would want the values.
        vars(self).update(name=name, kind=kind, missing=missing, coded=coded, whole_floats=None)

    @cached_property
    def values(self) -> NDArray[Any]:
        words = np.array([*self.coded.words, None], dtype=object)
        found: NDArray[Any] = words[np.where(self.missing, len(words) - 1, self.coded.codes)]
        return found


class LentColumn(Column):
    """A numeric column in memory that is another's; what else a column has is only made when somebody asks for it."""

    lent: NDArray[Any]
    held: Flags | None

    def __init__(self, name: str, kind: Kind, lent: NDArray[Any], held: Flags | None) -> None:
        """`lent` are float64, NaN where there is no number, or int64; `held` says where they are anything at all."""
        vars(self).update(name=name, kind=kind, lent=lent, held=held, coded=None, whole_floats=None)

    def __len__(self) -> int:
        return len(self.lent)

    @cached_property
    def missing(self) -> Flags:
        return np.isnan(self.values)

    @cached_property
    def values(self) -> Floats:
        found = self.lent.astype(np.float64)
        if self.held is not None:
            found[~self.held] = np.nan
        return found

    def present(self) -> Floats:
        if self.held is None:
            return self.lent.astype(np.float64)
        return self.lent[self.held].astype(np.float64, copy=False)


Table: TypeAlias = Mapping[str, Column]


def rows(table: Table) -> int:
    """The number of rows; a table without columns has none."""
    return len(next(iter(table.values()))) if table else 0


def numbers(name: str, values: Iterable[float | None], kind: Kind = "Fractional") -> Column:
    """A numeric column; None and NaN are missing."""
    given = (
        values if isinstance(values, np.ndarray) else [np.nan if each is None else each for each in values]
    )
    array = np.asarray(given, dtype=np.float64)
    return Column(name, kind, array, np.isnan(array))


def texts(name: str, values: Iterable[str | None]) -> Column:
    """A text column; None is missing, the empty string is a value."""
    listed = [None if each is None else str(each) for each in values]
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    missing = np.fromiter((each is None for each in listed), dtype=np.bool_, count=len(listed))
    return Column(name, "Unknown" if missing.all() else "String", array, missing)


def as_text(column: Column) -> Column:
    """Numbers as the text that they were most likely read from; `1.0` of an Integral column is `1`."""
    written = (None if gone else _written(value, column.kind) for value, gone in _cells(column))
    return texts(column.name, written)


def _cells(column: Column) -> Iterable[tuple[float, bool]]:
    missing = column.missing | ~np.isfinite(column.values)
    return zip(column.values.tolist(), missing.tolist(), strict=True)


def _written(value: float, kind: Kind) -> str:
    return str(int(value)) if kind == "Integral" else repr(value)
