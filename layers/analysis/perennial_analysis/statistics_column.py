"""One column while its chunks go by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from perennial_analysis.columns import NUMERIC, Column, Floats, Kind, as_text
from perennial_analysis.hashed import Hashed, add_hashed, hash_words
from perennial_analysis.sketch import Sketch, merged, sketch_of_sorted
from perennial_analysis.statistics_features import Feature, Words
from perennial_analysis.statistics_moments import Moments
from perennial_analysis.statistics_rhythm import Rhythm
from perennial_analysis.statistics_roles import Order, Runs, role_of_numbers, role_of_words
from perennial_analysis.statistics_types import DataType, lexical_types, parse_numbers

MOST_CATEGORIES = 120
"""Deequ's default: the values of a text column with more are not listed."""
MOST_CATEGORIES_KNOWN = 1200
"""How many are listed where a baseline lists its own: new values must not hide the old ones."""
MOST_DISTINCT = 100_000
"""Beyond it the number of distinct values is only a lower bound."""
CHUNK_POINTS = 4096
"""What is kept of a column of one chunk."""
MOST_PENDING = 8


def listed(counts: Mapping[str, int], distinct: int, known: Feature | None = None) -> Words:
    """The values of a text column, most frequent first, unless they are too many to be categories."""
    most = MOST_CATEGORIES_KNOWN if known and known.words and known.words.counts else MOST_CATEGORIES
    if distinct > most:
        return Words(distinct, None)
    return Words(distinct, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def _finite(ordered: Floats) -> Floats:
    """What is not finite cannot be compared with anything: left out. Sorted it stands at the ends."""
    first = np.searchsorted(ordered, -math.inf, side="right")
    last = np.searchsorted(ordered, math.inf, side="left")
    return ordered[first:last]


@dataclass
class Gathered:
    """What is gathered of one column while its chunks go by."""

    name: str
    known: Feature | None
    missing: int = 0
    kinds: set[Kind] = field(default_factory=set)
    types: dict[DataType, int] = field(default_factory=dict)
    moments: Moments = field(default_factory=Moments)
    pending: list[Sketch] = field(default_factory=list)
    counts: dict[str, int] | None = field(default_factory=dict)
    distinct: int = 0
    hashed: list[Hashed] = field(default_factory=list)
    order: Order = field(default_factory=Order)
    runs: Runs = field(default_factory=Runs)
    rhythm: Rhythm = field(default_factory=Rhythm)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, column: Column) -> None:
        if column.kind in NUMERIC and self.known and self.known.kind == "String":
            self._add_texts(as_text(column))
        elif column.kind in NUMERIC:
            self._add_numbers(column)
        elif column.kind == "String":
            self._add_texts(column)
        else:
            self.missing += len(column)

    def _add_numbers(self, column: Column) -> None:
        values = column.present()
        gaps = len(values) < len(column)
        rows = values.copy() if self.known is None or (self.order.one_way and not gaps) else None
        values.sort()
        values = _finite(values)
        self.missing += len(column) - len(values)
        if not len(values):
            return
        self.order.add(None if gaps else rows, values)
        if self.known is None and rows is not None:
            self.rhythm.add(rows, values)
        self.kinds.add(column.kind)
        whole = column.whole_floats or 0
        if column.kind == "Integral":
            self._count("Integral", len(values))
        else:
            self._count("Integral", min(whole, len(values)))
            self._count("Fractional", len(values) - min(whole, len(values)))
        self._add_values(values)

    def _add_texts(self, column: Column) -> None:
        counts = column.counts()
        self.missing += int(np.count_nonzero(column.missing))
        if not counts:
            return
        if self.known and self.known.kind in NUMERIC:
            for kind, count in lexical_types(counts).items():
                self._count(kind, count)
            self._add_values(np.sort(parse_numbers(counts)))
            return
        self.kinds.add("String")
        self._count("String", sum(counts.values()))
        if self.counts is None:
            self.hashed = [add_hashed([*self.hashed, hash_words(counts, self._known_hashed())])]
            self.distinct = max(self.distinct, len(counts))
            return
        if self.known is None and len(self.counts) <= MOST_CATEGORIES:
            self._add_places(column, counts)
        for word, count in counts.items():
            self.counts[word] = self.counts.get(word, 0) + count
        self.distinct = len(self.counts)
        if self.known is None and self.runs.unbroken:
            self.runs.add(column, self.distinct)
        if self.distinct > MOST_DISTINCT:
            self.hashed = [hash_words(self.counts, self._known_hashed())]
            self.counts = None

    def _add_places(self, column: Column, counts: Mapping[str, int]) -> None:
        """Categories as numbers, in the order of their names: weekdays come and go as hours do."""
        for word in sorted(counts):
            self.places.setdefault(word, len(self.places))
        if len(self.places) > MOST_CATEGORIES:
            return
        values = np.full(len(column), np.nan)
        if column.coded is not None:
            held = ~column.missing
            of_words = np.array([self.places.get(word, 0) for word in column.coded.words], dtype=np.float64)
            values[held] = of_words[column.coded.codes[held]]
        else:
            values[:] = [math.nan if word is None else self.places[word] for word in column.values.tolist()]
        self.rhythm.add(values, _finite(np.sort(values)))

    def _known_hashed(self) -> Hashed | None:
        return self.known.words.hashed if self.known and self.known.words else None

    def _add_values(self, values: Floats) -> None:
        """Of finite values in ascending order, which are overwritten."""
        if not len(values):
            return
        low, high = float(values[0]), float(values[-1])
        self.pending.append(sketch_of_sorted(values, CHUNK_POINTS))
        if len(self.pending) > MOST_PENDING:
            self.pending = [merged(self.pending)]
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(values.sum())
            mean = total / len(values)
            # Sentinels may be the largest floats there are, whose sum is not one.
            mean = mean if math.isfinite(mean) else float((values / len(values)).sum())
            np.subtract(values, mean, out=values)
            squares = float(np.multiply(values, values, out=values).sum())
        self.moments.add(len(values), mean, squares, total, low, high)

    def _count(self, kind: DataType, count: int) -> None:
        if count:
            self.types[kind] = self.types.get(kind, 0) + count

    def feature(self) -> Feature:
        present = sum(self.types.values())
        kind = self._kind()
        words = numbers = role = None
        variation = 0.0
        if kind in NUMERIC:
            numbers = self.moments.numbers(merged(self.pending))
            role = role_of_numbers(numbers, self.order, whole=kind == "Integral")
            variation = self.rhythm.variation()
        elif not self.moments.count:
            many = self.distinct > MOST_CATEGORIES
            role = role_of_words(present, self.distinct, self.counts or (), many, self.runs.unbroken)
            words = self._words(role is None)
            variation = self.rhythm.variation(named=True) if words.counts else 0.0
        else:  # some chunks held numbers, whose texts are gone
            words = Words(self.distinct, None)
        return Feature(
            self.name, kind, present, self.missing, dict(self.types), numbers, words, role, variation
        )

    def _words(self, recur: bool) -> Words:
        """Where there are too many to list, their hashes; but not of those that do not recur."""
        hashed = self.hashed[0] if self.hashed else None
        if self.counts is not None:
            found = listed(self.counts, self.distinct, self.known)
            if found.counts is not None:
                return found
            hashed = hash_words(self.counts, self._known_hashed())
        return Words(self.distinct, None, hashed if recur or self._known_hashed() else None)

    def _kind(self) -> Kind:
        if not self.types:
            return "Unknown"
        if "String" in self.kinds:
            return "String"
        if self.known and self.known.kind in NUMERIC:
            return self.known.kind if self.kinds <= {self.known.kind} else "Fractional"
        return "Fractional" if "Fractional" in self.kinds else "Integral"
