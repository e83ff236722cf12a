"""How much a column of numbers or categories varies within its own baseline: by the hour, the day, the week.

A temperature differs between night and noon, so an hour of it differs from the whole, and nobody wants to be paged for
that. Where the baseline's rows are in the order of time, consecutive ones show it. Their distributions are compared with
the whole's; how far they go, and come back from, again and again, windows may go too: most of them, or surely some, as
at weekends. Rows in random order show nothing, and nothing is allowed then; neither is it for rows that are sorted,
which go once and do not come back.

What tells the hour or the weekday itself goes round (see `statistics_rounds`): a window may be all of one of them,
however few rows of the baseline make a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perennial_analysis.columns import Floats
from perennial_analysis.statistics_rounds import Rounds
from perennial_analysis.statistics_tails import chi2_isf

BINS = 10
BLOCK_ROWS = 128
MOST_BLOCKS = 4096
FEWEST_BLOCKS = 24
LEAST_VARIATION = 0.02
"""The mean PSI of blocks, less what chance gives, from which a column varies all the time."""
FEWEST_RETURNS = 6
FEWEST_STRETCHES = 3
DOUBT = 0.02
"""Of one stretch; three of them are sure."""
MARGIN = 1.25
EMPTY_BINS = 1.0
"""From here on blocks leave whole bins empty, and a PSI grows with the rows of a window: to thrice this with millions."""
MARGIN_OF_EMPTY_BINS = 3.0
LASTING = 3
ONE_VALUE = 20.0
"""More than the PSI of ten million rows of one value beside a baseline of many."""


@dataclass
class Rhythm:
    """Counts of consecutive rows between the deciles of the first ones."""

    edges: Floats | None = None
    rows: int = BLOCK_ROWS
    blocks: list[NDArray[np.int64]] = field(default_factory=list)
    held: int = 0
    rounds: Rounds = field(default_factory=Rounds)

    def add(self, values: Floats, ordered: Floats) -> None:
        """Rows as they come, NaN where missing, and the same sorted without those. A chunk's last few are left out."""
        if self.edges is None:
            ranks = np.arange(1, BINS) * len(ordered) // BINS
            self.edges = np.unique(ordered[ranks])
        known = values[np.isfinite(values)]
        self.rounds.add(known)
        count = len(known) // self.rows
        if not count:
            return
        bins = len(self.edges) + 1
        places = np.searchsorted(self.edges, known[: count * self.rows], side="left")
        cells = places + bins * np.repeat(np.arange(count), self.rows)
        self.blocks.append(np.bincount(cells, minlength=bins * count).reshape(count, bins))
        self.held += count
        while self.held > MOST_BLOCKS:
            self._halve()

    def _halve(self) -> None:
        self.blocks = [_paired(np.concatenate(self.blocks))]
        self.held, self.rows = len(self.blocks[0]), 2 * self.rows

    def variation(self, named: bool = False) -> float:
        """The PSI that blocks reach; 0 where it is no more than chance, or they do not come back from it.

        `named` values, such as those of shops that report one after the other, are no clock unless they last.
        """
        clock = self.rounds.go_round(LASTING if named else 1)
        return max(self._of_blocks(), ONE_VALUE if clock else 0.0)

    def _of_blocks(self) -> float:
        if self.held < FEWEST_BLOCKS:
            return 0.0
        blocks = np.concatenate(self.blocks)
        apart = _apart(blocks)
        if _returns(blocks) < FEWEST_RETURNS:
            return 0.0
        if apart.mean() < LEAST_VARIATION:
            return MARGIN * _now_and_then(blocks)
        reach = float(apart.max())
        return reach * (MARGIN if reach < EMPTY_BINS else MARGIN_OF_EMPTY_BINS)


def _now_and_then(blocks: NDArray[np.int64]) -> float:
    """How far some blocks go while most do not, as at weekends: surely, in three stretches or more, less what the
    farthest of so many goes by chance. Longer blocks tell weaker ones."""
    reach, freedom = 0.0, blocks.shape[1] - 1
    while freedom and len(blocks) >= FEWEST_BLOCKS:
        rows = int(blocks[0].sum())
        apart = _apart(blocks)
        surely = apart > (chi2_isf(DOUBT / len(blocks), freedom) - freedom) / rows
        stretches = int(surely[0]) + int(np.count_nonzero(surely[1:] & ~surely[:-1]))
        if stretches >= FEWEST_STRETCHES and _returns(blocks) >= FEWEST_RETURNS:
            by_chance = (chi2_isf(1 / len(blocks), freedom) - freedom) / rows
            reach = max(reach, float(apart.max()) - by_chance)
        blocks = _paired(blocks)
    return reach


def _apart(blocks: NDArray[np.int64]) -> Floats:
    """The PSI of each block, less what chance gives."""
    found: Floats = _psi(blocks) - (blocks.shape[1] - 1) / blocks.sum(axis=1)
    return found


def _paired(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    even = len(blocks) // 2 * 2
    return blocks[0:even:2] + blocks[1:even:2]


def _psi(blocks: NDArray[np.int64]) -> Floats:
    """Of each block beside all of them, half a count added to each bin as everywhere."""
    bins = blocks.shape[1]
    whole = blocks.sum(axis=0) + 0.5
    p, q = (blocks + 0.5) / (blocks.sum(axis=1, keepdims=True) + 0.5 * bins), whole / whole.sum()
    found: Floats = ((p - q) * np.log(p / q)).sum(axis=1)
    return found


def _returns(blocks: NDArray[np.int64]) -> int:
    """How often the blocks' middle goes from well below its usual place to well above, or back."""
    middle = blocks @ np.arange(blocks.shape[1]) / blocks.sum(axis=1)
    low, high = np.quantile(middle, [1 / 3, 2 / 3])
    sides = np.where(middle <= low, -1, np.where(middle >= high, 1, 0))
    sides = sides[sides != 0]
    return int(np.count_nonzero(sides[1:] != sides[:-1]))
