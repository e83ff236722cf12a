"""Columns whose values never come back: identifiers and times. Every window differs from every other in them.

Judged by the values alone, since names mislead; a column must give itself away beyond doubt:

    identifier   whole numbers without a repetition that fill at least a tenth of their range, or that are too large for
                 a measure, or text that hardly repeats itself
    timestamp    seconds, milli-, micro- or nanoseconds since 1970 or dates as 20261123, all of them of this century,
                 that go one way with the rows or seldom repeat; years that go one way; text that reads as dates, or as
                 more times of day than could be listed
    sequence     any numbers that go one way with the rows, or text that never comes back once another came, with few
                 rows of each: the lines of an order have its number
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np

from perennial_analysis.columns import Column, Floats
from perennial_analysis.statistics_features import Numbers, Role

FEWEST = 100
DENSE = 0.1
HARDLY_REPEATED = 0.9
FEW_ROWS_EACH = 0.25
OFTEN_NEW = 0.5
CENTURY = (946_684_800, 4_102_444_800)
"""2000 and 2100 in seconds since 1970."""
YEARS = (1900, 2100)
BEYOND_MEASURE = 2**53
"""Whole numbers from here on have no exact float: they count nothing, they name something."""
UNITS = (1, 10**3, 10**6, 10**9)
SHORTEST_DATE = len("20261123")
CLOCK = re.compile(r"\d?\d:\d\d(:\d\d([.,]\d+)?)?")
SAMPLED = 200


@dataclass
class Order:
    """Whether a column's numbers rise or fall with the rows, and whether any repeats within its chunk. How many do is
    only counted for those that may be times or go one way."""

    rising: bool = True
    falling: bool = True
    unique: bool = True
    last: float = np.nan
    distinct: int = 0

    def add(self, given: Floats | None, ordered: Floats) -> None:
        """A chunk's numbers in the order of its rows, None if some are missing or it matters no more; and the finite
        ones sorted."""
        if self.one_way and given is not None:
            self.rising = self.rising and not self.last > given[0] and _rises(given)
            self.falling = self.falling and not self.last < given[0] and _rises(given[::-1])
            self.last = float(given[-1])
        else:
            self.rising = self.falling = False
        if self.unique:
            first = ordered[: FEWEST + 1]
            self.unique = bool((first[1:] > first[:-1]).all() and (ordered[1:] > ordered[:-1]).all())
        if self.one_way or ordered[0] >= CENTURY[0]:
            self.distinct += 1 + int(np.count_nonzero(ordered[1:] > ordered[:-1]))

    @property
    def one_way(self) -> bool:
        """Up or down, or along."""
        return self.rising or self.falling


def _rises(values: Floats) -> bool:
    first = values[: FEWEST + 1]
    return bool((first[1:] >= first[:-1]).all() and (values[1:] >= values[:-1]).all())


@dataclass
class Runs:
    """Whether each word of a column stands in one run of rows and never comes back."""

    unbroken: bool = True
    count: int = 0
    last: str | None = None

    def add(self, column: Column, distinct: int) -> None:
        """A chunk of texts; `distinct` words came until its end."""
        if column.coded is not None:
            codes = column.coded.codes[~column.missing]
            starts = 1 + int(np.count_nonzero(codes[1:] != codes[:-1]))
            first, last = (column.coded.words[int(code)] for code in (codes[0], codes[-1]))
        else:
            values = column.values[~column.missing]
            starts = 1 + int(np.count_nonzero(values[1:] != values[:-1]))
            first, last = values[0], values[-1]
        self.count += starts - (first == self.last)
        self.last = last
        self.unbroken = self.count == distinct


def role_of_numbers(numbers: Numbers, order: Order, whole: bool) -> Role | None:
    """`whole` says that all are integers."""
    count, low, high = numbers.sketch.total, numbers.minimum, numbers.maximum
    if count < FEWEST or low == high:
        return None
    may_be_time = any(CENTURY[0] * unit <= low and high <= CENTURY[1] * unit for unit in UNITS)
    if may_be_time and (order.one_way or order.distinct >= OFTEN_NEW * count):
        return "timestamp"
    if whole and _are_dates(numbers.sketch.values):
        return "timestamp"
    if order.one_way and YEARS[0] <= low and high <= YEARS[1]:
        return "timestamp"
    if whole and order.unique and (count >= DENSE * (high - low + 1) or low >= BEYOND_MEASURE):
        return "identifier"
    return "sequence" if order.one_way and order.distinct >= FEW_ROWS_EACH * count else None


def _are_dates(values: Floats) -> bool:
    """As 20261123."""
    if len(values) < 2 or values[0] < 19_000_101 or values[-1] > 21_001_231:
        return False
    months, days = values // 100 % 100, values % 100
    return bool(((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all())


def role_of_words(
    present: int, distinct: int, words: Iterable[str], many: bool, unbroken: bool
) -> Role | None:
    """`words` are some of its values, each once; `many` are too many to list."""
    if present < FEWEST:
        return None
    sample = list(islice(words, SAMPLED))
    if sample and (all(map(_is_date, sample)) or (many and all(map(CLOCK.fullmatch, sample)))):
        return "timestamp"
    if distinct >= HARDLY_REPEATED * present:
        return "identifier"
    return "sequence" if unbroken and distinct >= FEW_ROWS_EACH * present else None


def _is_date(word: str) -> bool:
    if len(word) < SHORTEST_DATE or not word[0].isdigit():
        return False
    try:
        datetime.fromisoformat(word)
    except ValueError:
        return False
    return True
