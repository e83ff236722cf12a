"""An endpoint that serves nobody any more goes, with everything that scales it."""

from __future__ import annotations

from perennial import component_scaling, provisioned_concurrency, route, scaling
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import IN_PROGRESS, Rollout
from perennial.ports import World
from perennial.reactions import component_steps, set_aside, settle_scaling


def unscale(endpoint: str, model: str, world: World) -> None:
    """Deregister whatever scales it: SageMaker refuses to delete what is scaled."""
    for resource in (
        scaling.variant(endpoint),
        provisioned_concurrency.variant(endpoint),
        component_scaling.copies(endpoint),
    ):
        if world.scaling.standing(resource).bounds:
            settle_scaling.remove(resource, model, world)


def retire(endpoint: str, model: str, world: World) -> bool:
    """Remove a model's second endpoint. False while SageMaker does not let go of it: the sweep comes back."""
    found = world.endpoints.get(endpoint)
    if found and found.host_config:
        if found.status in IN_PROGRESS and not found.awaits:
            return False
        unscale(endpoint, model, world)
        if not component_steps.let_go(found, world):
            return False
    elif found and found.status in IN_PROGRESS and found.status != "Deleting":
        return False
    elif found and found.status != "Deleting":
        unscale(endpoint, model, world)
        world.endpoints.delete(endpoint)
    set_aside.forget(endpoint, model, world)
    present = route.serving(model, world)
    if present.other == endpoint:
        route.put(model, present.alone(), world)
    return True


def retire_leftover(
    config: ModelConfig, rollout: Rollout | None, world: World, because: str
) -> Decision | None:
    """Remove the endpoint that a change of kind left behind, if there is one."""
    place = route.look(config, world)
    plan = route.planned(place, rollout, config, world)
    left = route.left_over(place, rollout, plan, world)
    if left is None or not retire(left, config.model, world):
        return None
    asked = "while another kind is asked for" if place.moves else "of the kind that model.yaml asks for"
    reason = f"{place.route.endpoint} serves, {asked}; {left} is removed"
    decision = Decision(
        config.model,
        because,
        "endpoint_removed",
        reason,
        "info",
        {"endpoint": place.route.endpoint, "removed": left},
    )
    world.ledger.record(decision)
    return decision
