"""Whether a column goes round with the rows, as the hour and the weekday do where rows are in the order of time.

Two signs, each of which no column shows by chance, nor one that belongs to a customer and changes with the next:

    it climbs and falls back      of its changes three in four or more are upwards, and of the falls most are all the way
    one value follows another     after each value comes the same other one, and those make a ring of three or more
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from perennial_analysis.columns import Floats

MOST_ROWS = 20_000
"""Of the first rows: a column that goes round does so in any of them."""
MOST_VALUES = 120
FEWEST_VALUES = 3
FEWEST_CHANGES = 20
FEWEST_FALLS = 6
FEWEST_ROUNDS = 3
CLIMBING = 0.75
ALL_THE_WAY = 0.5
"""Of the distance between the outer deciles: a fall this deep begins a round."""
FOLLOWING = 0.9


@dataclass
class Rounds:
    """The first rows in their order, without those that lack a value."""

    rows: list[Floats] = field(default_factory=list)
    held: int = 0

    def add(self, values: Floats) -> None:
        taken = values[: MOST_ROWS - self.held]
        if len(taken):
            self.rows.append(taken.copy())
            self.held += len(taken)

    def go_round(self, lasting: int = 1) -> bool:
        """A value must stay for `lasting` rows, on average, to be one of a clock."""
        if not self.rows:
            return False
        values = np.concatenate(self.rows)
        few = np.unique(values)
        if not FEWEST_VALUES <= len(few) <= MOST_VALUES:
            return False
        moved = values[1:] != values[:-1]
        before, after = values[:-1][moved], values[1:][moved]
        if len(before) < FEWEST_CHANGES or len(values) < lasting * len(before):
            return False
        return _climb_and_fall_back(values, after - before) or _follow_in_a_ring(few, before, after)


def _climb_and_fall_back(values: Floats, changes: Floats) -> bool:
    low, high = np.quantile(values, [0.1, 0.9])
    falls = int(np.count_nonzero(changes < 0))
    returns = int(np.count_nonzero(changes < -ALL_THE_WAY * (high - low)))
    climbing = len(changes) - falls >= CLIMBING * len(changes)
    return climbing and returns >= FEWEST_FALLS and 2 * returns >= falls


def _follow_in_a_ring(few: Floats, before: Floats, after: Floats) -> bool:
    """How often each value is followed by each other one tells which one follows it, and how surely."""
    size = len(few)
    steps = np.bincount(
        np.searchsorted(few, before) * size + np.searchsorted(few, after), minlength=size * size
    ).reshape(size, size)
    if steps.max(axis=1).sum() < FOLLOWING * len(before) or len(before) < FEWEST_ROUNDS * size:
        return False
    follower = steps.argmax(axis=1).tolist()
    place = start = int(steps.sum(axis=1).argmax())
    ring = {start}
    while (place := follower[place]) not in ring:
        ring.add(place)
    return place == start and len(ring) >= max(FEWEST_VALUES, FOLLOWING * size)
