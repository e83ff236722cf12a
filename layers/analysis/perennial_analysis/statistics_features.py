"""What is known of a dataset's columns without their data: the terms of statistics.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from perennial_analysis.columns import Kind
from perennial_analysis.hashed import Hashed
from perennial_analysis.sketch import Sketch
from perennial_analysis.statistics_types import DataType

Role = Literal["identifier", "timestamp", "sequence"]
"""Of columns whose values never come back: every window has others, and that is no drift."""


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
    """Of a text column. `counts` is None where the values are too many to list; then `hashed` may stand for them."""

    distinct: int
    counts: Mapping[str, int] | None
    hashed: Hashed | None = None


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
    role: Role | None = None
    variation: float = 0.0
    """The PSI by which parts of a baseline differ from the whole: see `statistics_rhythm`. Not in the file."""

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
