"""A facet of numbers: thresholds part it into groups, which are named as Clarify names intervals.

Of 25 and 60 the groups are `(-inf, 25]`, `(25, 60]` and `(60, inf]`. Ends that were seen, such as Clarify's largest
value, are not in the names: a name that changed from window to window is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perennial_analysis.model_quality.labels import MISSING, Places, Values, encode


def interval_names(thresholds: Sequence[float]) -> list[str]:
    """The groups from the lowest to the highest, one more than there are thresholds, which ascend."""
    ends = ["-inf", *(str(int(each) if float(each).is_integer() else each) for each in thresholds), "inf"]
    return [f"({low}, {high}]" for low, high in pairwise(ends)]


def interval_places(numbers: npt.NDArray[np.float64], thresholds: Sequence[float]) -> Places:
    """The place of each number's group in `interval_names`, [rows]; MISSING for what is not finite."""
    places = np.searchsorted(np.asarray(thresholds, dtype=np.float64), numbers, side="left")
    return np.where(np.isfinite(numbers), places, MISSING)


def by_threshold(column: Values, thresholds: Sequence[float]) -> npt.NDArray[np.object_]:
    """The name of each row's group, [rows]; None for what is no number."""
    encoded = encode(column)
    numbers = np.array([*map(_number, encoded.names), math.nan])[encoded.places]
    names = np.array([*interval_names(thresholds), None], dtype=object)
    return names[interval_places(numbers, thresholds)]


def group_of(value: object, thresholds: Sequence[float]) -> str:
    """The name of the group that a number is in. Raises ValueError for what is no number."""
    number = _number(str(value))
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a number of the privileged group, such as {thresholds[0]:g}")
    return interval_names(thresholds)[int(interval_places(np.array([number]), thresholds)[0])]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
