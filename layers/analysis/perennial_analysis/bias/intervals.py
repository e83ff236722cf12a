"""Bootstrap intervals of metrics from counts: rows drawn anew are counts drawn from a multinomial.

A cell that happens to be empty is not impossible: (group, label, prediction) without a row is drawn with the
weight of half a row, so that a rate of 0 or 1 from few rows is not taken for certain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perennial_analysis.bias.formulas import Counts, Metrics, Numbers

Interval = tuple[float, float]

LEVEL = 0.99
DRAWS = 2000
MOST_CELLS = 1_000_000
EMPTY = 0.5


def bootstrap(
    counts: Counts,
    metrics: Callable[[Counts], Metrics],
    *,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """The interval of each metric of [strata, 2, 2, predictions] counts; a seed always gives the same.

    Metrics that more than half of the draws leave undefined have none. Bounds may be infinite.
    """
    total = int(counts.sum())
    if not total:
        return {}
    weights = _weights(counts)
    generator = np.random.default_rng(seed)
    batch = max(1, MOST_CELLS // counts.size)
    drawn: dict[str, list[Numbers]] = {}
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        resampled = generator.multinomial(total, weights.ravel(), size=size)
        found = metrics(resampled.reshape(size, *counts.shape).astype(np.float64))
        for name, values in found.items():
            drawn.setdefault(name, []).append(values)
    intervals = {name: percentiles(np.concatenate(values), level) for name, values in drawn.items()}
    return {name: interval for name, interval in intervals.items() if interval is not None}


def percentiles(values: Numbers, level: float) -> Interval | None:
    """The middle `level` of drawn values [draws], without interpolation since they may be infinite."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) <= len(values) / 2:
        return None
    tail = int((1 - level) / 2 * len(known))
    return float(known[tail]), float(known[-1 - tail])


def _weights(counts: Counts) -> Counts:
    by_stratum = counts.sum(axis=(1, 2, 3), keepdims=True) / counts.sum()
    empty = counts.sum(axis=0, keepdims=True) == 0
    weights = np.asarray(np.where(empty, EMPTY * by_stratum, counts), dtype=np.float64)
    return weights / float(weights.sum())
