"""What happens to an inference component after the request was answered: create, update, rescale, delete."""

import asyncio
import logging
import time

from twin import alarms, seams
from twin.sagemaker.component_state import Component, Components
from twin.sagemaker.dataplane.artifact import ArtifactError, unpack
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.instance import Recipe, StartError
from twin.sagemaker.dataplane.router import Generation, Variant
from twin.sagemaker.hosting_fleets import SHORTEST_START_LIMIT, START_LIMIT
from twin.sagemaker.hosting_state import Record

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.1  # seconds between two looks at the alarms of an update
FULL = (
    "There is not enough hardware resources on the instances for this endpoint to create a copy of the "
    "inference component."
)


class NoCopy(Exception):
    """The copies cannot be brought up, or must not stay; the text is a FailureReason."""


async def create(components: Components, component: Component) -> None:
    """Creating -> InService, or Failed with the reason."""
    try:
        new = await _generation(components, component, component.specification, component.container)
        new.share = 1.0
        component.generations = [new]
        await _scale(components, component, new, component.desired)
    except (ArtifactError, NoCopy) as error:
        component.desired = 0
        component.enter("Failed", failure=str(error))
        components.let_go(component.endpoint)
        return
    component.enter("InService")


async def rescale(components: Components, component: Component, copies: int) -> None:
    """Updating -> InService with other copies; a number that cannot be reached stays as it was."""
    before, component.desired = component.desired, copies
    try:
        await _scale(components, component, component.generations[0], copies)
    except NoCopy as error:
        logger.warning("inference component %s keeps its copies: %s", component.name, error)
        component.desired = before
    component.enter("InService")
    components.let_go(component.endpoint)


async def update(
    components: Components, component: Component, specification: Record, container: Record, copies: int
) -> None:
    """Updating -> InService with the new model, or back with the old one, which its status does not tell."""
    old = component.generations[0]
    policy, names = _policy(component.deployment)
    before = component.desired
    batch = _batch(policy, copies)
    try:
        new = await _generation(components, component, specification, container)
        component.generations = [old, new]
        leaving, reached = old.variants[component.variant].fleet, 0
        while reached < copies:
            reached = min(copies, reached + batch)
            await _scale(components, component, new, reached, beside=leaving.desired)
            new.share = reached / copies
            old.share = 1.0 - new.share
            await leaving.scale(min(before, copies - reached))
            await _bake(components, new, policy.get("WaitIntervalInSeconds", 0), names)
    except (ArtifactError, NoCopy) as error:
        await _roll_back(components, component, old, before, str(error))
        return
    component.specification, component.container, component.desired = specification, container, copies
    new.share, component.generations = 1.0, [new]
    await old.variants[component.variant].fleet.close()
    component.enter("InService")
    components.let_go(component.endpoint)


async def delete(components: Components, component: Component) -> None:
    """Deleting -> gone."""
    await close(component)
    components.table.remove(component.call, component.name)
    components.hosting.world.tags.forget(component.arn)
    components.let_go(component.endpoint)


async def close(component: Component) -> None:
    """End every copy."""
    fleets = [one.variants[component.variant].fleet for one in component.generations]
    component.generations, component.desired = [], 0
    await asyncio.gather(*(fleet.close() for fleet in fleets))


async def _roll_back(
    components: Components, component: Component, old: Generation, copies: int, reason: str
) -> None:
    logger.warning("inference component %s rolls back: %s", component.name, reason)
    fleet = old.variants[component.variant].fleet
    if copies:
        await fleet.scale(copies)
    old.share = 1.0
    others = [one for one in component.generations if one is not old]
    component.generations, component.desired = [old], copies
    await asyncio.gather(*(one.variants[component.variant].fleet.close() for one in others))
    # Without a copy to go back to there is nothing that an InService could mean.
    component.enter("InService") if copies else component.enter("Failed", failure=reason)
    components.let_go(component.endpoint)


async def _scale(
    components: Components, component: Component, generation: Generation, copies: int, beside: int = 0
) -> None:
    if copies and not await components.make_room(component, copies + beside):
        raise NoCopy(FULL)
    try:
        if copies and components.hosting.world.faults.strikes("unhealthy", generation.config_name):
            raise StartError("a fault of the twin")
        await generation.variants[component.variant].fleet.scale(copies)
    except StartError as error:
        raise NoCopy(
            f"The primary container for inference component {component.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this inference component."
        ) from error


async def _bake(components: Components, new: Generation, aws_seconds: float, names: list[str]) -> None:
    """Wait; raise NoCopy as soon as one of the alarms is in ALARM."""
    world = components.hosting.world
    end = time.monotonic() + world.scaled(aws_seconds)
    while True:
        if firing := alarms.firing(names):
            raise NoCopy(f"alarm {firing[0]} is in ALARM")
        left = end - time.monotonic()
        if left <= 0 and not world.faults.stands("long-bake", new.config_name):
            return
        await asyncio.sleep(min(LOOK_EVERY, left) if left > 0 else LOOK_EVERY)


async def _generation(
    components: Components, component: Component, specification: Record, container: Record
) -> Generation:
    """The copies of one model, still without any. Raises ArtifactError."""
    world, call = components.hosting.world, component.call
    home, role = world.home / "endpoints", component.endpoint.config["ExecutionRoleArn"]
    model = await unpack(container.get("ModelDataUrl"), role, world.storage, home / "artifacts")
    limit = specification.get("StartupParameters", {}).get(
        "ContainerStartupHealthCheckTimeoutInSeconds", START_LIMIT
    )

    async def write(instance: str, lines: list[str]) -> None:
        with seams.scope(call.account, call.region):
            world.logs.write(component.log_group, f"{component.variant}/{instance}", lines)

    recipe = Recipe(
        command=tuple(world.container.command("serve")),
        environment=world.container.environment(
            **world.credentials(role, "SageMaker"), **container.get("Environment", {})
        ),
        model=model,
        home=home / component.endpoint.name,
        start_limit=max(min(SHORTEST_START_LIMIT, limit / 8), world.scaled(limit)),
        log=write,
    )
    fleet = Fleet(recipe, components.hosting.host)
    variant = Variant(component.variant, fleet, 1.0, meter=component.meter)
    return Generation(specification["ModelName"], {component.variant: variant}, share=0.0)


def _policy(deployment: Record | None) -> tuple[Record, list[str]]:
    policy = (deployment or {}).get("RollingUpdatePolicy", {})
    named = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return policy, [one["AlarmName"] for one in named]


def _batch(policy: Record, copies: int) -> int:
    """Copies of one step; without a policy all of them."""
    size = policy.get("MaximumBatchSize")
    if size is None:
        return max(1, copies)
    wanted = size["Value"] if size["Type"] == "COPY_COUNT" else copies * size["Value"] // 100
    return max(1, int(wanted))
