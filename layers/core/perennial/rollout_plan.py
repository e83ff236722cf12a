"""How traffic moves to a new version, and which plans SageMaker would refuse or run as another. Pure.

Limits: CreateEndpoint's DeploymentConfig in the API reference, and the guide's page on deployment guardrails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perennial.sections_serving import Rollout
from perennial.words import counted

LONGEST = 28_800  # seconds that SageMaker lets an update take
SHORTEST = 600
STARTING = 3_600  # what a fleet may take to start, beside all waits
FEWEST = 2  # instances that traffic can be split between


def instances_needed(rollout: Rollout) -> int:
    """How many instances the endpoint must have for this type to be what it says."""
    return 1 if rollout.type == "all_at_once" else FEWEST


@dataclass(frozen=True)
class TrafficPlan:
    """How an update moves traffic; None is SageMaker's default: all at once, unguarded. `difference` from what was
    asked for, in words; empty when there is none."""

    rollout: Rollout | None
    difference: str = ""


def refusal(rollout: Rollout, instances: int, instance: str = "") -> str | None:
    """Why this plan cannot be carried out with so many instances, and the nearest one that can; None if it can."""
    if _unguarded(instance) and (rollout.type != "all_at_once" or rollout.bake_minutes):
        return (
            f"{instance} gets every update from SageMaker all at once and without a bake: the nearest is "
            "rollout.type all_at_once with bake_minutes 0"
        )
    if instances < instances_needed(rollout):
        return (
            f"{rollout.type} needs at least {FEWEST} instances to split traffic between, there is {instances}: "
            f"set endpoint.instances to {FEWEST}, or rollout.type to all_at_once"
        )
    if rollout.type == "linear" and rollout.percent < 10:
        return f"linear steps are 10 to 50 percent, not {rollout.percent}: the nearest is percent 10"
    if _waits(rollout, instances) + SHORTEST > LONGEST:
        return (
            f"{_steps(rollout, instances)} steps of {counted(rollout.bake_minutes, 'minute')} take longer than the 8 hours that "
            f"SageMaker gives an update: the nearest is bake_minutes {_longest_bake(rollout, instances)}, or a larger percent"
        )
    return None


def nearest(rollout: Rollout, instances: int, instance: str = "") -> TrafficPlan:
    """The plan itself, or the nearest that can be carried out with the instances that there are by now."""
    why = refusal(rollout, instances, instance)
    if why is None:
        return TrafficPlan(rollout)
    if _unguarded(instance):
        return TrafficPlan(None, why)
    if instances < instances_needed(rollout):
        return TrafficPlan(rollout.model_copy(update={"type": "all_at_once"}), f"all_at_once instead: {why}")
    if rollout.type == "linear" and rollout.percent < 10:
        rollout = rollout.model_copy(update={"percent": 10})
    bake = min(rollout.bake_minutes, _longest_bake(rollout, instances))
    changed = rollout.model_copy(update={"bake_minutes": bake})
    return TrafficPlan(changed, f"percent {changed.percent} and bake_minutes {bake} instead: {why}")


def deployment_config(rollout: Rollout, instances: int) -> dict[str, Any]:
    """The DeploymentConfig of an update of so many instances."""
    wait = rollout.bake_minutes * 60
    limit = min(LONGEST, _waits(rollout, instances) + STARTING)
    if rollout.type == "rolling":
        policy = {
            "MaximumBatchSize": _size(rollout, instances),
            "WaitIntervalInSeconds": wait,
            "MaximumExecutionTimeoutInSeconds": limit,
        }
        return {"RollingUpdatePolicy": policy}
    routing: dict[str, Any] = {"Type": rollout.type.upper(), "WaitIntervalInSeconds": wait}
    if rollout.type == "canary":
        routing["CanarySize"] = _size(rollout, instances)
    elif rollout.type == "linear":
        routing["LinearStepSize"] = _size(rollout, instances)
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": limit,
        }
    }


def first_step(rollout: Rollout, instances: int) -> int:
    """Instances that the first step moves: never none, and never more than half of them."""
    if rollout.type == "all_at_once":
        return instances
    wanted = -(-instances * rollout.percent // 100)
    return max(1, min(wanted, instances // 2))


def _size(rollout: Rollout, instances: int) -> dict[str, Any]:
    """In instances, so that a percentage of a small fleet is not left to SageMaker's rounding."""
    return {"Type": "INSTANCE_COUNT", "Value": first_step(rollout, instances)}


def _steps(rollout: Rollout, instances: int) -> int:
    if rollout.type == "canary":
        return 2
    return -(-instances // first_step(rollout, instances))


def _waits(rollout: Rollout, instances: int) -> int:
    return _steps(rollout, instances) * rollout.bake_minutes * 60


def _longest_bake(rollout: Rollout, instances: int) -> int:
    return (LONGEST - SHORTEST) // (60 * _steps(rollout, instances))


def _unguarded(instance: str) -> bool:
    """What the guide's page "Exclusions" names: SageMaker falls back to all at once, and says nothing."""
    return instance.startswith("ml.inf1.")
