"""How an endpoint looks from outside: DescribeEndpoint, ListEndpoints, EventBridge events."""

import re
from typing import Any

from twin.sagemaker import shadow_traffic
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.pool import Pool
from twin.sagemaker.dataplane.router import Generation
from twin.sagemaker.hosting_state import Desired, Endpoint, Hosting, Pending, Record


def described(endpoint: Endpoint) -> Record:
    """DescribeEndpoint's answer."""
    answer = {
        **summary(endpoint),
        "EndpointConfigName": endpoint.config["EndpointConfigName"],
        "FailureReason": endpoint.failure,
        "LastDeploymentConfig": endpoint.deployment,
        "ExplainerConfig": endpoint.config.get("ExplainerConfig"),
        "AsyncInferenceConfig": endpoint.config.get("AsyncInferenceConfig"),
        "DataCaptureConfig": _capture(endpoint.config.get("DataCaptureConfig")),
    }
    answer["ProductionVariants"] = _variants(endpoint.config, endpoint.desired, endpoint.serving)
    if endpoint.managed is not None:
        answer["ProductionVariants"][0]["CurrentInstanceCount"] = endpoint.managed
    if shadows := shadow_traffic.described(endpoint.config, endpoint.serving):
        answer["ShadowProductionVariants"] = shadows
    if endpoint.pending is not None:
        answer["PendingDeploymentSummary"] = pending_summary(endpoint.pending)
    return answer


def summary(endpoint: Endpoint) -> Record:
    """ListEndpoints' item."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.shown_status,
    }


def pending_summary(pending: Pending) -> Record:
    """PendingDeploymentSummary: what is being deployed, and its stage."""
    status = {"Status": pending.stage, "StatusMessage": pending.message, "StartTime": pending.stage_started}
    types = {one["VariantName"]: one.get("InstanceType") for one in pending.config["ProductionVariants"]}
    return {
        "EndpointConfigName": pending.config["EndpointConfigName"],
        "StartTime": pending.started,
        "ProductionVariants": [
            {**variant, "InstanceType": types[variant["VariantName"]], "VariantStatus": [status]}
            for variant in _variants(pending.config, pending.desired, pending.generation)
        ],
    }


def _variants(config: Record, desired: dict[str, Desired], generation: Generation | None) -> list[Record]:
    shown = []
    for variant in config["ProductionVariants"]:
        name = variant["VariantName"]
        wanted = desired[name]
        fleet = generation.variants[name].fleet if generation and name in generation.variants else None
        item: Record = {
            "VariantName": name,
            "DeployedImages": [_image(config["Images"][name])] if name in config["Images"] else [],
            "CurrentWeight": generation.variants[name].weight if generation and fleet else 0.0,
            "DesiredWeight": wanted.weight,
            "RoutingConfig": variant.get("RoutingConfig"),
            "ManagedInstanceScaling": variant.get("ManagedInstanceScaling"),
        }
        if wanted.serverless is not None:
            item |= {
                "CurrentServerlessConfig": _current(wanted.serverless, fleet),
                "DesiredServerlessConfig": wanted.serverless,
            }
        else:
            item |= {
                "CurrentInstanceCount": fleet.count if fleet else 0,
                "DesiredInstanceCount": wanted.count,
            }
        shown.append(item)
    return shown


def _current(wanted: Record, fleet: Fleet | None) -> Record:
    """The ServerlessConfig that is in effect: what was asked for follows once it is provisioned."""
    if not isinstance(fleet, Pool):
        return wanted
    now = fleet.concurrency
    provisioned = {"ProvisionedConcurrency": now.provisioned} if now.provisioned else {}
    return {"MemorySizeInMB": now.memory, "MaxConcurrency": now.maximum, **provisioned}


def _image(image: Record) -> Record:
    return {
        "SpecifiedImage": image["Image"],
        "ResolvedImage": image["Image"],
        "ResolutionTime": image["ResolutionTime"],
    }


def _capture(config: Record | None) -> Record | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def upper_snake(status: str) -> str:
    """`InService` -> `IN_SERVICE`, as events spell it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def announce(hosting: Hosting, endpoint: Endpoint) -> None:
    """Put `SageMaker Endpoint State Change`. A state that lasts is sent twice, as AWS may do."""
    status = endpoint.shown_status
    detail = {**_detail(hosting, endpoint), "EndpointStatus": upper_snake(status)}
    if endpoint.failure:
        detail["FailureReason"] = endpoint.failure
    for _ in range(2 if status in ("InService", "Failed") else 1):
        hosting.world.events.put("SageMaker Endpoint State Change", detail, [endpoint.arn])


def announce_deployment(hosting: Hosting, endpoint: Endpoint, pending: Pending) -> None:
    """Put `SageMaker Endpoint Deployment State Change` for a guarded deployment's present stage."""
    detail = {
        **_detail(hosting, endpoint),
        "EndpointStatus": upper_snake(endpoint.shown_status),
        "PendingDeploymentSummary": _times_in_ms(pending_summary(pending)),
    }
    hosting.world.events.put("SageMaker Endpoint Deployment State Change", detail, [endpoint.arn])


def _detail(hosting: Hosting, endpoint: Endpoint) -> Record:
    variants = _variants(endpoint.config, endpoint.desired, endpoint.serving)
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config["EndpointConfigName"],
        "ProductionVariants": [_times_in_ms(variant) for variant in variants],
        "CreationTime": _ms(endpoint.created),
        "LastModifiedTime": _ms(endpoint.modified),
        "Tags": dict(hosting.world.tags.of(endpoint.arn)),
    }


def _ms(at: Any) -> float:
    return float(int(at.timestamp() * 1000))


def _times_in_ms(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _times_in_ms(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_times_in_ms(item) for item in value]
    return _ms(value) if hasattr(value, "timestamp") else value
