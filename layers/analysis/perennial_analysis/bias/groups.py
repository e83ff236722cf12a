"""Which rows are of a group and which labels are positive; their counts.

A facet is a column of people's traits. Its groups are each of its values against all the others; or the rows
with any of the `values` given, together; or, for numbers, the rows above a `threshold`. Rows without a value of
the facet belong nowhere and are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial_analysis.bias.formulas import Counts
from perennial_analysis.model_quality.labels import Values, as_labels, as_numbers, spell

Flags = npt.NDArray[np.bool_]

MOST_VALUES = 100


@dataclass(frozen=True)
class Facet:
    """A column and what to look at in it: nothing said, every value; else some `values`, or a `threshold`."""

    name: str
    column: Values
    values: Sequence[object] = ()
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.values and self.threshold is not None:
            raise ValueError(f"facet {self.name!r}: give values or a threshold, not both")


@dataclass(frozen=True)
class Outcome:
    """The label: the name of its column, the good outcome as a file names it, and the rows that have it, [rows]."""

    label: str
    value: str
    positive: Flags


@dataclass(frozen=True)
class Group:
    """Rows of one group: `value` as Clarify names it, `member` [known rows], `known` [rows] of the data."""

    value: str
    member: Flags
    known: Flags


def groups(facet: Facet) -> Iterator[Group]:
    """The groups of a facet, by value.

    Raises ValueError for a column with more than MOST_VALUES values and nothing said about them, and for a
    threshold on a column that holds anything but numbers.
    """
    known = present(facet.column)
    kept = _pick(facet.column, known)
    if facet.threshold is not None:
        numbers = as_numbers(kept, f"with a threshold, the values of facet {facet.name!r}")
        yield Group(_above(facet.threshold), numbers > facet.threshold, known)
        return
    texts = as_labels(kept)
    if facet.values:
        wanted = [spell(value) for value in facet.values]
        yield Group(",".join(wanted), np.isin(texts, wanted), known)
        return
    values = sorted(set(texts.tolist()))
    if len(values) > MOST_VALUES:
        raise ValueError(
            f"facet {facet.name!r} has {len(values)} values: name the values to look at, or a threshold"
        )
    for value in values:
        yield Group(value, texts == value, known)


def outcome(
    label: str, column: Values, *, values: Sequence[object] = (), threshold: float | None = None
) -> Outcome:
    """The label's column, [rows], with the good outcome told as for `positives`."""
    positive = positives(column, values=values, threshold=threshold)
    if threshold is not None:
        return Outcome(label, _above(threshold), positive)
    return Outcome(label, ",".join(spell(value) for value in values), positive)


def positives(column: Values, *, values: Sequence[object] = (), threshold: float | None = None) -> Flags:
    """Which labels, [rows], are the good outcome: any of `values`, or numbers above `threshold`."""
    if bool(values) == (threshold is not None):
        raise ValueError("say which labels are positive: by values or by a threshold")
    if threshold is not None:
        return as_numbers(column, "labels with a threshold") > threshold
    return np.isin(as_labels(column), [spell(value) for value in values])


def count(
    member: Flags, positive: Flags, predicted: Flags | None = None, stratum: Values | None = None
) -> Counts:
    """Rows of each (stratum, group, label, prediction), [strata, 2, 2, 2], of columns [rows].

    Without predictions the last axis has length 1; without strata the first has. Rows whose stratum is missing
    are a stratum of their own.
    """
    for name, column in (("labels", positive), ("predictions", predicted), ("strata", stratum)):
        if column is not None and len(column) != len(member):
            raise ValueError(f"{len(member)} rows with a group, but {len(column)} {name}")
    codes, strata = _codes(stratum, len(member))
    cell = (codes * 2 + member) * 2 + positive
    kinds = 1
    if predicted is not None:
        cell, kinds = cell * 2 + predicted, 2
    counts = np.bincount(cell, minlength=strata * 4 * kinds)
    return np.asarray(counts, dtype=np.float64).reshape(strata, 2, 2, kinds)


def present(column: Values) -> Flags:
    """Which rows have a value: neither None, nor NaN, nor an empty text."""
    array = np.asarray(column)
    if array.dtype.kind == "f":
        known: Flags = ~np.isnan(array)
        return known
    if array.dtype.kind in "biu":
        return np.ones(len(array), dtype=np.bool_)
    absent = {value for value in set(array.tolist()) if _is_missing(value)}
    return np.array([value not in absent for value in array.tolist()], dtype=np.bool_)


def _pick(column: Values, rows: Flags) -> npt.NDArray[np.generic]:
    return np.asarray(column)[rows]


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or not str(value).strip()


def _codes(stratum: Values | None, rows: int) -> tuple[npt.NDArray[np.intp], int]:
    if stratum is None:
        return np.zeros(rows, dtype=np.intp), 1
    known = present(stratum)
    names, place = np.unique(as_labels(_pick(stratum, known)), return_inverse=True)
    codes = np.full(rows, len(names), dtype=np.intp)
    codes[known] = place
    return codes, len(names) + (not known.all())


def _above(threshold: float) -> str:
    """Clarify's interval, but without the largest value: a name that changed from window to window is none."""
    return f"({int(threshold) if float(threshold).is_integer() else threshold}, inf]"
