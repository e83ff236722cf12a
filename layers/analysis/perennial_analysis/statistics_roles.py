"""Columns whose values never come back: identifiers and times. Every window differs from every other in them.

Judged by the values alone, since names mislead; a column must give itself away beyond doubt:

    identifier   whole numbers without a repetition that fill at least a tenth of their range, or text that hardly
                 repeats itself
    timestamp    seconds, milli-, micro- or nanoseconds since 1970 or dates as 20261123, all of them of this century,
                 that rise with the rows or seldom repeat; text that reads as dates
    sequence     any numbers without a repetition that rise with the rows
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np

from perennial_analysis.columns import Floats
from perennial_analysis.statistics_features import Numbers, Role

FEWEST = 100
DENSE = 0.1
HARDLY_REPEATED = 0.9
OFTEN_NEW = 0.5
CENTURY = (946_684_800, 4_102_444_800)
"""2000 and 2100 in seconds since 1970."""
UNITS = (1, 10**3, 10**6, 10**9)
SHORTEST_DATE = len("20261123")
SAMPLED = 200


@dataclass
class Order:
    """Whether a column's numbers rise with the rows, and whether any repeats within its chunk. How many do is only
    counted for those that may be times."""

    rising: bool = True
    unique: bool = True
    last: float = -np.inf
    distinct: int = 0

    def add(self, given: Floats | None, ordered: Floats) -> None:
        """A chunk's numbers in the order of its rows, None if some are missing or it matters no more; and the finite
        ones sorted."""
        if self.rising and given is not None:
            first = given[: FEWEST + 1]
            self.rising = bool(
                self.last <= given[0] and (first[1:] >= first[:-1]).all() and (given[1:] >= given[:-1]).all()
            )
            self.last = float(given[-1])
        else:
            self.rising = False
        if self.unique:
            first = ordered[: FEWEST + 1]
            self.unique = bool((first[1:] > first[:-1]).all() and (ordered[1:] > ordered[:-1]).all())
        if ordered[0] >= CENTURY[0]:
            self.distinct += 1 + int(np.count_nonzero(ordered[1:] > ordered[:-1]))


def role_of_numbers(numbers: Numbers, order: Order, whole: bool) -> Role | None:
    """`whole` says that all are integers."""
    count, low, high = numbers.sketch.total, numbers.minimum, numbers.maximum
    if count < FEWEST or low == high:
        return None
    may_be_time = any(CENTURY[0] * unit <= low and high <= CENTURY[1] * unit for unit in UNITS)
    if may_be_time and (order.rising or order.distinct >= OFTEN_NEW * count):
        return "timestamp"
    if whole and _are_dates(numbers.sketch.values):
        return "timestamp"
    if whole and order.unique and count >= DENSE * (high - low + 1):
        return "identifier"
    return "sequence" if order.rising and order.unique else None


def _are_dates(values: Floats) -> bool:
    """As 20261123."""
    if len(values) < 2 or values[0] < 19_000_101 or values[-1] > 21_001_231:
        return False
    months, days = values // 100 % 100, values % 100
    return bool(((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all())


def role_of_words(present: int, distinct: int, words: Iterable[str]) -> Role | None:
    """`words` are some of its values, each once."""
    if present < FEWEST:
        return None
    sample = list(islice(words, SAMPLED))
    if sample and all(map(_is_date, sample)):
        return "timestamp"
    return "identifier" if distinct >= HARDLY_REPEATED * present else None


def _is_date(word: str) -> bool:
    if len(word) < SHORTEST_DATE or not word[0].isdigit():
        return False
    try:
        datetime.fromisoformat(word)
    except ValueError:
        return False
    return True
