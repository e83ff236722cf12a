"""What happens to an endpoint after the request was answered: create, update, rescale, delete.

Each is one task per endpoint at a time. The fleet in service is let go only after the new one has
taken over, so a failed update costs nothing but its own instances.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from twin import alarms
from twin.sagemaker import capture
from twin.sagemaker.dataplane.artifact import ArtifactError
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.instance import StartError
from twin.sagemaker.dataplane.pool import Pool
from twin.sagemaker.dataplane.router import Generation
from twin.sagemaker.hosting_fleets import build, concurrency
from twin.sagemaker.hosting_plan import Plan, Step
from twin.sagemaker.hosting_state import Desired, Endpoint, Hosting, Pending
from twin.sagemaker.hosting_view import announce, announce_deployment

logger = logging.getLogger(__name__)

NO_INSTANCES = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a "
    "different ML instance type or after some time."
)
LOOK_EVERY = 0.1  # seconds between two looks at the alarms while a fleet bakes


class RollBack(Exception):
    """The new fleet must not stay."""


def enter(hosting: Hosting, endpoint: Endpoint, status: str, failure: str | None = None) -> None:
    """Change the endpoint's status and tell EventBridge."""
    endpoint.status, endpoint.failure, endpoint.modified = status, failure, datetime.now(UTC)
    announce(hosting, endpoint)


async def create(hosting: Hosting, endpoint: Endpoint) -> None:
    """Creating -> InService, or Failed with the reason."""
    try:
        generation = await build(hosting, endpoint, endpoint.config, endpoint.desired)
        endpoint.serving = generation
        await _start(hosting, generation, endpoint.desired)
    except (ArtifactError, RollBack) as error:
        if endpoint.serving is not None:
            await _close(hosting, endpoint.serving)
        enter(hosting, endpoint, "Failed", str(error))
        return
    generation.share = 1.0
    enter(hosting, endpoint, "InService")


async def update(hosting: Hosting, endpoint: Endpoint, pending: Pending, plan: Plan) -> None:
    """Updating -> InService on the new config, or back on the old one, as silently as AWS does it."""
    old = endpoint.in_service
    try:
        async with asyncio.timeout(hosting.world.scaled(plan.time_limit) + _start_allowance(plan)):
            new = pending.generation = await build(hosting, endpoint, pending.config, pending.desired)
            for step in plan.steps:
                await _take(hosting, endpoint, pending, new, step, plan)
    except (ArtifactError, RollBack, TimeoutError) as error:
        await _roll_back(hosting, endpoint, pending, plan, str(error) or "the deployment took too long")
        return
    # From here on the new config is the endpoint's; only the old instances' farewell is left.
    endpoint.serving, endpoint.config, endpoint.desired = new, pending.config, pending.desired
    old.share = 0.0
    _stage(hosting, endpoint, pending, plan, "Deleting")
    await asyncio.sleep(hosting.world.scaled(plan.termination_wait))
    await _close(hosting, old)
    endpoint.pending = None
    enter(hosting, endpoint, "InService")


def _start_allowance(plan: Plan) -> float:
    """Real seconds that starting containers may take beside the scaled waits."""
    return 120.0 * len(plan.steps)


async def _take(
    hosting: Hosting, endpoint: Endpoint, pending: Pending, new: Generation, step: Step, plan: Plan
) -> None:
    """Bring up what the step needs, shift its share of the traffic, and bake."""
    old = endpoint.in_service
    await _start(hosting, new, _share_of(pending.desired, step.capacity))
    _stage(hosting, endpoint, pending, plan, "ActivatingTraffic")
    new.share, old.share = step.share, 1.0 - step.share
    if step.capacity < 1.0:
        await _start(hosting, old, _share_of(endpoint.desired, 1.0 - step.capacity))
    if step.wait:
        _stage(hosting, endpoint, pending, plan, "Baking")
        await _bake(hosting, new, hosting.world.scaled(step.wait), plan.alarms)


async def _bake(hosting: Hosting, new: Generation, seconds: float, names: Iterable[str]) -> None:
    """Wait; raise RollBack as soon as one of the alarms is in ALARM."""
    end = time.monotonic() + seconds
    while True:
        if firing := alarms.firing(names):
            raise RollBack(f"alarm {firing[0]} is in ALARM")
        left = end - time.monotonic()
        if left <= 0 and not hosting.world.faults.stands("long-bake", new.config_name):
            return
        await asyncio.sleep(min(LOOK_EVERY, left) if left > 0 else LOOK_EVERY)


async def _roll_back(hosting: Hosting, endpoint: Endpoint, pending: Pending, plan: Plan, reason: str) -> None:
    logger.warning("endpoint %s rolls back: %s", endpoint.name, reason)
    old, new = endpoint.in_service, pending.generation
    if plan.guarded:
        enter(hosting, endpoint, "RollingBack")
    if new is not None:
        share = old.share
        while share < 1.0:
            share = min(1.0, share + plan.rollback + 1e-9)
            await _start(hosting, old, _share_of(endpoint.desired, share))
            old.share, new.share = share, 1.0 - share
            if share < 1.0:
                await _start(hosting, new, _share_of(pending.desired, 1.0 - share))
        await _start(hosting, old, endpoint.desired)
        old.share, new.share = 1.0, 0.0
        _stage(hosting, endpoint, pending, plan, "Deleting")
        await _close(hosting, new)
    endpoint.pending = None
    enter(hosting, endpoint, "InService")


async def rescale(hosting: Hosting, endpoint: Endpoint, wanted: dict[str, Desired]) -> None:
    """Updating -> InService with other counts and weights; a count that cannot be reached stays as it was."""
    serving, before = endpoint.in_service, endpoint.desired
    endpoint.desired, endpoint.kept_because = wanted, None
    try:
        await _start(hosting, serving, wanted)
        for name, variant in serving.variants.items():
            variant.weight = wanted[name].weight
    except RollBack as error:
        logger.warning("endpoint %s keeps its instances: %s", endpoint.name, error)
        endpoint.desired, endpoint.kept_because = before, str(error)
    enter(hosting, endpoint, "InService")


async def delete(hosting: Hosting, endpoint: Endpoint) -> None:
    """Deleting -> gone."""
    for generation in endpoint.generations:
        generation.share = 0.0
        await _close(hosting, generation)
    hosting.endpoints.remove(endpoint.call, endpoint.name)
    hosting.world.tags.forget(endpoint.arn)
    shutil.rmtree(hosting.world.home / "endpoints" / endpoint.name, ignore_errors=True)


async def _start(hosting: Hosting, generation: Generation, wanted: dict[str, Desired]) -> None:
    """Scale every variant; RollBack names the first that did not become healthy."""

    async def scale(name: str, fleet: Fleet, count: int) -> None:
        faults = hosting.world.faults
        if count > len(fleet.instances) and faults.strikes("no-instances", generation.config_name):
            raise RollBack(NO_INSTANCES)
        try:
            if faults.strikes("unhealthy", generation.config_name):
                raise StartError("a fault of the twin")
            serverless = wanted[name].serverless if name in wanted else None
            if isinstance(fleet, Pool) and serverless is not None:
                await fleet.resize(concurrency(serverless))
            else:
                await fleet.scale(count)
        except StartError as error:
            raise RollBack(
                f"The primary container for production variant {name} did not pass the ping health check. "
                "Please check CloudWatch logs for this endpoint."
            ) from error

    counts = {name: wanted[name].count for name in generation.variants}
    if generation.shadow is not None:
        counts[generation.shadow.name] = generation.shadow_count
    results = await asyncio.gather(
        *(scale(one.name, one.fleet, counts[one.name]) for one in generation.everything),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _close(hosting: Hosting, generation: Generation) -> None:
    await asyncio.gather(*(variant.fleet.close() for variant in generation.everything))
    for variant in generation.everything:
        await capture.of(hosting.world).retire(variant.recorder)


def _share_of(desired: dict[str, Desired], share: float) -> dict[str, Desired]:
    return {name: replace(one, count=round(one.count * share)) for name, one in desired.items()}


def _stage(hosting: Hosting, endpoint: Endpoint, pending: Pending, plan: Plan, stage: str) -> None:
    pending.enter(stage)
    if plan.guarded:
        announce_deployment(hosting, endpoint, pending)
