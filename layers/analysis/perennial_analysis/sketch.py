"""The distribution of a numeric column as a few weighted points, exact while the column is small.

Written in the shape of Deequ's KLL sketch (level i holds points of weight 2**i), so that whoever reads Model
Monitor's statistics reads ours. Unlike KLL nothing is drawn by chance: points are the middles of blocks of equal
rank, so the same data give the same bytes and a rank is wrong by at most half a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial_analysis.columns import Floats

K = 2048
"""Deequ's default sketch size: at most this many points are written, and ranks are right to n / (2 K)."""
MOST_POINTS = 32768
"""What is kept of one column while its data stream by."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """`values` ascend, each once; `weights` are how many data each stands for."""

    values: Floats
    weights: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.weights.sum())

    def ranks(self) -> NDArray[np.int64]:
        """The number of data up to and including each value."""
        return np.cumsum(self.weights)

    def rank_of(self, values: Floats, *, inclusive: bool = True) -> NDArray[np.int64]:
        """How many data are at most (or, exclusive, less than) each of `values`."""
        places = np.searchsorted(self.values, values, side="right" if inclusive else "left")
        return np.concatenate([[0], self.ranks()])[places]

    def at_ranks(self, ranks: NDArray[np.int64]) -> Floats:
        """The data at these ranks, counted from 0."""
        return self.values[np.searchsorted(self.ranks(), ranks, side="right")]


EMPTY = Sketch(np.empty(0), np.empty(0, dtype=np.int64))


def sketch_of_sorted(ordered: Floats, most: int | None = None) -> Sketch:
    """Of finite values in ascending order: exact, or in at most `most` points."""
    if not len(ordered):
        return EMPTY
    steps = ordered[1:] != ordered[:-1]
    if most is None or np.count_nonzero(steps) < most:
        starts = np.concatenate([[0], np.flatnonzero(steps) + 1])
        return Sketch(ordered[starts] + 0.0, np.diff(starts, append=len(ordered)))
    bounds = np.arange(most + 1, dtype=np.int64) * len(ordered) // most
    return _together(ordered[(bounds[:-1] + bounds[1:]) // 2], np.diff(bounds))


def weighted(values: Floats, weights: NDArray[np.int64]) -> Sketch:
    """Of weighted points in any order, equal ones together."""
    order = np.argsort(values, kind="stable")
    return _together(values[order], weights[order])


def _together(values: Floats, weights: NDArray[np.int64]) -> Sketch:
    """Of weighted points in ascending order, equal ones together. Adding zero: no negative zero is written."""
    if not len(values):
        return EMPTY
    steps = np.flatnonzero(values[1:] != values[:-1]) + 1
    if len(steps) + 1 == len(values):
        return Sketch(values + 0.0, weights)
    starts = np.concatenate([[0], steps])
    return Sketch(values[starts] + 0.0, np.add.reduceat(weights, starts))


def merged(sketches: Sequence[Sketch], most: int = MOST_POINTS) -> Sketch:
    """Of all data together, in at most `most` points."""
    kept = [each for each in sketches if len(each.values)]
    if not kept:
        return EMPTY
    if len(kept) == 1:
        return compressed(kept[0], most)
    return compressed(
        weighted(np.concatenate([s.values for s in kept]), np.concatenate([s.weights for s in kept])), most
    )


def compressed(sketch: Sketch, most: int) -> Sketch:
    """The same data in at most `most` points; unchanged where they suffice."""
    if len(sketch.values) <= most:
        return sketch
    bounds = np.arange(most + 1, dtype=np.int64) * sketch.total // most
    return _together(sketch.at_ranks((bounds[:-1] + bounds[1:]) // 2), np.diff(bounds))


def to_levels(sketch: Sketch) -> list[list[float]]:
    """Deequ's compactors. A value of weight 5 stands in level 0 and in level 2; weights add up to the total."""
    if not len(sketch.values):
        return [[]]
    if len(sketch.values) <= K:
        bits = range(int(sketch.weights.max()).bit_length())
        exact = [sketch.values[(sketch.weights >> bit) & 1 == 1] for bit in bits]
        if sum(map(len, exact)) <= K:
            return [each.tolist() for each in exact]
    ends = sketch.ranks()
    total = int(ends[-1])
    top = 0
    while total >> top > K:
        top += 1
    ranks: list[NDArray[np.int64]] = []
    for level in range(top):
        # What is left over by the blocks of the top level lies at the upper end, largest blocks first.
        start = total >> (level + 1) << (level + 1)
        left = [start + (1 << level >> 1)] if total >> level & 1 else []
        ranks.append(np.array(left, dtype=np.int64))
    middles = (np.arange(total >> top, dtype=np.int64) << top) + (1 << top >> 1)
    return [sketch.values[np.searchsorted(ends, each, side="right")].tolist() for each in [*ranks, middles]]


def from_levels(levels: Sequence[Sequence[float]]) -> Sketch:
    """Reads any KLL sketch of Deequ's shape: ours, or Model Monitor's own."""
    values = [np.asarray(level, dtype=np.float64) for level in levels]
    weights = [np.full(len(level), 1 << place, dtype=np.int64) for place, level in enumerate(values)]
    return weighted(np.concatenate(values), np.concatenate(weights)) if values else EMPTY
