"""How the provisioned concurrency of a serverless endpoint scales. Pure.

CloudFormation cannot register it; Application Auto Scaling does, with a scalable dimension of its own.
"""

from __future__ import annotations

from perennial.config import ModelConfig
from perennial.endpoint_config import VARIANT
from perennial.scaling import Resource, Wanted, target_tracking
from perennial.scaling_bounds import Bounds

DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
METRIC = "SageMakerVariantProvisionedConcurrencyUtilization"


def variant(endpoint: str) -> Resource:
    return Resource(f"endpoint/{endpoint}/variant/{VARIANT}", DIMENSION)


def wanted(config: ModelConfig, endpoint: str) -> Wanted | None:
    """None when it does not scale: without provisioned concurrency, or with a fixed one."""
    serverless = config.endpoint.serverless
    if serverless is None or serverless.provisioned_max is None:
        return None
    name = f"{endpoint}-provisioned-concurrency"
    body = target_tracking(config.scaling, METRIC, serverless.utilization, scale_in=config.scaling.scale_in)
    bounds = Bounds(serverless.provisioned, serverless.provisioned_max)
    return Wanted(variant(endpoint), bounds, {name: body}, (name,))
