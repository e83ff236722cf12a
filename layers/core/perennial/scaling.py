"""What Application Auto Scaling is told about an endpoint. Pure."""

from __future__ import annotations

from typing import Any

from perennial.config import ModelConfig
from perennial.deployment import VARIANT

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def resource_id(endpoint: str) -> str:
    return f"endpoint/{endpoint}/variant/{VARIANT}"


def policy_name(endpoint: str) -> str:
    return f"{endpoint}-invocations-per-instance"


def target_request(config: ModelConfig, endpoint: str) -> dict[str, Any]:
    """The RegisterScalableTarget request: an upsert, so a changed config changes the bounds and nothing else."""
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource_id(endpoint),
        "ScalableDimension": DIMENSION,
        "MinCapacity": config.scaling.min,
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
