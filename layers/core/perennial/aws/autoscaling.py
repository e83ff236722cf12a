"""Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code
from perennial.scaling import DIMENSION, NAMESPACE

_WHAT_WE_SET = ("MinCapacity", "MaxCapacity")


class ApplicationAutoScaling:
    def __init__(self, autoscaling: Any = None) -> None:
        self._autoscaling = autoscaling or client("application-autoscaling")

    def apply(self, target: Mapping[str, Any], policy: Mapping[str, Any]) -> bool:
        """Register target and policy, each only where it differs. True when something changed."""
        changed = False
        if not self._same_target(target):
            self._autoscaling.register_scalable_target(**target)
            changed = True
        if not self._same_policy(policy):
            self._autoscaling.put_scaling_policy(**policy)
            changed = True
        return changed

    def suspended(self, resource_id: str) -> Mapping[str, bool] | None:
        found = self._target(resource_id)
        return None if found is None else found.get("SuspendedState", {})

    def suspend(self, resource_id: str, state: Mapping[str, bool]) -> None:
        self._autoscaling.register_scalable_target(
            ServiceNamespace=NAMESPACE,
            ResourceId=resource_id,
            ScalableDimension=DIMENSION,
            SuspendedState=dict(state),
        )

    def _target(self, resource_id: str) -> Mapping[str, Any] | None:
        found = self._autoscaling.describe_scalable_targets(
            ServiceNamespace=NAMESPACE, ResourceIds=[resource_id], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        return found[0] if found else None

    def _same_target(self, target: Mapping[str, Any]) -> bool:
        found = self._target(target["ResourceId"])
        return found is not None and all(found.get(key) == target[key] for key in _WHAT_WE_SET)

    def _same_policy(self, policy: Mapping[str, Any]) -> bool:
        found = self._autoscaling.describe_scaling_policies(
            ServiceNamespace=NAMESPACE, ResourceId=policy["ResourceId"], ScalableDimension=DIMENSION
        )["ScalingPolicies"]
        key = "TargetTrackingScalingPolicyConfiguration"
        return any(
            item["PolicyName"] == policy["PolicyName"]
            and {**item.get(key, {}), **policy[key]} == item.get(key)
            for item in found
        )

    def remove(self, resource_id: str) -> None:
        """Deregister; its policies go with it. Nothing happens when it was not registered."""
        try:
            self._autoscaling.deregister_scalable_target(
                ServiceNamespace=NAMESPACE, ResourceId=resource_id, ScalableDimension=DIMENSION
            )
        except ClientError as error:
            if code(error) != "ObjectNotFoundException":
                raise
