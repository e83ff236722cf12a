"""Inference components: how a real-time endpoint scales to zero instances. Pure.

The endpoint's config says only which instances there may be; the model runs as copies of one inference component, named
like the endpoint. A version is an update of the component, so `EndpointState.config_name` of such an endpoint is the
model that its component runs, and `host_config` the config of the endpoint itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from perennial.config import ModelConfig
from perennial.deployment import EndpointState, Rollout
from perennial.endpoint_config import VARIANT

MOST_INSTANCES = 100  # of managed scaling: what bounds the copies (scaling.max) bounds the instances, too


@dataclass(frozen=True)
class Component:
    """An inference component as DescribeInferenceComponent tells it: the model that it runs, and its copies."""

    name: str
    status: str
    model_name: str
    failure_reason: str = ""
    modified_at: datetime | None = None
    desired: int = 0
    current: int = 0


def combined(endpoint: EndpointState, component: Component | None) -> EndpointState:
    """An endpoint and its inference component as one: what serves, and whether anything is under way.

    While the component is missing, something has to be asked for (`awaits`), so the state is one in progress.
    """
    hosting = replace(endpoint, host_config=endpoint.config_name, config_name="", instances=0)
    if component is None:
        if endpoint.status != "InService":
            return hosting
        return replace(hosting, status="Creating", awaits="component")
    runs = replace(
        hosting,
        config_name=component.model_name,
        instances=component.desired,
        failure_reason=endpoint.failure_reason or component.failure_reason,
    )
    if endpoint.status != "InService":
        return runs
    runs = replace(runs, status=component.status, modified_at=component.modified_at)
    if component.status != "InService":
        return runs
    return replace(runs, status="Updating") if _is_waking(component) else runs


def _is_waking(component: Component) -> bool:
    """Copies are wanted and none can answer yet: a test would only hear that there is no capacity."""
    return component.desired > 0 and component.current == 0


@dataclass(frozen=True)
class Step:
    """What an endpoint of components waits for: a component that runs a model, another model on the one there is, or
    its own removal, for nothing is meant for it."""

    action: Literal["nothing", "create", "update", "remove"]
    model_name: str = ""
    reason: str = ""


def asked_for(rollout: Rollout) -> str:
    """What tells one attempt at a rollout from another of the same config."""
    return f"{rollout.config_name} {rollout.started_at.isoformat()}"


def next_step(endpoint: EndpointState | None, rollout: Rollout | None, asked: str = "") -> Step:
    """The second half of a rollout: SageMaker takes a component only once its endpoint is InService, and gets other
    instances before the version that is to run on them. `asked` is the attempt that a component was last asked for.
    """
    if endpoint is None or not endpoint.host_config:
        return Step("nothing")
    if endpoint.awaits == "component":
        if rollout is None or rollout.status not in ("starting", "started", "succeeded"):
            return Step(
                "remove", "", f"{endpoint.name} hosts no inference component, and none is meant for it"
            )
        reason = f"{endpoint.name} is InService: version {rollout.version} goes on it"
        return Step("create", rollout.config_name, reason)
    if rollout is None or rollout.status not in ("starting", "started") or endpoint.status != "InService":
        return Step("nothing")
    has_instances = endpoint.host_config == rollout.config_name
    # The version that is on it already gets a copy where none runs: it is to be tested on these instances.
    lacks = endpoint.config_name != rollout.config_name or endpoint.instances == 0
    if has_instances and lacks and asked != asked_for(rollout):
        reason = f"{endpoint.name} has the instances for version {rollout.version}"
        return Step("update", rollout.config_name, reason)
    return Step("nothing")


def production_variant(config: ModelConfig) -> dict[str, Any]:
    """The variant of an endpoint config for inference components: instances that come and go, and no model."""
    return {
        "VariantName": VARIANT,
        "InstanceType": config.endpoint.instance,
        "InitialInstanceCount": 1,
        "ManagedInstanceScaling": {
            "Status": "ENABLED",
            "MinInstanceCount": 0,
            "MaxInstanceCount": MOST_INSTANCES,
        },
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }


def config_request(name: str, config: ModelConfig) -> dict[str, Any]:
    """The CreateEndpointConfig request, but for ExecutionRoleArn.

    Data Capture is left out: nothing that AWS publishes says that it captures inference components. Network isolation
    is the endpoint's here and not the model's.
    """
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [production_variant(config)],
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "perennial:model", "Value": config.model}],
    }


def specification(config: ModelConfig, model_name: str) -> dict[str, Any]:
    copy = config.endpoint.copies
    return {
        "ModelName": model_name,
        "ComputeResourceRequirements": {
            "NumberOfCpuCoresRequired": copy.cpus,
            "MinMemoryRequiredInMb": copy.memory_mb,
        },
    }


def create_request(config: ModelConfig, endpoint: str, model_name: str) -> dict[str, Any]:
    """The CreateInferenceComponent request: one copy, for the smoke test; then scaling decides."""
    return {
        "InferenceComponentName": endpoint,
        "EndpointName": endpoint,
        "VariantName": VARIANT,
        "Specification": specification(config, model_name),
        "RuntimeConfig": {"CopyCount": 1},
        "Tags": [{"Key": "perennial:model", "Value": config.model}],
    }


def update_request(
    config: ModelConfig, endpoint: EndpointState, model_name: str, alarms: Sequence[str] = ()
) -> dict[str, Any]:
    """The UpdateInferenceComponent request. An endpoint at zero gets one copy, for a version is not trusted untested."""
    request: dict[str, Any] = {
        "InferenceComponentName": endpoint.name,
        "Specification": specification(config, model_name),
    }
    if endpoint.instances == 0:
        return request | {"RuntimeConfig": {"CopyCount": 1}}
    deployment = deployment_config(config, endpoint.instances, alarms)
    return request | ({"DeploymentConfig": deployment} if deployment else {})


def deployment_config(config: ModelConfig, copies: int, alarms: Sequence[str] = ()) -> dict[str, Any] | None:
    """The DeploymentConfig of an update of so many copies; None where nothing is shifted in batches, or nothing runs."""
    rollout = config.endpoint.rollout
    if rollout.type != "rolling" or copies == 0:
        return None
    # A batch is at most half of the copies, which of one copy is no number of copies.
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    if copies > 1:
        batch = max(1, min(-(-copies * rollout.percent // 100), copies // 2))
        size = {"Type": "COPY_COUNT", "Value": batch}
    request: dict[str, Any] = {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": size,
            "WaitIntervalInSeconds": rollout.bake_minutes * 60,
        }
    }
    if alarms:
        request["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return request


def traffic(config: ModelConfig, endpoint: EndpointState) -> dict[str, str]:
    """How an update moves traffic, for the ledger."""
    if endpoint.instances == 0:
        return {"rollout": "all_at_once", "instead": "no copy runs, so one is started with the new version"}
    return {"rollout": config.endpoint.rollout.type}
