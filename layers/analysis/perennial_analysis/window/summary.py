"""summary.json: a window in a few lines, for alarms, messages and people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from perennial_analysis.window.request import LABEL, OUTPUT, SCORE, MonitorName

VERSION = 1
FIGURES = 6
LONGEST = 80
"""What of a name stands in a sentence."""
Status = Literal["ok", "violations", "empty", "too_few", "no_baseline"]
JUDGED: tuple[Status, ...] = ("ok", "violations")
ViolationKind = Literal["schema", "drift", "missing", "domain", "quality", "bias"]
KINDS: dict[str, ViolationKind] = {
    "missing_column_check": "schema",
    "extra_column_check": "schema",
    "data_type_check": "schema",
    "completeness_check": "missing",
    "categorical_values_check": "domain",
    "baseline_drift_check": "drift",
}


@dataclass(frozen=True)
class Window:
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Broken:
    """Records that could not be read."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Violation:
    """`feature` is the metric's name for quality and bias; `check` is AWS's constraint_check_type."""

    feature: str
    check: str
    kind: ViolationKind
    description: str


@dataclass(frozen=True)
class Missing:
    """Shares of rows; None where there is no such side."""

    baseline: float | None
    current: float | None


@dataclass(frozen=True)
class FeatureChange:
    """`effect` and `threshold` are in the unit of the method that compared them."""

    name: str
    type: str
    effect: float | None
    threshold: float | None
    tripped: bool
    baseline: str | None
    current: str | None
    missing: Missing


@dataclass(frozen=True)
class Labels:
    """Predictions with and without a label, and label records of no prediction in the window; of the predictions
    with one those whose label came later than it was due."""

    joined: int
    missing: int
    unmatched: int
    late: int = 0


@dataclass(frozen=True)
class QualityFigure:
    """`threshold` has the noise of window and baseline in it, unless a person set it."""

    value: float
    standard_deviation: float | None
    baseline: float | None
    threshold: float | None
    operator: str | None
    tripped: bool


@dataclass(frozen=True)
class EstimatedFigure:
    """Of a metric expected without labels: 95 % of real values lie between low and high if nothing else changed."""

    value: float
    low: float | None
    high: float | None
    baseline: float | None


@dataclass(frozen=True)
class BiasFigure:
    """`low` and `high` are the interval of the value; all are None where they cannot be told or are infinite."""

    facet: str
    group: str
    metric: str
    value: float | None
    baseline: float | None
    low: float | None
    high: float | None
    tripped: bool


@dataclass(frozen=True)
class Summary:
    """`records` are rows, `requests` captured records. What a monitor does not measure is None."""

    model: str
    monitor: MonitorName
    endpoint: str
    schedule: str
    window: Window
    model_version: int | None
    dataset_version: str | None
    status: Status
    reason: str
    records: int
    requests: int
    broken: Broken
    violations: tuple[Violation, ...] = ()
    features: tuple[FeatureChange, ...] | None = None
    drifted_features: int | None = None
    label_coverage: float | None = None
    labels: Labels | None = None
    quality: dict[str, QualityFigure] | None = None
    estimate: dict[str, EstimatedFigure] | None = None
    bias: tuple[BiasFigure, ...] | None = None
    files: tuple[str, ...] = field(default=())
    version: int = VERSION

    def to_json(self) -> bytes:
        """The same summary gives the same bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)


def rounded(value: float | None) -> float | None:
    """To six figures, so that the order of summation does not show; None for what JSON cannot write."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{FIGURES}g}")


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`; of a name that would fill the page only its beginning."""
    shown = ", ".join(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def plain(feature: str) -> str:
    """A feature's name in a sentence: what the model answered is not called as the files call it."""
    return f"the {feature.removeprefix(OUTPUT).replace('_', ' ')}" if feature in (LABEL, SCORE) else feature
