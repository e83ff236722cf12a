"""A window's bias held against a baseline's analysis.json, by Clarify's rule with its noise taken into account.

The baseline allows every value at most as far from neutral (0; 1 for DI) as its own, on either side. A window
violates this only when its value is outside and its whole interval is: a group too small to judge, or a metric
without an interval, never does. Where the baseline's intervals are known, the window's is that of the difference:
its half widths and the baseline's add up as independent errors do, by their squares. Two intervals that merely
overlap would hide differences that are sure.
The more groups there are, the more often one strays by chance: intervals, both the window's and the baseline's,
are stretched as if their level were split over all groups (Bonferroni, on the normal scale).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from perennial_analysis.bias.formulas import neutral
from perennial_analysis.bias.report import VERSION, BiasReport, GroupBias

CHECK = "bias_drift_check"
STAGES = ("post_training", "pre_training")


@dataclass(frozen=True)
class Comparison:
    """One metric of one group beside the baseline. `unjudged` says why nothing can be said, if so."""

    stage: str
    facet: str
    facet_value: str
    metric: str
    baseline: float
    value: float
    interval: tuple[float, float] | None
    allowed: tuple[float, float]
    unjudged: str | None

    @property
    def violated(self) -> bool:
        if self.unjudged is not None or self.interval is None:
            return False
        low, high = self.allowed
        return (self.value < low and self.interval[1] < low) or (
            self.value > high and self.interval[0] > high
        )

    def violation(self) -> dict[str, str]:
        return {
            "constraint_check_type": CHECK,
            "description": f"Metric value {_text(self.value)} doesn't meet the baseline constraint requirement "
            f"{_text(self.baseline)}",
            "facet": self.facet,
            "facet_value": self.facet_value,
            "metric_name": self.metric,
        }


def compare(
    window: BiasReport, baseline: Mapping[str, Any], baseline_intervals: Mapping[str, Any] | None = None
) -> list[Comparison]:
    """Every metric that the baseline has a value for, in its order; `baseline` is an analysis.json, ours or
    Clarify's, and `baseline_intervals` the file that we write beside it."""
    groups = {(group.facet, identity(group.value)): group for group in window.groups}
    known = _intervals(baseline_intervals or {})
    factor = _stretch(window.level, len(window.groups))
    compared = []
    for stage in (stage for stage in STAGES if stage in window.stages):
        for facet, value, metric, was in _values(baseline, stage):
            group = groups.get((facet, identity(value)))
            sure = known.get((stage, facet, identity(value), metric), (was, was))
            unsure = _stretched(sure, was, factor)
            compared.append(_compare(stage, facet, value, metric, was, unsure, group, factor))
    return compared


def check(
    window: BiasReport, baseline: Mapping[str, Any], baseline_intervals: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """constraint_violations.json of a window."""
    compared = compare(window, baseline, baseline_intervals)
    return {
        "version": VERSION,
        "violations": [comparison.violation() for comparison in compared if comparison.violated],
    }


def identity(value_or_threshold: str) -> str:
    """The name of a group without what changes from window to window: Clarify ends the interval of a threshold
    at the largest value seen, ours has no end; only where it starts says which group it is."""
    start, comma, _ = value_or_threshold.partition(",")
    if not comma or not (value_or_threshold.startswith("(") and value_or_threshold.endswith("]")):
        return value_or_threshold
    try:
        return f"above {float(start[1:])!r}"
    except ValueError:
        return value_or_threshold


def _compare(
    stage: str,
    facet: str,
    facet_value: str,
    metric: str,
    was: float,
    unsure: tuple[float, float],
    group: GroupBias | None,
    factor: float,
) -> Comparison:
    middle = neutral(metric)
    reach = abs(was - middle)
    value: float | str = "the window has no rows of the group"
    interval = None
    if group is not None:
        value = group.metrics[stage].get(metric, "not measured")
        interval = group.intervals[stage].get(metric)
    unjudged = value if isinstance(value, str) else group.note if group is not None else None
    if unjudged is None and interval is None:
        unjudged = "no interval: too few of the rows define the metric"
    number = math.nan if isinstance(value, str) else value
    if interval is not None:
        interval = _of_difference(_stretched(interval, number, factor), number, unsure, was)
    allowed = (middle - reach, middle + reach)
    return Comparison(stage, facet, facet_value, metric, was, number, interval, allowed, unjudged)


def _stretch(level: float, groups: int) -> float:
    normal = NormalDist()
    tail = (1 - level) / 2
    return normal.inv_cdf(tail / max(1, groups)) / normal.inv_cdf(tail)


def _stretched(interval: tuple[float, float], value: float, factor: float) -> tuple[float, float]:
    """The interval with its distances from the value multiplied; an infinite end, or value, stays as it is."""
    low, high = interval
    if not math.isfinite(value):
        return interval
    return min(low, value - factor * (value - low)), max(high, value + factor * (high - value))


def _of_difference(
    interval: tuple[float, float], value: float, unsure: tuple[float, float], was: float
) -> tuple[float, float]:
    """The window's interval with the baseline's error in it: where the window may be low, the baseline may be high."""
    if not (math.isfinite(value) and math.isfinite(was)):
        return interval
    return (
        value - math.hypot(value - interval[0], unsure[1] - was),
        value + math.hypot(interval[1] - value, was - unsure[0]),
    )


def _values(document: Mapping[str, Any], stage: str) -> Iterator[tuple[str, str, str, float]]:
    facets = (document.get(f"{stage}_bias_metrics") or {}).get("facets", {})
    for facet, groups in facets.items():
        for group in groups:
            for metric in group["metrics"]:
                if metric.get("value") is not None:
                    yield facet, str(group["value_or_threshold"]), metric["name"], _number(metric["value"])


def _intervals(document: Mapping[str, Any]) -> dict[tuple[str, str, str, str], tuple[float, float]]:
    return {
        (stage, facet, identity(group["value_or_threshold"]), metric): (_number(low), _number(high))
        for facet, found in document.get("facets", {}).items()
        for group in found["groups"]
        for stage, metrics in group["intervals"].items()
        for metric, (low, high) in metrics.items()
    }


def _number(value: float | str) -> float:
    """Also of Clarify's strings: float() reads "Infinity" and "-Infinity"."""
    return float(value)


def _text(value: float) -> str:
    return str(value).replace("inf", "Infinity")
