"""The statistics of a dataset, column by column: all that later comparisons need, without its data.

`profile` takes a table, `profile_chunks` a stream of them in bounded memory; `statistics_file` reads and writes them
as Model Monitor's statistics.json, `merge` joins those of parts. Sketches leave here as the file will have them, so a
comparison gives the same result before and after a round trip through the file.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from perennial_analysis.columns import NUMERIC, Column, Floats, Kind, Table, as_text, rows
from perennial_analysis.sketch import EMPTY, Sketch, from_levels, merged, sketch_of_sorted, to_levels
from perennial_analysis.statistics_types import DataType, lexical_types, parse_numbers

BUCKETS = 10
MOST_CATEGORIES = 120
"""Deequ's default: the values of a text column with more are not listed."""
MOST_CATEGORIES_KNOWN = 1200
"""How many are listed where a baseline lists its own: new values must not hide the old ones."""
MOST_DISTINCT = 100_000
"""Beyond it the number of distinct values is only a lower bound."""
CHUNK_POINTS = 4096
"""What is kept of a column of one chunk."""
MOST_PENDING = 8


@dataclass(frozen=True)
class Bucket:
    """How many values lie in [lower, upper); the last bucket includes its upper end."""

    lower: float
    upper: float
    count: int


@dataclass(frozen=True)
class Numbers:
    """Of a numeric column's finite values. All zero and the sketch empty where there are none."""

    mean: float
    total: float
    std_dev: float
    """Of the population: divided by n."""
    minimum: float
    maximum: float
    sketch: Sketch
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True)
class Words:
    """Of a text column. `counts` is None where the values are too many to list."""

    distinct: int
    counts: Mapping[str, int] | None


@dataclass(frozen=True)
class Feature:
    """One column. `types` counts the present values by how they are written; it adds up to `present`."""

    name: str
    kind: Kind
    present: int
    missing: int
    types: Mapping[DataType, int]
    numbers: Numbers | None = None
    words: Words | None = None

    @property
    def rows(self) -> int:
        return self.present + self.missing

    @property
    def completeness(self) -> float:
        """The share of rows with a value; 1 without rows."""
        return self.present / self.rows if self.rows else 1.0


@dataclass(frozen=True)
class Statistics:
    """Of one dataset, features in the order of its columns."""

    rows: int
    features: Mapping[str, Feature]


def profile(table: Table, baseline: Statistics | None = None) -> Statistics:
    """The statistics of a table. With a baseline, text in a column that was numeric is read as numbers where it is
    one and counted by type, and numbers in a text column as text, so that the two can be compared."""
    return profile_chunks([table], baseline)


def profile_chunks(chunks: Iterable[Table], baseline: Statistics | None = None) -> Statistics:
    """The statistics of all chunks together, holding one of them at a time.

    A column that a chunk lacks is missing in all its rows.
    """
    columns: dict[str, _Column] = {}
    total = 0
    for table in chunks:
        for name, column in table.items():
            known = baseline.features.get(name) if baseline else None
            gathered = columns.setdefault(name, _Column(name, known, missing=total))
            gathered.add(column)
        total += rows(table)
        for name, gathered in columns.items():
            if name not in table:
                gathered.missing += rows(table)
    return Statistics(total, {name: column.feature() for name, column in columns.items()})


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


def _finite_sorted(values: Floats) -> Floats:
    """What is missing or not finite cannot be compared with anything: left out. Sorted it stands at the ends."""
    ordered = np.sort(values)
    first = np.searchsorted(ordered, -math.inf, side="right")
    last = np.searchsorted(ordered, math.inf, side="left")
    return ordered[first:last]


@dataclass
class _Column:
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
        values = _finite_sorted(column.values)
        self.missing += len(column) - len(values)
        if not len(values):
            return
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
        self.missing += int(column.missing.sum())
        if not counts:
            return
        if self.known and self.known.kind in NUMERIC:
            for kind, count in lexical_types(counts).items():
                self._count(kind, count)
            self._add_values(np.sort(parse_numbers(counts)))
            return
        self.kinds.add("String")
        self._count("String", sum(counts.values()))
        if self.counts is not None:
            for word, count in counts.items():
                self.counts[word] = self.counts.get(word, 0) + count
            self.distinct = len(self.counts)
            if self.distinct > MOST_DISTINCT:
                self.counts = None
        self.distinct = max(self.distinct, len(counts))

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
        words = numbers = None
        if kind in NUMERIC:
            numbers = self.moments.numbers(merged(self.pending))
        elif self.counts is not None and not self.moments.count:
            words = listed(self.counts, self.distinct, self.known)
        else:  # some chunks held numbers, whose texts are gone
            words = Words(self.distinct, None)
        return Feature(self.name, kind, present, self.missing, dict(self.types), numbers, words)

    def _kind(self) -> Kind:
        if not self.types:
            return "Unknown"
        if "String" in self.kinds:
            return "String"
        if self.known and self.known.kind in NUMERIC:
            return self.known.kind if self.kinds <= {self.known.kind} else "Fractional"
        return "Fractional" if "Fractional" in self.kinds else "Integral"


def listed(counts: Mapping[str, int], distinct: int, known: Feature | None = None) -> Words:
    """The values of a text column, most frequent first, unless they are too many to be categories."""
    most = MOST_CATEGORIES_KNOWN if known and known.words and known.words.counts else MOST_CATEGORIES
    if distinct > most:
        return Words(distinct, None)
    return Words(distinct, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
