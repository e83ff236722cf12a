"""What scales the copies of an inference component: tracked while there are any, woken when there is none. Pure.

Target tracking takes the last copy away and cannot bring one back, for there is nothing to measure. AWS's page "Scale an
endpoint to zero instances" has a step policy for that: its alarm counts the requests that found no copy.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perennial import cron
from perennial.config import ModelConfig
from perennial.scaling import Request, Resource, Wanted, action, alarm_name, target_tracking
from perennial.scaling_bounds import Raised, bounds

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
TRACKED = {
    "invocations": ("invocations-per-copy", "SageMakerInferenceComponentInvocationsPerCopy"),
    "concurrency": (
        "concurrent-requests-per-copy",
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
    ),
}
COOLDOWN = 60  # seconds between two copies that refused requests bring up


def copies(component: str) -> Resource:
    """The copies of an inference component."""
    return Resource(f"inference-component/{component}", DIMENSION)


def wanted(config: ModelConfig, component: str, raised: Raised, now: datetime) -> Wanted:
    """What a component of this configuration scales by, now."""
    scaling, wake = config.scaling, f"{component}-wake"
    what, _ = TRACKED[scaling.metric]
    return Wanted(
        copies(component),
        bounds(scaling, raised, now),
        {f"{component}-{what}": tracking(config), wake: waking()},
        families(component),
        {
            f"{component}-schedule-{entry.name}": action(config, entry, raised, now)
            for entry in scaling.schedule
            if not cron.is_over(entry.expression, now, entry.zone, entry.ends)
        },
        {wake: wake_alarm(config.model, component, wake)},
    )


def families(component: str) -> tuple[str, ...]:
    """How the names of what is ours begin."""
    tracked = (f"{component}-{what}" for what, _ in TRACKED.values())
    return (*tracked, f"{component}-wake", f"{component}-schedule-")


def tracking(config: ModelConfig) -> Request:
    """Target tracking: on invocations per copy and minute, or on concurrent requests per copy."""
    scaling = config.scaling
    return target_tracking(scaling, TRACKED[scaling.metric][1], scaling.target, scale_in=True)


def waking() -> Request:
    """One copy more when a request found none."""
    return {
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": COOLDOWN,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    }


def wake_alarm(model: str, component: str, policy: str) -> dict[str, Any]:
    """Rings at the first request that found no copy. AWS's own example waits for the second."""
    return {
        "AlarmName": alarm_name(policy),
        "AlarmDescription": f"{model}: a request found no copy of {component}, so one is started.",
        "Namespace": "AWS/SageMaker",
        "MetricName": "NoCapacityInvocationFailures",
        "Dimensions": [{"Name": "InferenceComponentName", "Value": component}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": [
            {"Key": "perennial:model", "Value": model},
            {"Key": "perennial:step-policy", "Value": "wake"},
        ],
    }
