"""Moments of numbers, gathered chunk by chunk, and the buckets of their distribution."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from perennial_analysis.sketch import EMPTY, Sketch, from_levels, to_levels
from perennial_analysis.statistics_features import Bucket, Numbers

BUCKETS = 10


@dataclass
class Moments:
    """Count, mean and squared deviations of numbers, joined by the formula of Chan, Golub and LeVeque (1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, count: int, mean: float, squares: float, total: float, low: float, high: float) -> None:
        if not count:
            return
        both = self.count + count
        if self.count:
            apart = mean - self.mean
            squares += self.squares + apart * apart * self.count * count / both
            mean = self.mean * (self.count / both) + mean * (count / both)
        self.count, self.mean = both, mean
        self.squares, self.total = _finite(squares), _finite(self.total + total)
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)

    def numbers(self, sketch: Sketch) -> Numbers:
        """As they leave: with buckets, and the sketch as the file will have it."""
        if not self.count:
            return Numbers(0.0, 0.0, 0.0, 0.0, 0.0, EMPTY, ())
        low, high = self.minimum + 0.0, self.maximum + 0.0
        return Numbers(
            self.mean,
            self.total,
            math.sqrt(self.squares / self.count),
            low,
            high,
            from_levels(to_levels(sketch)),
            buckets(sketch, low, high),
        )


def _finite(value: float) -> float:
    """The nearest number that JSON can write."""
    if math.isnan(value):
        return 0.0  # infinities of either sign cancel out
    return max(-sys.float_info.max, min(sys.float_info.max, value))


def buckets(sketch: Sketch, low: float, high: float) -> tuple[Bucket, ...]:
    """Ten of equal width from the least to the greatest value, as Deequ's KLLSketch makes them."""
    width = (high - low) / BUCKETS
    if math.isfinite(high - low):
        bounds = np.array([low + width * place for place in range(BUCKETS)] + [high])
    else:
        bounds = np.linspace(low / BUCKETS, high / BUCKETS, BUCKETS + 1) * BUCKETS
    ranks = sketch.rank_of(bounds, inclusive=False)
    ranks[0], ranks[-1] = 0, sketch.total
    return tuple(
        Bucket(float(bounds[place]), float(bounds[place + 1]), int(ranks[place + 1] - ranks[place]))
        for place in range(BUCKETS)
    )
