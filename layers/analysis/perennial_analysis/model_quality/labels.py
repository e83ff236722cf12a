"""One spelling for every label: 1, 1.0, "1" and " 1.0 " are one class, and so are true and True.

A column is encoded once: each distinct value is spelled once, and rows become places in the list of names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = Sequence[object] | npt.NDArray[np.generic]
Places = npt.NDArray[np.intp]

MISSING = -1
LARGEST = 2**62
FEW = 1000
"""Whole numbers that are so near each other are counted, not sorted."""


@dataclass(frozen=True)
class Encoded:
    """A column as places in `names` (distinct and sorted), [rows]; MISSING where a row has no value."""

    places: Places
    names: list[str]


def spell(value: object) -> str | None:
    """The text of one label; None where there is none: None, NaN or an empty text."""
    text = "" if value is None else str(value).strip()
    if text.lower() in ("true", "false"):
        return text.capitalize()
    try:
        number = float(text)
    except ValueError:
        return text or None
    if math.isnan(number):
        return None
    # An identifier such as 007 is not the number 7.
    digits = text.lstrip("+-")
    padded = digits.startswith("0") and digits[1:2].isdigit()
    whole = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
    return text if padded or "_" in text or not whole else str(int(number))


def spell_all(values: Sequence[object]) -> list[str]:
    """The names of classes or groups, each of which must have one. Raises ValueError for one that has none."""
    names = [spell(value) for value in values]
    if None in names:
        raise ValueError(f"a name is missing among {list(values)}")
    return [name for name in names if name is not None]


def encode(values: Values) -> Encoded:
    """A column of any type, [rows]. Raises ValueError for anything but one column."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"labels are one column, not an array of shape {array.shape}")
    place: npt.NDArray[np.integer[Any]]
    if array.dtype.kind in "biuf":
        place, raw = _counted(array) or _sorted(array)
    else:
        cells = array.tolist()
        raw = list(dict.fromkeys(cells))
        places = {value: i for i, value in enumerate(raw)}
        place = np.fromiter(map(places.__getitem__, cells), np.intp, len(cells))
    spelled = [spell(value) for value in raw]
    names = sorted({name for name in spelled if name is not None})
    order = {name: i for i, name in enumerate(names)}
    of_raw = np.array([MISSING if name is None else order[name] for name in spelled], dtype=np.intp)
    return Encoded(of_raw[place], names)


def _counted(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.integer[Any]], list[Any]] | None:
    """Each row's place among all whole numbers from the least to the greatest; None unless those are a few."""
    if not len(array):
        return None
    low, high = array.min().item(), array.max().item()
    if not high - low < FEW:  # nor if one is not a number
        return None
    if array.dtype.kind == "f":
        if not float(low).is_integer():
            return None
        apart = array - low
        place = apart.astype(np.uint16)
        if not np.array_equal(place, apart):
            return None
    elif -LARGEST <= low and high <= LARGEST:
        place = (array.astype(np.int64) - int(low)).astype(np.uint16)
    else:
        return None
    used = np.bincount(place, minlength=int(high - low) + 1) > 0
    given = bool if array.dtype.kind == "b" else type(low)
    raw = [given(low + step) if is_used else None for step, is_used in enumerate(used.tolist())]
    return place, raw


def _sorted(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], list[Any]]:
    ordered = np.sort(array)
    distinct = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    return np.searchsorted(distinct, array), distinct.tolist()


def among(column: Encoded, classes: Sequence[str]) -> Places:
    """The place of each row's label in `classes`, [rows].

    Raises ValueError for a label that is missing, or that is not among the classes.
    """
    if len(column.places) and column.places.min() == MISSING:
        raise ValueError("a label is missing: leave rows without a label or a prediction out")
    order = {name: i for i, name in enumerate(classes)}
    for name in column.names:
        if name not in order:
            raise ValueError(f"{name!r} is not among the classes: {', '.join(classes)}")
    return np.array([order[name] for name in column.names], dtype=np.intp)[column.places]


def as_numbers(values: Values, what: str) -> npt.NDArray[np.float64]:
    """A column of finite numbers, [rows]. Raises ValueError with the name of what is no number."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} are numbers: {error}") from error
    if numbers.ndim != 1:
        raise ValueError(f"{what} are one column, not an array of shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} are finite numbers: leave rows without one out")
    return numbers


def as_scores(values: Values) -> npt.NDArray[np.float64]:
    """Probabilities of the positive class, [rows], each from 0 to 1."""
    scores = as_numbers(values, "scores")
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise ValueError("scores are probabilities: from 0 to 1")
    return scores


def same_length(**columns: npt.NDArray[np.generic] | None) -> None:
    """Raise ValueError unless all columns that are given have as many rows."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{rows} {name}" for name, rows in lengths.items())
        raise ValueError(f"columns differ in length: {told}")
