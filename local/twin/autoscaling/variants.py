"""What of an endpoint's variant is scaled: its instances, or a serverless one's provisioned concurrency."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from twin.autoscaling.dimensions import Predefined
from twin.autoscaling.state import Target
from twin.protocol import Call, validation
from twin.sagemaker.hosting_endpoints import set_capacities
from twin.sagemaker.hosting_state import IN_PROGRESS, Endpoint, Hosting

Record = dict[str, Any]


def split(resource_id: str) -> tuple[str, str]:
    """Endpoint and variant of `endpoint/E/variant/V`."""
    _, endpoint, _, variant = resource_id.split("/")
    return endpoint, variant


def of_endpoint(name: str) -> str:
    """What the ResourceIds of an endpoint's variants begin with."""
    return f"endpoint/{name}/variant/"


class _VariantDimension(ABC):
    """What both dimensions have in common."""

    lowest = 1

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    def names(self, resource_id: str) -> bool:
        parts = resource_id.split("/")
        return len(parts) == 4 and parts[0] == "endpoint" and parts[2] == "variant"

    def check(self, resource_id: str, call: Call) -> None:
        endpoint, variant = split(resource_id)
        found = self._hosting.endpoints.find(call, endpoint)
        config = found.config["ProductionVariants"] if found else []
        named = next((one for one in config if one["VariantName"] == variant), None)
        if named is None:
            raise validation(f"SageMaker endpoint variant does not exist: {resource_id}")
        self._check_variant(named, resource_id)

    def busy(self, target: Target) -> bool:
        endpoint = self._find(target)
        return endpoint is None or endpoint.status in IN_PROGRESS or endpoint.status == "Failed"

    def set(self, target: Target, capacity: int) -> "asyncio.Task[None] | None":
        name, variant = split(target.resource_id)
        change = {"VariantName": variant, **self._change(capacity)}
        return set_capacities(self._hosting, name, [change], target.call).work

    def failure(self, target: Target, capacity: int) -> str | None:
        if self.capacity(target) == capacity:
            return None
        endpoint = self._find(target)
        return (endpoint and (endpoint.failure or endpoint.kept_because)) or "the endpoint is gone"

    def metric_dimensions(self, target: Target) -> Mapping[str, str]:
        endpoint, variant = split(target.resource_id)
        return {"EndpointName": endpoint, "VariantName": variant}

    def _find(self, target: Target) -> Endpoint | None:
        return self._hosting.endpoints.find(target.call, split(target.resource_id)[0])

    @abstractmethod
    def capacity(self, target: Target) -> int: ...

    @abstractmethod
    def _check_variant(self, variant: Record, resource_id: str) -> None: ...

    @abstractmethod
    def _change(self, capacity: int) -> Record: ...


class InstanceCount(_VariantDimension):
    """`sagemaker:variant:DesiredInstanceCount`."""

    name = "sagemaker:variant:DesiredInstanceCount"
    noun = "desired instance count"
    predefined: Mapping[str, Predefined] = {
        "SageMakerVariantInvocationsPerInstance": Predefined("InvocationsPerInstance", "Sum"),
        "SageMakerVariantConcurrentRequestsPerModelHighResolution": Predefined(
            "ConcurrentRequestsPerModel", "Average", 10
        ),
    }

    def capacity(self, target: Target) -> int:
        endpoint, variant = self._find(target), split(target.resource_id)[1]
        return endpoint.desired[variant].count if endpoint and variant in endpoint.desired else 0

    def _check_variant(self, variant: Record, resource_id: str) -> None:
        kind = variant.get("InstanceType", "")
        if "ServerlessConfig" in variant:
            raise validation(f"The variant is serverless and has no instances: {resource_id}")
        if kind.startswith("ml.t2."):
            raise validation(
                f"You cannot register a variant with {kind} instance type as a scalable target. This is because the "
                "burstable performance of these instances can lead to unpredictable behavior with Auto Scaling."
            )

    def _change(self, capacity: int) -> Record:
        return {"DesiredInstanceCount": capacity}


class ProvisionedConcurrency(_VariantDimension):
    """`sagemaker:variant:DesiredProvisionedConcurrency`."""

    name = "sagemaker:variant:DesiredProvisionedConcurrency"
    noun = "desired provisioned concurrency"
    predefined: Mapping[str, Predefined] = {
        "SageMakerVariantProvisionedConcurrencyUtilization": Predefined(
            "ServerlessProvisionedConcurrencyUtilization", "Average"
        ),
    }

    def capacity(self, target: Target) -> int:
        endpoint, variant = self._find(target), split(target.resource_id)[1]
        wanted = endpoint.desired.get(variant) if endpoint else None
        serverless = wanted.serverless if wanted else None
        return int(serverless.get("ProvisionedConcurrency", 0)) if serverless else 0

    def _check_variant(self, variant: Record, resource_id: str) -> None:
        # "you must have already deployed a model to a serverless endpoint with Provisioned Concurrency"
        if "ProvisionedConcurrency" not in variant.get("ServerlessConfig", {}):
            raise validation(f"The variant has no provisioned concurrency: {resource_id}")

    def _change(self, capacity: int) -> Record:
        return {"ServerlessUpdateConfig": {"ProvisionedConcurrency": capacity}}
