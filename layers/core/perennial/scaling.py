"""What Application Auto Scaling is told about an endpoint. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from perennial.config import ModelConfig
from perennial.deployment import VARIANT

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
FLOOR = "scaling_floor"  # the state document of a raised floor
RAISED_FOR = timedelta(hours=2)


@dataclass(frozen=True)
class Floor:
    """The least number of instances, raised until a time. `taken_back` once it was registered that it is over."""

    instances: int
    until: datetime
    taken_back: bool = False

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> Self | None:
        if document is None:
            return None
        until = datetime.fromisoformat(document["until"])
        return cls(document["instances"], until, document.get("taken_back", False))

    def document(self) -> dict[str, Any]:
        return {
            "instances": self.instances,
            "until": self.until.isoformat(),
            "taken_back": self.taken_back,
        }

    def is_over(self, now: datetime) -> bool:
        """Whether it is to be taken back."""
        return self.until <= now and not self.taken_back


def raised_floor(config: ModelConfig, instances: int) -> int:
    """One more than there are or half as many again, whichever is more, and never above `scaling.max`."""
    now = max(config.scaling.min, instances)
    return min(config.scaling.max, max(now + 1, math.ceil(now * 1.5)))


def least_instances(config: ModelConfig, floor: Floor | None, now: datetime) -> int:
    """`scaling.min`, or the raised floor while it holds."""
    raised = floor.instances if floor and floor.until > now else 0
    return min(config.scaling.max, max(config.scaling.min, raised))


def resource_id(endpoint: str) -> str:
    return f"endpoint/{endpoint}/variant/{VARIANT}"


def policy_name(endpoint: str) -> str:
    return f"{endpoint}-invocations-per-instance"


def target_request(config: ModelConfig, endpoint: str, least: int | None = None) -> dict[str, Any]:
    """The RegisterScalableTarget request: an upsert, so a changed config changes the bounds and nothing else."""
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id(endpoint),
        "ScalableDimension": DIMENSION,
        "MinCapacity": config.scaling.min if least is None else least,
        "MaxCapacity": config.scaling.max,
    }


def policy_request(config: ModelConfig, endpoint: str) -> dict[str, Any]:
    """The PutScalingPolicy request: target tracking on invocations per instance and minute."""
    return {
        "PolicyName": policy_name(endpoint),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id(endpoint),
        "ScalableDimension": DIMENSION,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(config.scaling.invocations_per_instance),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            "ScaleInCooldown": config.scaling.scale_in_cooldown_seconds,
            "ScaleOutCooldown": config.scaling.scale_out_cooldown_seconds,
            "DisableScaleIn": not config.scaling.scale_in,
        },
    }
