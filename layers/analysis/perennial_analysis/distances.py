"""How far apart two distributions are.

`simple`, `robust`, `l_infinity` and `chi_squared` are those of awslabs/deequ, analyzers/Distance.scala (the meaning,
not the code), as its current version has them: equal values in a sketch count together. From statistics alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perennial_analysis.columns import Floats
from perennial_analysis.sketch import Sketch
from perennial_analysis.statistics_tails import chi2_sf

C_ALPHA = 1.8
"""c(alpha) for alpha = 0.003: Knuth, The Art of Computer Programming, volume 2, 3.3.1, equation 15."""
COCHRAN_EXPECTED = 10
YATES_EXPECTED = 5
YATES_SHARE = 0.2


def simple(one: Sketch, other: Sketch) -> float:
    """The largest difference of the two distribution functions; NaN where one has no data."""
    if not one.total or not other.total:
        return math.nan
    points = np.sort(np.concatenate([one.values, other.values]))
    apart = one.rank_of(points) / one.total - other.rank_of(points) / other.total
    return float(np.abs(apart).max())


def robust(distance: float, n: int, m: int, alpha: float | None = None) -> float:
    """A largest difference less what chance alone may give it between n and m data; never negative."""
    if not n or not m:
        return math.nan
    c_alpha = C_ALPHA if alpha is None else math.sqrt(-math.log(alpha / 2) * 1 / 2)
    return max(0.0, distance - c_alpha * math.sqrt((n + m) / (n * m)))


def l_infinity(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """The largest difference of a category's shares; NaN where one has no data."""
    n, m = sum(one.values()), sum(other.values())
    if not n or not m:
        return math.nan
    return max(abs(one.get(key, 0) / n - other.get(key, 0) / m) for key in {**one, **other})


@dataclass(frozen=True)
class ChiSquared:
    """NaN where fewer than two categories are left to compare."""

    statistic: float
    p_value: float


def chi_squared(sample: Mapping[str, int], baseline: Mapping[str, int]) -> ChiSquared:
    """Pearson's test of a sample against shares taken as exact.

    Values that the baseline lacks are left out. While too many categories are expected too seldom (two categories:
    any below 10, Cochran; more: above a fifth of them below 5, Yates) the smallest joins the next smallest.
    """
    whole, kept = sum(baseline.values()), sum(sample[key] for key in sample if key in baseline)
    expected = {key: count / whole * kept for key, count in baseline.items()} if whole else {}
    observed = {key: float(count) for key, count in sample.items()}
    while len(expected) >= 2 and _too_small(expected):
        least = min(expected, key=lambda key: (expected[key], key))
        joined, seen = expected.pop(least), observed.pop(least, 0.0)
        least = min(expected, key=lambda key: (expected[key], key))
        expected[least] += joined
        observed[least] = seen + observed.get(least, 0.0)
    if len(observed) < 2 or len(expected) < 2 or not kept:
        return ChiSquared(math.nan, math.nan)
    statistic = sum((observed.get(key, 0.0) - count) ** 2 / count for key, count in expected.items())
    return ChiSquared(statistic, chi2_sf(statistic, len(expected) - 1))


def _too_small(expected: Mapping[str, float]) -> bool:
    least, allowed = (
        (YATES_EXPECTED, int(YATES_SHARE * len(expected))) if len(expected) > 2 else (COCHRAN_EXPECTED, 0)
    )
    return sum(count < least for count in expected.values()) > allowed


def psi(one: Floats, other: Floats) -> float:
    """Population stability index of two lists of counts over the same bins, half a count added to each so that an
    empty bin is large but not infinite; NaN where one has no data."""
    if not one.sum() or not other.sum():
        return math.nan
    p = (one + 0.5) / (one.sum() + 0.5 * len(one))
    q = (other + 0.5) / (other.sum() + 0.5 * len(other))
    return float(((p - q) * np.log(p / q)).sum())


def wasserstein(one: Sketch, other: Sketch) -> float:
    """The area between the two distribution functions, in the unit of the values; NaN where one has no data."""
    if not one.total or not other.total:
        return math.nan
    points = np.sort(np.concatenate([one.values, other.values]))
    apart = np.abs(one.rank_of(points) / one.total - other.rank_of(points) / other.total)
    moved = apart[:-1] > 0
    with np.errstate(over="ignore"):  # between the largest floats there are: infinite
        return float((apart[:-1][moved] * np.diff(points)[moved]).sum())
