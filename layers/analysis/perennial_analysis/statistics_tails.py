"""Tails of the normal, chi-square, binomial and exceedance distributions, in place of scipy's."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

PRECISION = 1e-15


def normal_isf(tail: float) -> float:
    """The point beyond which a standard normal has this probability."""
    return -NormalDist().inv_cdf(tail)


def chi2_sf(value: float, freedom: float) -> float:
    """The probability that a chi-square exceeds the value: the regularised upper incomplete gamma function, by its
    series below the mean and by Lentz's continued fraction above (DLMF 8.7.1 and 8.9.2)."""
    shape, point = freedom / 2, value / 2
    if point <= 0:
        return 1.0
    scale = math.exp(shape * math.log(point) - point - math.lgamma(shape))
    if point < shape + 1:
        term = total = 1 / shape
        step = shape
        while term > total * PRECISION:
            step += 1
            term *= point / step
            total += term
        return max(0.0, 1.0 - scale * total)
    b = point + 1 - shape
    c, d = math.inf, 1 / b
    fraction, change, step = d, 0.0, 0.0
    while abs(change - 1) > PRECISION and step < 10_000:
        step += 1
        a = step * (shape - step)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        change = c * d
        fraction *= change
    return scale * fraction


@lru_cache(maxsize=256)  # a table's columns ask for the same few, and each takes dozens of steps
def chi2_isf(tail: float, freedom: float) -> float:
    """The point beyond which a chi-square has this probability, by bisection."""
    low, high = 0.0, max(1.0, freedom)
    while chi2_sf(high, freedom) > tail:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chi2_sf(middle, freedom) > tail else (low, middle)
    return high


def binomial_sf(count: int, size: int, share: float) -> float:
    """The probability of at least `count` successes out of `size`."""
    if count <= 0:
        return 1.0
    if count > size or share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    if count <= size * share:
        return 1.0 - binomial_sf(size - count + 1, size, 1 - share)
    first = (
        math.lgamma(size + 1)
        - math.lgamma(count + 1)
        - math.lgamma(size - count + 1)
        + count * math.log(share)
        + (size - count) * math.log1p(-share)
    )
    # Above the mean terms fall; beyond a dozen deviations nothing is left of them, and products as small as that are slow.
    reach = min(size - count, int(20 * math.sqrt(size * share * (1 - share))) + 200)
    places = np.arange(count, count + reach, dtype=np.float64)
    ratios = (size - places) / (places + 1) * (share / (1 - share))
    return min(1.0, math.exp(first) * (1.0 + float(np.cumprod(ratios).sum())))


def share_upper(count: int, size: int, tail: float) -> float:
    """Wilson's upper bound of a share that was seen as `count` out of `size`. Of no data: 1."""
    if not size:
        return 1.0
    z = normal_isf(tail)
    share = count / size
    spread = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return min(1.0, (share + z * z / (2 * size) + spread) / (1 + z * z / size))


def exceedance_sf(count: int, size: int, reference: int) -> float:
    """The probability that at least `count` out of `size` values lie outside the range of `reference` others, all
    from one continuous distribution, whichever it is (Gumbel and von Schelling, 1950: a beta-binomial)."""
    if count <= 0:
        return 1.0
    if reference < 2 or count > size:
        return 1.0 if reference < 2 else 0.0
    none = sum(math.log(reference + 1 - each) - math.log(size + reference + 1 - each) for each in (1, 2))
    places = np.arange(min(count, size + 1) - 1, dtype=np.float64)
    ratios = (size - places) * (places + 2) / ((places + 1) * (size + reference - 2 - places))
    less = math.exp(none) * (1.0 + float(np.cumprod(ratios).sum()))
    return min(1.0, max(0.0, 1.0 - less))
