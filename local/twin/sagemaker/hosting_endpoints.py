"""Endpoint operations: check the request, note what is wanted, and start the work that gets there."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from twin import seams
from twin.protocol import AwsError, Call, Service, validation
from twin.sagemaker import hosting_rollout as rollout
from twin.sagemaker.hosting_configs import check_serverless
from twin.sagemaker.hosting_fleets import desired, snapshot
from twin.sagemaker.hosting_plan import check, plan
from twin.sagemaker.hosting_state import IN_PROGRESS, Desired, Endpoint, Hosting, Pending, Record
from twin.sagemaker.hosting_view import described, summary
from twin.sagemaker.listing import listed

logger = logging.getLogger(__name__)


def register(service: Service, hosting: Hosting) -> None:
    """Create, update, rescale, describe, list and delete endpoints."""
    endpoints, tags = hosting.endpoints, hosting.world.tags
    resource = "endpoint/{EndpointName}"

    @service.operation("CreateEndpoint", resource, "endpoint-config/{EndpointConfigName}")
    async def create(request: Record, call: Call) -> Record:
        name = request["EndpointName"]
        arn = endpoints.vacant(call, name)
        config = snapshot(hosting, hosting.configs.get(call, request["EndpointConfigName"]), call)
        _check_faults(hosting, name, config)
        if deployment := request.get("DeploymentConfig"):
            check(deployment, sum(one.count for one in desired(config).values()) or None)
        endpoint = Endpoint(name, arn, call, config, desired(config), deployment=deployment)
        endpoint.managed = _managed(config)
        endpoints.put(call, name, endpoint)
        tags.add(arn, request.get("Tags"))
        rollout.enter(hosting, endpoint, "Creating")
        _work(endpoint, rollout.create(hosting, endpoint))
        return {"EndpointArn": arn}

    @service.operation("UpdateEndpoint", resource, "endpoint-config/{EndpointConfigName}")
    async def update(request: Record, call: Call) -> Record:
        endpoint = _settled(hosting, request["EndpointName"], call)
        config = snapshot(hosting, hosting.configs.get(call, request["EndpointConfigName"]), call)
        _check_faults(hosting, endpoint.name, config)
        _check_kind(endpoint, config)
        _check_scaling(hosting, endpoint, config)
        wanted = _retained(request, endpoint, desired(config))
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = endpoint.deployment
        before = {name: one.count for name, one in endpoint.desired.items()}
        after = {name: one.count for name, one in wanted.items()}
        guarded = not any(one.serverless for one in [*endpoint.desired.values(), *wanted.values()])
        planned = plan(deployment if guarded else None, before, after)
        _check_alarms(endpoint, planned.alarms)
        endpoint.deployment = deployment or endpoint.deployment
        endpoint.pending = pending = Pending(config, wanted)
        rollout.enter(hosting, endpoint, "Updating")
        _work(endpoint, rollout.update(hosting, endpoint, pending, planned))
        return {"EndpointArn": endpoint.arn}

    @service.operation("UpdateEndpointWeightsAndCapacities", resource)
    async def rescale(request: Record, call: Call) -> Record:
        endpoint = set_capacities(
            hosting, request["EndpointName"], request["DesiredWeightsAndCapacities"], call
        )
        return {"EndpointArn": endpoint.arn}

    @service.operation("DescribeEndpoint", resource)
    def describe(request: Record, call: Call) -> Record:
        return described(endpoints.get(call, request["EndpointName"]))

    @service.operation("ListEndpoints")
    def list_endpoints(request: Record, call: Call) -> Record:
        return listed([summary(one) for one in endpoints.of(call)], request, "Endpoints", "Endpoint")

    @service.operation("DeleteEndpoint", resource)
    async def delete(request: Record, call: Call) -> None:
        endpoint = endpoints.get(call, request["EndpointName"])
        if endpoint.status in IN_PROGRESS:
            raise _in_progress(endpoint)
        for forget in hosting.on_delete:
            forget(endpoint, service.gate, call)
        rollout.enter(hosting, endpoint, "Deleting")
        _work(endpoint, rollout.delete(hosting, endpoint))


def _managed(config: Record) -> int | None:
    """Instances of an endpoint for inference components; they come and go with the copies."""
    variant = config["ProductionVariants"][0]
    return None if "ModelName" in variant else int(variant["InitialInstanceCount"])


def set_capacities(hosting: Hosting, name: str, wanted: list[Record], call: Call) -> Endpoint:
    """UpdateEndpointWeightsAndCapacities: also Application Auto Scaling's way in."""
    endpoint = _settled(hosting, name, call)
    unknown = [one["VariantName"] for one in wanted if one["VariantName"] not in endpoint.desired]
    if unknown:
        named = ", ".join(f'"{variant}"' for variant in unknown)
        raise validation(
            f"The variant name(s) {named} is/are not present within endpoint configuration "
            f'"{endpoint.config["EndpointConfigName"]}".'
        )
    after = dict(endpoint.desired)
    for one in wanted:
        after[one["VariantName"]] = _changed(after[one["VariantName"]], one)
    rollout.enter(hosting, endpoint, "Updating")
    _work(endpoint, rollout.rescale(hosting, endpoint, after))
    return endpoint


def _changed(now: Desired, change: Record) -> Desired:
    """What is wanted of a variant after a DesiredWeightAndCapacity. Raises ValidationException."""
    name, update = change["VariantName"], change.get("ServerlessUpdateConfig")
    if now.serverless is None and update is not None:
        raise validation(f"ServerlessUpdateConfig is not supported for the instance-based variant {name}.")
    if now.serverless is not None and "DesiredInstanceCount" in change:
        raise validation(f"DesiredInstanceCount is not supported for the serverless variant {name}.")
    if now.count and change.get("DesiredInstanceCount") == 0:
        raise validation(f"DesiredInstanceCount must be at least 1 for the real-time variant {name}.")
    serverless = now.serverless and {**now.serverless, **(update or {})}
    if serverless:
        check_serverless(serverless)
    return Desired(
        change.get("DesiredInstanceCount", now.count), change.get("DesiredWeight", now.weight), serverless
    )


def _work(endpoint: Endpoint, work: Coroutine[Any, Any, None]) -> None:
    async def guarded() -> None:
        try:
            await work
        except Exception:
            logger.exception("the twin failed at endpoint %s", endpoint.name)
            endpoint.status, endpoint.failure = "Failed", "InternalServerError: see the twin's log"
            raise

    endpoint.work = asyncio.create_task(guarded())


def _settled(hosting: Hosting, name: str, call: Call) -> Endpoint:
    endpoint = hosting.endpoints.get(call, name)
    if endpoint.status in IN_PROGRESS:
        raise _in_progress(endpoint)
    if endpoint.status == "Failed":
        raise validation(f'Cannot update endpoint "{endpoint.arn}" because it is in the Failed state.')
    return endpoint


def _in_progress(endpoint: Endpoint) -> Exception:
    return validation(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _retained(request: Record, endpoint: Endpoint, fresh: dict[str, Desired]) -> dict[str, Desired]:
    """Counts and weights after an update: the config's, or the endpoint's where they are retained."""
    if not request.get("RetainAllVariantProperties"):
        return fresh
    excluded = {one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties", [])}
    kept = {}
    for name, new in fresh.items():
        old = endpoint.desired.get(name, new)
        same_kind = (old.serverless is None) == (new.serverless is None)
        # Retained are counts and weights (VariantPropertyType); concurrency is the config's.
        kept[name] = Desired(
            old.count if same_kind and "DesiredInstanceCount" not in excluded else new.count,
            new.weight if "DesiredWeight" in excluded else old.weight,
            new.serverless,
        )
    return kept


def _check_faults(hosting: Hosting, name: str, config: Record) -> None:
    """Meet the faults that a test has armed."""
    if hosting.world.faults.strikes("throttling", name):
        raise AwsError("ThrottlingException", "Rate exceeded")
    if hosting.world.faults.strikes("limit", name):
        usage = f"{config['ProductionVariants'][0].get('InstanceType', 'serverless')} for endpoint usage"
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{usage}' is 0 Instances, with current utilization of 0 Instances and a "
            "request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota.",
        )


def _check_kind(endpoint: Endpoint, config: Record) -> None:
    def serverless(one: Record) -> bool:
        return any("ServerlessConfig" in variant for variant in one["ProductionVariants"])

    if serverless(config) and not serverless(endpoint.config):
        raise validation(
            f'Cannot update endpoint "{endpoint.arn}" from instance-based to serverless. Create a new endpoint instead.'
        )


def _check_scaling(hosting: Hosting, endpoint: Endpoint, config: Record) -> None:
    """A variant that is a scalable target keeps its name and its instance type until it is deregistered."""
    types = {one["VariantName"]: one.get("InstanceType") for one in config["ProductionVariants"]}
    for variant in endpoint.config["ProductionVariants"]:
        name = variant["VariantName"]
        if types.get(name) != variant.get("InstanceType") and hosting.is_scalable(endpoint, name):
            raise validation(
                f"Production variant {name} of endpoint {endpoint.name} is registered as a scalable target with "
                "Application Auto Scaling. Deregister it before you remove the variant or change its instance type."
            )


def _check_alarms(endpoint: Endpoint, names: tuple[str, ...]) -> None:
    if not names:
        return
    variant = endpoint.config["ProductionVariants"][0]["VariantName"]
    image = endpoint.config["Images"].get(variant)
    role = image["Role"] if image else endpoint.config["ExecutionRoleArn"]
    if not seams.role_allows(role, "cloudwatch:DescribeAlarms", "*"):
        raise validation(
            f"Role {role} is not authorized to perform cloudwatch:DescribeAlarms on the alarms of "
            "AutoRollbackConfiguration."
        )
