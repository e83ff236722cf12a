"""How many instances a policy wants. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """A target's capacity limits."""

    minimum: int
    maximum: int

    def clamp(self, count: int) -> int:
        return max(self.minimum, min(self.maximum, count))


def track(current: int, values: Sequence[float | None], target: float, bounds: Bounds, *, out: bool) -> int:
    """The count at which each instance would have `target` of the metric.

    `values` are the alarm's datapoints per instance, the newest first. Scaling out follows the newest;
    scaling in leaves enough for the busiest of them, and never adds.
    """
    known = [value for value in values if value is not None]
    if not known:
        return current
    value = known[0] if out else max(known)
    wanted = bounds.clamp(math.ceil(current * value / target - 1e-9))
    return max(current, wanted) if out else min(current, wanted)


def step(current: int, breach: float, config: Mapping[str, Any], bounds: Bounds) -> int:
    """The count after the step that `breach` (metric minus threshold) falls into."""
    for adjustment in config.get("StepAdjustments", []):
        lower = adjustment.get("MetricIntervalLowerBound", -math.inf)
        upper = adjustment.get("MetricIntervalUpperBound", math.inf)
        # The bound that is nearer to the threshold belongs to the step.
        inside = lower <= breach < upper if breach >= 0 else lower < breach <= upper
        if inside:
            return bounds.clamp(
                _adjusted(current, config["AdjustmentType"], adjustment["ScalingAdjustment"], config)
            )
    return current


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
