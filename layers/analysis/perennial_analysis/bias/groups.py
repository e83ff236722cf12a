"""Which rows are of a group and which labels are positive; their counts.

A facet is a column of people's traits. Its groups are each of its values against all the others; or the rows
with any of the `values` given, together; or, for numbers, the rows above a `threshold`. Rows without a value of
the facet belong nowhere and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial_analysis.bias.formulas import Counts
from perennial_analysis.bias.thresholds import interval_names
from perennial_analysis.model_quality.labels import MISSING, Places, Values, as_numbers, encode, spell_all

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
    """Rows of one group: `value` as Clarify names it, `member` [known rows]."""

    value: str
    member: Flags


@dataclass(frozen=True)
class Groups:
    """The groups of a facet, by value, and which rows have a value of it, [rows]."""

    known: Flags
    groups: list[Group]


def divide(facet: Facet) -> Groups:
    """Find a facet's groups.

    Raises ValueError for a column with more than MOST_VALUES values and nothing said about them, and for a
    threshold on a column that holds anything but numbers.
    """
    if facet.threshold is not None:
        return _divide_by_threshold(facet, facet.threshold)
    column = encode(facet.column)
    known = column.places != MISSING
    places = column.places if known.all() else column.places[known]
    if facet.values:
        wanted = spell_all(facet.values)
        chosen = np.array([name in wanted for name in column.names], dtype=np.bool_)
        return Groups(known, [Group(",".join(wanted), chosen[places])])
    if len(column.names) > MOST_VALUES:
        raise ValueError(
            f"facet {facet.name!r} has {len(column.names)} values: name the values to look at, or a threshold"
        )
    return Groups(known, [Group(name, places == i) for i, name in enumerate(column.names)])


def _divide_by_threshold(facet: Facet, threshold: float) -> Groups:
    column = np.asarray(facet.column)
    if column.dtype.kind in "biuf":
        known: Flags = ~np.isnan(column.astype(np.float64))
    else:
        known = encode(column).places != MISSING
    numbers = as_numbers(column[known], f"with a threshold, the values of facet {facet.name!r}")
    return Groups(known, [Group(_above(threshold), numbers > threshold)])


def outcome(
    label: str, column: Values, *, values: Sequence[object] = (), threshold: float | None = None
) -> Outcome:
    """The label's column, [rows], with the good outcome told as for `positives`."""
    positive = positives(column, values=values, threshold=threshold)
    if threshold is not None:
        return Outcome(label, _above(threshold), positive)
    return Outcome(label, ",".join(spell_all(values)), positive)


def positives(column: Values, *, values: Sequence[object] = (), threshold: float | None = None) -> Flags:
    """Which labels, [rows], are the good outcome: any of `values`, or numbers above `threshold`."""
    if bool(values) == (threshold is not None):
        raise ValueError("say which labels are positive: by values or by a threshold")
    if threshold is not None:
        return as_numbers(column, "labels with a threshold") > threshold
    wanted, labels = spell_all(values), encode(column)
    good = np.array([*(name in wanted for name in labels.names), False], dtype=np.bool_)
    return good[labels.places]


def strata(group_variable: Values) -> Places:
    """The stratum of each row, [rows]; rows without one are a stratum of their own."""
    column = encode(group_variable)
    return np.where(column.places == MISSING, len(column.names), column.places)


def count(
    member: Flags, positive: Flags, predicted: Flags | None = None, stratum: Places | None = None
) -> Counts:
    """Rows of each (stratum, group, label, prediction), [strata, 2, 2, 2], of columns [rows].

    Without predictions the last axis has length 1; without strata the first has.
    """
    for name, column in (("labels", positive), ("predictions", predicted), ("strata", stratum)):
        if column is not None and len(column) != len(member):
            raise ValueError(f"{len(member)} rows with a group, but {len(column)} {name}")
    cell: npt.NDArray[np.integer[Any]] = member * np.uint8(2) + positive
    groups, kinds = 1, 1
    if predicted is not None:
        cell, kinds = cell * np.uint8(2) + predicted, 2
    if stratum is not None:
        cell = stratum * (4 * kinds) + cell
        groups = int(stratum.max(initial=0)) + 1
    counts = np.bincount(cell, minlength=groups * 4 * kinds)
    return np.asarray(counts, dtype=np.float64).reshape(groups, 2, 2, kinds)


def _above(threshold: float) -> str:
    return interval_names([threshold])[-1]
