"""Application Auto Scaling in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perennial.scaling import Resource, Standing
from perennial.scaling_bounds import Bounds

ACTIVITIES = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@dataclass
class InMemoryScaling:
    targets: dict[Resource, Standing] = field(default_factory=dict)
    removed: list[Resource] = field(default_factory=list)
    states: dict[Resource, dict[str, bool]] = field(default_factory=dict)
    writes: int = 0

    def standing(self, resource: Resource) -> Standing:
        return self.targets.get(resource, Standing(None))

    def register(self, resource: Resource, bounds: Bounds) -> None:
        self._set(resource, replace(self.standing(resource), bounds=bounds))

    def put_policy(self, resource: Resource, name: str, body: Mapping[str, Any]) -> str:
        known = self._registered(resource)
        registered = self.removed.count(resource)  # a policy that is put anew has another ARN
        arn = f"arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:{registered}:resource/sagemaker/{resource.id}:policyName/{name}"
        self._set(resource, replace(known, policies={**known.policies, name: {**body, "PolicyARN": arn}}))
        return arn

    def delete_policy(self, resource: Resource, name: str) -> None:
        known = self.standing(resource)
        left = {key: body for key, body in known.policies.items() if key != name}
        self._set(resource, replace(known, policies=left))

    def put_action(self, resource: Resource, name: str, body: Mapping[str, Any]) -> None:
        known = self._registered(resource)
        self._set(resource, replace(known, actions={**known.actions, name: body}))

    def delete_action(self, resource: Resource, name: str) -> None:
        known = self.standing(resource)
        left = {key: body for key, body in known.actions.items() if key != name}
        self._set(resource, replace(known, actions=left))

    def remove(self, resource: Resource) -> None:
        self.removed.append(resource)
        self.targets.pop(resource, None)
        self.states.pop(resource, None)

    def suspended(self, resource: Resource) -> Mapping[str, bool] | None:
        if resource not in self.targets:
            return None
        return {**dict.fromkeys(ACTIVITIES, False), **self.states.get(resource, {})}

    def suspend(self, resource: Resource, state: Mapping[str, bool]) -> None:
        self._registered(resource)
        self.states[resource] = {**self.states.get(resource, {}), **state}

    def _registered(self, resource: Resource) -> Standing:
        assert resource in self.targets, "AWS wants a target to be registered first"
        return self.targets[resource]

    def _set(self, resource: Resource, standing: Standing) -> None:
        self.writes += 1
        if standing.bounds is not None:
            self.targets[resource] = standing
