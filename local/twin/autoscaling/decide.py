"""What capacity a policy wants. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """A target's capacity limits."""

    minimum: int
    maximum: int

    def clamp(self, count: int) -> int:
        return max(self.minimum, min(self.maximum, count))


def track(current: int, values: Sequence[float | None], target: float, bounds: Bounds, *, out: bool) -> int:
    """The capacity at which each unit of it would have `target` of the metric.

    `values` are the alarm's datapoints per unit, the newest first. Scaling out follows the newest;
    scaling in leaves enough for the busiest of them, and never adds.
    """
    known = [value for value in values if value is not None]
    if not known:
        return current
    value = known[0] if out else max(known)
    wanted = bounds.clamp(math.ceil(current * value / target - 1e-9))
    return max(current, wanted) if out else min(current, wanted)


def aggregated(values: Iterable[float | None], how: str) -> float | None:
    """The value of an alarm's datapoints by a MetricAggregationType; None without any."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"Minimum": min, "Maximum": max}.get(how, lambda all_: sum(all_) / len(all_))(known)


def step(current: int, breach: float, config: Mapping[str, Any], bounds: Bounds) -> int | None:
    """The capacity after the step that `breach` (metric minus threshold) falls into; None outside all steps."""
    for adjustment in config.get("StepAdjustments", []):
        lower, upper = _interval(adjustment)
        # The bound that is nearer to the threshold belongs to the step.
        inside = lower <= breach < upper if breach >= 0 else lower < breach <= upper
        if inside:
            return bounds.clamp(
                _adjusted(current, config["AdjustmentType"], adjustment["ScalingAdjustment"], config)
            )
    return None


def refusal(config: Mapping[str, Any]) -> str | None:
    """Why PutScalingPolicy refuses a StepScaling policy; None when it does not."""
    if "AdjustmentType" not in config or not config.get("StepAdjustments"):
        return "AdjustmentType and StepAdjustments must be specified for policy type StepScaling"
    if "MinAdjustmentMagnitude" in config and config["AdjustmentType"] != "PercentChangeInCapacity":
        return "MinAdjustmentMagnitude is supported for adjustment type PercentChangeInCapacity only"
    intervals = sorted(_interval(one) for one in config["StepAdjustments"])
    if (-math.inf, math.inf) in intervals:
        return "MetricIntervalLowerBound and MetricIntervalUpperBound must not both be missing"
    if any(lower >= upper for lower, upper in intervals):
        return "The lower bound of a step adjustment must be less than its upper bound"
    for (_, upper), (lower, _) in pairwise(intervals):
        if lower != upper:
            return f"Step adjustment intervals must not {'overlap' if lower < upper else 'have a gap'}"
    if config["AdjustmentType"] == "ExactCapacity" and any(
        one["ScalingAdjustment"] < 0 for one in config["StepAdjustments"]
    ):
        return "ScalingAdjustment must not be negative for adjustment type ExactCapacity"
    return None


def not_scaled(current: int, bounds: Bounds, *, out: bool) -> dict[str, Any]:
    """Why an alarm that fires changes nothing, as NotScaledReasons tells it."""
    if out and current >= bounds.maximum:
        return {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": bounds.maximum}
    if not out and current <= bounds.minimum:
        return {"Code": "AlreadyAtMinCapacity", "MinCapacity": bounds.minimum}
    return {"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": current}


def _interval(adjustment: Mapping[str, Any]) -> tuple[float, float]:
    lower = adjustment.get("MetricIntervalLowerBound", -math.inf)
    return lower, adjustment.get("MetricIntervalUpperBound", math.inf)


def _adjusted(current: int, kind: str, adjustment: int, config: Mapping[str, Any]) -> int:
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return current + adjustment
    change = current * adjustment / 100
    magnitude = max(
        math.floor(abs(change)) or math.ceil(abs(change)), config.get("MinAdjustmentMagnitude", 0)
    )
    return current + (magnitude if change > 0 else -magnitude if change < 0 else 0)
