"""What of an inference component is scaled: its copies, down to none."""

import asyncio
from collections.abc import Mapping

from twin.autoscaling.dimensions import Predefined
from twin.autoscaling.state import Target
from twin.protocol import Call, validation
from twin.sagemaker import component_state
from twin.sagemaker.component_operations import set_copies
from twin.sagemaker.component_state import Component
from twin.sagemaker.hosting_state import Hosting


class CopyCount:
    """`sagemaker:inference-component:DesiredCopyCount`."""

    name = "sagemaker:inference-component:DesiredCopyCount"
    noun = "desired copy count"
    lowest = 0
    predefined: Mapping[str, Predefined] = {
        "SageMakerInferenceComponentInvocationsPerCopy": Predefined("InvocationsPerCopy", "Sum"),
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": Predefined(
            "ConcurrentRequestsPerCopy", "Average", 10
        ),
    }

    def __init__(self, hosting: Hosting) -> None:
        self._components = component_state.of(hosting)

    def names(self, resource_id: str) -> bool:
        kind, _, name = resource_id.partition("/")
        return kind == "inference-component" and bool(name) and "/" not in name

    def check(self, resource_id: str, call: Call) -> None:
        if self._components.table.find(call, _name(resource_id)) is None:
            raise validation(f"SageMaker inference component does not exist: {resource_id}")

    def capacity(self, target: Target) -> int:
        found = self._find(target)
        return found.desired if found else 0

    def busy(self, target: Target) -> bool:
        found = self._find(target)
        return found is None or found.busy or found.status == "Failed"

    def set(self, target: Target, capacity: int) -> "asyncio.Task[None] | None":
        return set_copies(self._components, _name(target.resource_id), capacity, target.call).work

    def failure(self, target: Target, capacity: int) -> str | None:
        found = self._find(target)
        if found is not None and found.desired == capacity:
            return None
        return (found and found.failure) or "the new copies did not become healthy"

    def metric_dimensions(self, target: Target) -> Mapping[str, str]:
        return {"InferenceComponentName": _name(target.resource_id)}

    def _find(self, target: Target) -> Component | None:
        return self._components.table.find(target.call, _name(target.resource_id))


def _name(resource_id: str) -> str:
    return resource_id.partition("/")[2]
