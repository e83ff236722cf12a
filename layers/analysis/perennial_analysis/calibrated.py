"""The calibrated rule: alarms for what moved, at any number of rows, and for nothing else.

A fixed threshold on a distance pages for chance at few rows, a p-value for trifles at many. Here a feature has
drifted if its PSI exceeds what chance gives (n m / (n + m) times the PSI of two samples of one distribution is about
chi-square with bins - 1 degrees of freedom) plus a least effect worth telling. Where chance gives nearly nothing it
must be twice that effect, since hours differ among themselves by a few hundredths of a deviation.

Faults that no distance sees in time have checks of their own: a sentinel (values outside the baseline's range), a
filled-in default (a single value that became much more frequent), a rare value that is rare no more (too rare for a
bin of its own), a new code (a value that the few of the baseline do not have), and amounts beside many zeros (where one value is half of all, the others are also compared alone). Shares (missing, mistyped, unseen)
may exceed the baseline's upper bound by half a point, and then by what a binomial allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from perennial_analysis.columns import Floats
from perennial_analysis.distances import psi
from perennial_analysis.hashed import Hashed
from perennial_analysis.sketch import Sketch
from perennial_analysis.statistics import Numbers
from perennial_analysis.statistics_tails import binomial_sf, chi2_isf, exceedance_sf, share_upper

BINS = 10
FEWEST_EXPECTED = 10
"""A bin expected to hold less is joined with the next: chi-square would not describe the tail of its PSI."""
SELDOM = 5
OUTSIDE_SLACK = 0.002
RANGE_MARGIN = 0.25
SPIKE_SLACK = 0.05
SHARE_SLACK = 0.005
VARYING = 0.1
MOST_CODES = 120
USUAL_SHARE = 0.5
MOST_SPIKES = round(1 / SPIKE_SLACK)


@dataclass(frozen=True)
class Excess:
    """A measure beyond its bound; `what` says which, in words, or is empty for the distance itself."""

    what: str
    distance: float
    threshold: float


def numeric_drift(current: Numbers, baseline: Numbers, least: float, tail: float) -> list[Excess]:
    """What moved in a numeric feature. `least` is a PSI, `tail` the chance of a false alarm."""
    found = [
        psi_excess(*bins(current.sketch, baseline.sketch), least, tail / 2),
        _beside_the_usual(current.sketch, baseline.sketch, least, tail / 8),
        _outside(current.sketch, baseline, tail / 8),
        # Where whole hours may differ from the baseline, a single value may be all of one.
        _spike(current.sketch, baseline.sketch, tail / 8) if least < VARYING else None,
        _unseen(current.sketch, baseline.sketch, tail / 16),
        _risen(_codes(current.sketch), _codes(baseline.sketch), least, tail / 16),
    ]
    return [each for each in found if each]


def categorical_drift(
    current: Mapping[str, int], baseline: Mapping[str, int], least: float, tail: float
) -> list[Excess]:
    """What moved in a text feature; the arguments as for numbers."""
    found = [
        psi_excess(*category_bins(current, baseline), least, tail / 2),
        _risen(current, baseline, least, tail / 2),
    ]
    return [each for each in found if each]


def hashed_drift(current: Hashed, baseline: Hashed, least: float, tail: float) -> list[Excess]:
    """What moved in a text feature with too many values to list; the arguments as for numbers."""
    rows, reference = int(current.buckets.sum()), int(baseline.buckets.sum())
    found = [psi_excess(*hashed_bins(current, baseline), least, tail / 2)]
    if baseline.seen and (new := share_excess(current.unseen, rows, baseline.once, reference, tail / 2)):
        what = f"{new.distance:.2%} of rows have a value that the baseline lacks, {baseline.once / reference:.2%} are usual"
        found.append(Excess(what, new.distance, new.threshold))
    return [each for each in found if each]


def hashed_bins(current: Hashed, baseline: Hashed) -> tuple[Floats, Floats]:
    """Counts of both by hash, thin bins joined."""
    return _joined(current.buckets.astype(np.float64), baseline.buckets.astype(np.float64))


def psi_excess(current: Floats, baseline: Floats, least: float, tail: float) -> Excess | None:
    """Compare counts over the same bins."""
    n, m = current.sum(), baseline.sum()
    if len(current) < 2 or not n or not m:
        return None
    bound = psi_bound(current, baseline, least, tail)
    distance = psi(current, baseline)
    return Excess("", distance, bound) if distance > bound else None


def psi_bound(current: Floats, baseline: Floats, least: float, tail: float) -> float:
    """The PSI up to which counts over the same bins have not drifted; `least` where there is nothing to compare."""
    n, m = current.sum(), baseline.sum()
    if len(current) < 2 or not n or not m:
        return least
    chance = chi2_isf(tail, len(current) - 1) * (1 / n + 1 / m)
    return float(least + max(chance, least))


def bins(current: Sketch, baseline: Sketch) -> tuple[Floats, Floats]:
    """Counts of both between the baseline's deciles, thin bins joined."""
    if not current.total or not baseline.total:
        return np.zeros(1), np.zeros(1)
    ranks = np.arange(1, BINS, dtype=np.int64) * baseline.total // BINS
    edges = baseline.at_ranks(np.maximum(ranks - 1, 0))
    edges = edges[np.diff(edges, prepend=-np.inf) > 0]
    counts = [
        np.diff(np.concatenate([[0], each.rank_of(edges), [each.total]])).astype(np.float64)
        for each in (current, baseline)
    ]
    return _joined(counts[0], counts[1])


def category_bins(current: Mapping[str, int], baseline: Mapping[str, int]) -> tuple[Floats, Floats]:
    """Counts of both by the baseline's categories. Those that it has seldom or never are one bin: how many of them
    come is known (Good and Turing), not which.

    In the order of their names: in that of their counts, those joined first would all be rare by chance in part, and
    come more often again.
    """
    frequent = [key for key in sorted(baseline) if baseline[key] > SELDOM]
    counts = np.array([0, *(current.get(key, 0) for key in frequent)], dtype=np.float64)
    expected = np.array([0, *(baseline[key] for key in frequent)], dtype=np.float64)
    counts[0] = sum(current.values()) - counts.sum()
    rows = sum(baseline.values())
    if len(frequent) > 0:
        # What was seen at most so often has the share of what was seen at most once more often than that.
        seldom = sum(count for count in baseline.values() if count <= SELDOM + 1)
        expected[1:] *= (rows - seldom) / expected.sum() if seldom < rows else 1.0
    expected[0] = rows - expected.sum()
    return _joined(counts, expected)


def _joined(current: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    """Neighbours joined until the smaller of the two samples is expected to have enough in each bin."""
    n, m = current.sum(), baseline.sum()
    if not n or not m:
        return current, baseline
    fewest = FEWEST_EXPECTED * m / min(n, m)
    starts, held = [0], 0.0
    for place, count in enumerate(baseline.tolist()):
        if held >= fewest:
            starts.append(place)
            held = 0.0
        held += count
    if held < fewest and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(current, starts), np.add.reduceat(baseline, starts)


def _outside(current: Sketch, baseline: Numbers, tail: float) -> Excess | None:
    """More values outside the baseline's range than any distribution gives by chance, and than a fifth percent.

    A bounded distribution that moves a little has many values just outside: what lies within a quarter deviation of
    the range counts only where it is one value again and again, as a sentinel is.
    """
    n, m = current.total, baseline.sketch.total
    if not n or not m:
        return None
    low, high, margin = baseline.minimum, baseline.maximum, RANGE_MARGIN * baseline.std_dev
    far = current.weights[(current.values < low - margin) | (current.values > high + margin)]
    near = current.weights[(current.values < low) | (current.values > high)]
    count = max(int(far.sum()), int(near.max(initial=0)))
    if count <= OUTSIDE_SLACK * n or exceedance_sf(count, n, m) >= tail:
        return None
    limit = _most_by_chance(lambda k: exceedance_sf(k, n, m), count, tail) / n
    what = f"{count / n:.2%} of values lie outside the baseline's range of {low:g} to {high:g}"
    return Excess(what, count / n, max(OUTSIDE_SLACK, limit))


def _spike(current: Sketch, baseline: Sketch, tail: float) -> Excess | None:
    """The value that gained the largest share, if that is more than five points and than chance."""
    n, m = current.total, baseline.total
    if not n or not m:
        return None
    frequent = current.values[current.weights > SPIKE_SLACK * n]
    worst: tuple[float, Excess] | None = None
    for value in frequent.tolist():
        count = _count_of(current, value)
        before = _count_of(baseline, value)
        allowed = share_upper(before, m, tail / MOST_SPIKES) + SPIKE_SLACK
        gain = count / n - before / m
        if worst and gain <= worst[0]:
            continue
        if binomial_sf(count, n, allowed) < tail / MOST_SPIKES:
            limit = _most_by_chance(lambda k, p=allowed: binomial_sf(k, n, p), count, tail / MOST_SPIKES)  # type: ignore[misc]
            what = f"the share of the value {value:g} rose from {before / m:.2%} to {count / n:.2%}"
            worst = gain, Excess(what, count / n, limit / n)
    return worst[1] if worst else None


def _codes(sketch: Sketch) -> Mapping[str, int]:
    """The values as words, where they are few."""
    if len(sketch.values) > MOST_CODES:
        return {}
    counts = zip(sketch.values.tolist(), sketch.weights.tolist(), strict=True)
    return {f"{value:g}": count for value, count in counts}


def _risen(
    current: Mapping[str, int], baseline: Mapping[str, int], least: float, tail: float
) -> Excess | None:
    """The value too rare for a bin of its own that rose most: by more than chance, and by as much as a bin may."""
    n, m = sum(current.values()), sum(baseline.values())
    rare = [key for key, count in baseline.items() if count * min(n, m) < FEWEST_EXPECTED * m]
    tail /= 2 * max(1, len(rare))
    worst: Excess | None = None
    for key in rare:
        count, before = current.get(key, 0), baseline[key]
        sides = np.array([[count, n - count], [before, m - before]], dtype=np.float64)
        if count * m <= before * n or psi(*sides) <= 2 * least or (worst and count <= worst.distance * n):
            continue
        known = share_upper(before, m, tail)
        if binomial_sf(count, n, known) < tail:
            limit = _most_by_chance(lambda k, p=known: binomial_sf(k, n, p), count, tail)  # type: ignore[misc]
            what = f"the share of the value {key} rose from {before / m:.2%} to {count / n:.2%}"
            worst = Excess(what, count / n, limit / n)
    return worst


def _unseen(current: Sketch, baseline: Sketch, tail: float) -> Excess | None:
    """More values that the baseline lacks than were rare in it (Good and Turing), where it has but a few: codes."""
    if not 0 < len(baseline.values) <= MOST_CODES:
        return None
    new = ~np.isin(current.values, baseline.values)
    count, once = int(current.weights[new].sum()), int(np.count_nonzero(baseline.weights == 1))
    found = share_excess(count, current.total, once, baseline.total, tail)
    if found is None:
        return None
    often = current.values[new][current.weights[new].argmax()]
    what = (
        f"{found.distance:.2%} of values are none of the baseline's {len(baseline.values)}, such as {often:g}"
    )
    return Excess(what, found.distance, found.threshold)


def _beside_the_usual(current: Sketch, baseline: Sketch, least: float, tail: float) -> Excess | None:
    """Compare what is left without the value that makes up half of the baseline, often zero."""
    if len(baseline.values) < 2 or baseline.weights.max() < USUAL_SHARE * baseline.total:
        return None
    usual = baseline.values[baseline.weights.argmax()]
    found = psi_excess(*bins(_without(current, usual), _without(baseline, usual)), least, tail)
    if found is None:
        return None
    return Excess(f"values other than {usual:g} are distributed otherwise", found.distance, found.threshold)


def _without(sketch: Sketch, value: float) -> Sketch:
    kept = sketch.values != value
    return Sketch(sketch.values[kept], sketch.weights[kept])


def _count_of(sketch: Sketch, value: float) -> int:
    at = np.array([value])
    return int(sketch.rank_of(at)[0] - sketch.rank_of(at, inclusive=False)[0])


def share_excess(
    count: int, size: int, before: int, reference: int, tail: float, allowed: float = 0.0
) -> Excess | None:
    """Whether `count` of `size` is more than `allowed`, the share `before` of `reference`, and chance explain.

    Without reference data only `allowed` is.
    """
    known = share_upper(before, reference, tail / 2) if reference else 0.0
    share = min(1.0, allowed + known + SHARE_SLACK)
    if not size or binomial_sf(count, size, share) >= tail / 2:
        return None
    limit = _most_by_chance(lambda k: binomial_sf(k, size, share), count, tail / 2)
    return Excess("", count / size, limit / size)


def _most_by_chance(beyond: Callable[[int], float], count: int, tail: float) -> int:
    """The largest count below the given one that chance still explains."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if beyond(middle) < tail else (middle, high)
    return low
