"""How an update moves traffic from the old fleet to the new one. Pure: requests in, steps out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.protocol import validation

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """Send `share` of the traffic to the new fleet, then bake for `wait` AWS seconds.

    `capacity` is the share of the new fleet's instances that must run (and of the old one's that
    may go) by then; blue/green runs all of them from the start.
    """

    share: float
    wait: float = 0
    capacity: float = 1.0


@dataclass(frozen=True)
class Plan:
    """An update's steps, the alarms that undo it, and its waits, in AWS seconds."""

    steps: tuple[Step, ...] = (Step(1.0),)
    alarms: tuple[str, ...] = ()
    termination_wait: float = 0
    time_limit: float = 14400
    guarded: bool = False  # deployment events are sent for guarded updates only
    rollback: float = 1.0  # the share of the old fleet that a rollback brings back at a time


def plan(deployment: Config | None, old: Mapping[str, int], new: Mapping[str, int]) -> Plan:
    """The plan for a DeploymentConfig, given the instance counts per variant, old and new.

    Without one, when the variants' names change, and for several variants in a rolling update, SageMaker shifts all
    at once and does not bake.
    """
    if not deployment or set(old) != set(new) or ("RollingUpdatePolicy" in deployment and len(new) > 1):
        return Plan()
    check(deployment, sum(new.values()))
    alarms = tuple(
        alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    )
    policy = deployment.get("BlueGreenUpdatePolicy") or deployment.get("RollingUpdatePolicy") or {}
    rolling = "RollingUpdatePolicy" in deployment
    return Plan(
        steps=_rolling(policy, sum(new.values())) if rolling else _blue_green(policy, sum(new.values())),
        alarms=alarms,
        termination_wait=policy.get("TerminationWaitInSeconds", 0),
        time_limit=policy.get("MaximumExecutionTimeoutInSeconds", 14400),
        guarded=True,
        rollback=_fraction(policy["RollbackMaximumBatchSize"], sum(old.values()))
        if "RollbackMaximumBatchSize" in policy
        else 1.0,
    )


def check(deployment: Config, instances: int | None = None) -> None:
    """Raise ValidationException for what SageMaker refuses; `instances` are all variants', where there are any."""
    blue_green, rolling = deployment.get("BlueGreenUpdatePolicy"), deployment.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise validation("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified.")
    if rolling:
        _check_size("MaximumBatchSize", rolling["MaximumBatchSize"], 5, 50, instances)
        if instances is not None:
            _check_time(rolling, _rolling(rolling, instances))
    if not blue_green:
        return
    routing = blue_green["TrafficRoutingConfiguration"]
    if routing["Type"] == "CANARY":
        if "CanarySize" not in routing:
            raise validation("CanarySize must be specified when the traffic routing type is CANARY.")
        _check_size("CanarySize", routing["CanarySize"], 1, 50, instances)
    if routing["Type"] == "LINEAR":
        if "LinearStepSize" not in routing:
            raise validation("LinearStepSize must be specified when the traffic routing type is LINEAR.")
        _check_size("LinearStepSize", routing["LinearStepSize"], 10, 50, instances)
    if instances is not None:
        _check_time(blue_green, _blue_green(blue_green, instances))


def _check_time(policy: Config, steps: Iterable[Step]) -> None:
    limit, waits = policy.get("MaximumExecutionTimeoutInSeconds"), sum(step.wait for step in steps)
    if limit is not None and limit <= waits + policy.get("TerminationWaitInSeconds", 0):
        raise validation(
            "MaximumExecutionTimeoutInSeconds must be larger than the total of the wait intervals and "
            "TerminationWaitInSeconds."
        )


def _check_size(name: str, size: Config, low: int, high: int, instances: int | None) -> None:
    if size["Type"] == "CAPACITY_PERCENT":
        if not low <= size["Value"] <= high:
            raise validation(
                f"{name} must be between {low} and {high} percent of the variant's total instance count."
            )
    elif instances is not None and size["Value"] > max(1, instances * high // 100):
        raise validation(
            f"{name} must be less than or equal to {high}% of the variant's total instance count."
        )


def _fraction(size: Config, instances: int) -> float:
    if size["Type"] == "CAPACITY_PERCENT":
        return float(size["Value"]) / 100
    return min(1.0, float(size["Value"]) / max(1, instances))


def _blue_green(policy: Config, instances: int) -> tuple[Step, ...]:
    routing = policy["TrafficRoutingConfiguration"]
    wait = routing.get("WaitIntervalInSeconds", 0)
    if routing["Type"] == "CANARY":
        return Step(_fraction(routing["CanarySize"], instances), wait), Step(1.0, wait)
    if routing["Type"] == "LINEAR":
        size = _fraction(routing["LinearStepSize"], instances)
        shares = [min(1.0, size * number) for number in range(1, math.ceil(1 / size - 1e-9) + 1)]
        return tuple(Step(share, wait) for share in shares)
    return (Step(1.0, wait),)


def _rolling(policy: Config, instances: int) -> tuple[Step, ...]:
    batch = max(1, math.floor(_fraction(policy["MaximumBatchSize"], instances) * instances))
    counts = [min(instances, batch * number) for number in range(1, math.ceil(instances / batch) + 1)]
    wait = policy["WaitIntervalInSeconds"]
    return tuple(Step(count / instances, wait, capacity=count / instances) for count in counts)
