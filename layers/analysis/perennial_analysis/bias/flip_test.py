"""Clarify's Flip Test (FT): would the others' nearest neighbours have been treated as the group was?

Each row of the group d is compared with the majority of its 5 nearest neighbours among the others, a (1 when
there are fewer than 10 of them), by Euclidean distance of the features as they are: as in Clarify, scaling is
the caller's. FT = (rows accepted though their neighbours were rejected - the reverse) / rows of the group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial_analysis.bias.intervals import DRAWS, LEVEL, Interval, percentiles

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEIGHBOURS = 5
FEW_ROWS = 9
MOST_ROWS = 5000
BLOCK = 256


@dataclass(frozen=True)
class Flips:
    """Rows of the group by how they fared beside their neighbours: `better`, `worse`, of `rows` looked at."""

    better: int
    worse: int
    rows: int

    @property
    def value(self) -> float:
        return (self.better - self.worse) / self.rows

    def interval(self, *, level: float = LEVEL, draws: int = DRAWS, seed: int = 0) -> Interval | None:
        """From resampled flips; the others are taken as they are."""
        cells = np.array([self.better, self.worse, self.rows - self.better - self.worse], dtype=np.float64)
        weights = np.where(cells == 0, 0.5, cells)
        drawn = np.random.default_rng(seed).multinomial(self.rows, weights / weights.sum(), size=draws)
        return percentiles((drawn[:, 0] - drawn[:, 1]) / self.rows, level)


def flip_test(
    features: Numbers, member: Flags, predicted: Flags, *, most_rows: int = MOST_ROWS, seed: int = 0
) -> Flips:
    """From features [rows, columns], who is of the group [rows], and who was accepted [rows].

    Of more than `most_rows` rows on a side a seeded sample is looked at. Raises ValueError when a side is empty
    or a feature is no finite number.
    """
    if features.ndim != 2 or not len(features) == len(member) == len(predicted):
        raise ValueError("features are a table with a row for each prediction")
    if not np.isfinite(features).all():
        raise ValueError("the flip test needs features that are finite numbers")
    generator = np.random.default_rng(seed)
    sides = [_sample(np.flatnonzero(side), most_rows, generator) for side in (~member, member)]
    others, group = sides
    if not len(others) or not len(group):
        raise ValueError("the flip test needs rows of the group and of the others")
    neighbours = NEIGHBOURS if len(others) > FEW_ROWS else 1
    expected = _majority(features[others], predicted[others], features[group], neighbours)
    given = predicted[group]
    return Flips(int((given & ~expected).sum()), int((~given & expected).sum()), len(group))


def _sample(rows: npt.NDArray[np.intp], most: int, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


def _majority(known: Numbers, accepted: Flags, asked: Numbers, neighbours: int) -> Flags:
    # Centred, so that squares of large features do not swallow their differences.
    centre = known.mean(axis=0)
    known, asked = known - centre, asked - centre
    squares = (known**2).sum(axis=1)
    votes = np.empty(len(asked), dtype=np.bool_)
    for start in range(0, len(asked), BLOCK):
        # The asked row's own square is the same for all its neighbours: it orders nothing.
        distance = squares - 2 * asked[start : start + BLOCK] @ known.T
        nearest = np.argpartition(distance, neighbours - 1, axis=1)[:, :neighbours]
        votes[start : start + BLOCK] = accepted[nearest].mean(axis=1) > 0.5
    return votes
