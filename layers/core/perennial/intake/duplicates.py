"""The share of repeated rows, in bounded memory.

Exact for up to half a million different rows. Beyond that a sample by hash: a row is in it or not whatever
its place, so all its copies are, too, and the share among the sampled rows estimates the share among all
(standard error at most about 0.002 where rows are repeated a few times each).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

MOST_KEPT = 1 << 19


class RepeatedRows:
    """Counts rows by their 64-bit hash."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._counts: Counter[int] = Counter()
        self._most_kept = most_kept
        self._mask = 0

    @property
    def exact(self) -> bool:
        return self._mask == 0

    def add(self, rows: Iterable[str]) -> None:
        hashes: Iterable[int] = map(hash, rows)
        if mask := self._mask:
            hashes = [value for value in hashes if not value & mask]
        self._counts.update(hashes)
        while len(self._counts) > self._most_kept:
            mask = self._mask = self._mask << 1 | 1
            self._counts = Counter(
                {value: times for value, times in self._counts.items() if not value & mask}
            )

    @property
    def share(self) -> float:
        """How many of all rows could be left out without losing a different one; 0.0 without rows."""
        rows = self._counts.total()
        return (rows - len(self._counts)) / rows if rows else 0.0
