"""Application Auto Scaling, whatever it scales: instances, provisioned concurrency, copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code
from perennial.scaling import Resource, Standing
from perennial.scaling_bounds import Bounds


class ApplicationAutoScaling:
    """Implements `perennial.ports.Scaling`."""

    def __init__(self, autoscaling: Any = None) -> None:
        self._autoscaling = autoscaling or client("application-autoscaling")

    def standing(self, resource: Resource) -> Standing:
        found = self._target(resource)
        if found is None:
            return Standing(None)
        return Standing(
            Bounds(found["MinCapacity"], found["MaxCapacity"]),
            self._by_name("describe_scaling_policies", "ScalingPolicies", "PolicyName", resource),
            self._by_name("describe_scheduled_actions", "ScheduledActions", "ScheduledActionName", resource),
        )

    def register(self, resource: Resource, bounds: Bounds) -> None:
        self._autoscaling.register_scalable_target(
            **resource.key, MinCapacity=bounds.least, MaxCapacity=bounds.most
        )

    def put_policy(self, resource: Resource, name: str, body: Mapping[str, Any]) -> str:
        answer = self._autoscaling.put_scaling_policy(PolicyName=name, **resource.key, **body)
        return str(answer["PolicyARN"])

    def delete_policy(self, resource: Resource, name: str) -> None:
        with_name = {"PolicyName": name, **resource.key}
        self._gone_is_fine(self._autoscaling.delete_scaling_policy, with_name)

    def put_action(self, resource: Resource, name: str, body: Mapping[str, Any]) -> None:
        self._autoscaling.put_scheduled_action(ScheduledActionName=name, **resource.key, **body)

    def delete_action(self, resource: Resource, name: str) -> None:
        with_name = {"ScheduledActionName": name, **resource.key}
        self._gone_is_fine(self._autoscaling.delete_scheduled_action, with_name)

    def suspended(self, resource: Resource) -> Mapping[str, bool] | None:
        found = self._target(resource)
        return None if found is None else found.get("SuspendedState", {})

    def suspend(self, resource: Resource, state: Mapping[str, bool]) -> None:
        self._autoscaling.register_scalable_target(**resource.key, SuspendedState=dict(state))

    def remove(self, resource: Resource) -> None:
        """Its policies and scheduled actions go with it. Nothing happens when it was not registered."""
        self._gone_is_fine(self._autoscaling.deregister_scalable_target, resource.key)

    def _target(self, resource: Resource) -> Mapping[str, Any] | None:
        found = self._autoscaling.describe_scalable_targets(
            ServiceNamespace=resource.key["ServiceNamespace"],
            ResourceIds=[resource.id],
            ScalableDimension=resource.dimension,
        )["ScalableTargets"]
        return found[0] if found else None

    def _by_name(
        self, operation: str, answer: str, name: str, resource: Resource
    ) -> dict[str, Mapping[str, Any]]:
        pages: Iterable[Mapping[str, Any]] = self._autoscaling.get_paginator(operation).paginate(
            **resource.key
        )
        return {item[name]: item for page in pages for item in page[answer]}

    def _gone_is_fine(self, operation: Any, request: Mapping[str, Any]) -> None:
        try:
            operation(**request)
        except ClientError as error:
            if code(error) != "ObjectNotFoundException":
                raise
