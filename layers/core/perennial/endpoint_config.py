"""What SageMaker is asked for: an endpoint's config, and how an update moves its traffic to another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from perennial import layout, rollout_plan
from perennial.config import ModelConfig
from perennial.deployment import EndpointState

VARIANT = "AllTraffic"  # guardrails need the same variant name in every config
CAPTURED_AS_CSV = ("text/csv",)  # any other content type is captured as BASE64
CAPTURED_AS_JSON = ("application/json", "application/jsonlines")


def production_variant(config: ModelConfig, model_name: str) -> dict[str, Any]:
    """The one variant of an endpoint config."""
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": model_name}
    serverless = config.endpoint.serverless
    if serverless:
        size = {"MemorySizeInMB": serverless.memory_mb, "MaxConcurrency": serverless.max_concurrency}
        if serverless.provisioned:
            size["ProvisionedConcurrency"] = serverless.provisioned
        return variant | {"ServerlessConfig": size}
    return variant | {
        "InstanceType": config.endpoint.instance,
        "InitialInstanceCount": config.endpoint.instances,
        "InitialVariantWeight": 1.0,
    }


def config_request(name: str, model_name: str, config: ModelConfig, bucket: str) -> dict[str, Any]:
    """The CreateEndpointConfig request. Serverless endpoints have no Data Capture."""
    request: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [production_variant(config, model_name)],
        "Tags": [{"Key": "perennial:model", "Value": config.model}],
    }
    if config.capture.percent and not config.endpoint.serverless:
        request["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": config.capture.percent,
            "DestinationS3Uri": f"s3://{bucket}/{layout.capture_prefix(config.model)}",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": list(CAPTURED_AS_CSV),
                "JsonContentTypes": list(CAPTURED_AS_JSON),
            },
        }
    return request


def traffic_plan(config: ModelConfig, endpoint: EndpointState) -> rollout_plan.TrafficPlan:
    """How an update of this endpoint moves its traffic: as configured, or the nearest that SageMaker carries out."""
    if config.endpoint.serverless:
        return rollout_plan.TrafficPlan(None, "a serverless endpoint moves all traffic at once")
    if endpoint.variants and endpoint.variants != (VARIANT,):
        others = ", ".join(endpoint.variants)
        return rollout_plan.TrafficPlan(
            None,
            f"the endpoint's variant is {others} and not {VARIANT}, so SageMaker moves all traffic at once",
        )
    instances = endpoint.instances if keeps_counts(config, endpoint) else config.endpoint.instances
    return rollout_plan.nearest(config.endpoint.rollout, instances, config.endpoint.instance)


def deployment_config(
    config: ModelConfig, endpoint: EndpointState, alarms: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The DeploymentConfig of an update, undone by these alarms; None lets SageMaker use its default."""
    plan = traffic_plan(config, endpoint)
    if plan.rollout is None:
        return None
    instances = endpoint.instances if keeps_counts(config, endpoint) else config.endpoint.instances
    request = rollout_plan.deployment_config(plan.rollout, instances)
    if alarms:
        request["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return request


def keeps_counts(config: ModelConfig, endpoint: EndpointState) -> bool:
    """Whether an update keeps the instances that scaling reached: it must not scale in.

    A fleet that has scaled in below what the rollout needs is renewed with the configured number instead.
    """
    return endpoint.instances >= rollout_plan.instances_needed(config.endpoint.rollout)


def forgotten(
    config_names: Sequence[tuple[str, datetime]], in_use: frozenset[str], keep: int = 3
) -> list[str]:
    """Our old configs beyond the last few, oldest first, never one in use."""
    by_age = [name for name, _ in sorted(config_names, key=lambda item: item[1]) if name not in in_use]
    spare = max(0, keep - len(in_use))
    return by_age[: len(by_age) - spare] if spare else by_age
