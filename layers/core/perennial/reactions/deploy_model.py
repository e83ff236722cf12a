"""An approval changed, or a rollout ended: bring the endpoint to the newest approved version."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from perennial import components, losses, route, scaling
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import BROKEN, DeploymentPlan, EndpointState, PackageVersion, Rollout
from perennial.endpoint_config import config_request, deployment_config, keeps_counts, traffic_plan
from perennial.errors import QuotaReached
from perennial.ports import World
from perennial.prediction.invocation import VERSION_VARIABLE
from perennial.prediction_shift import environment
from perennial.reactions import component_steps, guards, set_aside, shadow_tests
from perennial.reactions.owed import BEGUN, WAITS, told, untold_rollout, with_line
from perennial.reactions.quotas import quota_reached
from perennial.reactions.retire import unscale
from perennial.reactions.settle_scaling import remove as remove_scaling
from perennial.route import Place

_LINES = {
    "deployment_waits": WAITS,
    "endpoint_creation_started": BEGUN,
    "endpoint_update_started": BEGUN,
}


def deploy_model(
    model: str,
    world: World,
    *,
    because: str,
    approved: int | None = None,
    approved_at: datetime | None = None,
) -> Decision | None:
    """`approved` is the version whose approval just changed: a new approval is a new chance after a failure.

    `approved_at` tells it from a late copy of the approval that led to the failure.
    Raises Conflict when another rollout was written down at the same time: Lambda's retry sees that one.
    """
    config = world.catalog.get(model)
    if config is None:
        return None
    known = world.state.rollout(model)
    if known and approved is not None:
        known = _forgive(known, approved, approved_at, model, world)
    place = route.look(config, world)
    if late := untold_rollout(model, place.at(known, world) if known else None, known, world):
        world.ledger.record(late[1])
        told(model, late[0], world)
    if known and route.abandoned(place, known, world):
        decision = _abandon(known, model, world, because)
    else:
        plan = route.planned(place, known, config, world)
        try:
            if shadowed := shadow_tests.advance(plan, place, known, config, world, because):
                return shadowed
            decision = _carry_out(plan, place, known, config, world, because)
        except QuotaReached as error:
            return quota_reached(model, because, error, world)
    world.ledger.record(decision)
    if decision.news and decision.outcome in _LINES:
        told(model, _LINES[decision.outcome], world)
    return decision


def _abandon(known: Rollout, model: str, world: World, because: str) -> Decision:
    """Nobody asks any more for the endpoint being built; it goes as soon as SageMaker lets go of it."""
    world.state.put_rollout(model, replace(known, status="abandoned", told=True), expected=known)
    world.hints.send(model, "deploy_model", "a change of kind was taken back")
    world.hints.send(model, "settle_endpoint", "a change of kind was taken back")
    reason = f"model.yaml asks for another kind of endpoint than {known.endpoint} by now: it will be removed"
    details = {"version": str(known.version), "config": known.config_name, "endpoint": known.endpoint}
    return Decision(model, because, "rollout_abandoned", reason, "info", details)


def _forgive(known: Rollout, version: int, approved_at: datetime | None, model: str, world: World) -> Rollout:
    """Kept at once: the endpoint may be busy now, and the sweep's later look knows of no approval."""
    lost = losses.forgiven(known.lost, version, approved_at)
    if lost == known.lost:
        return known
    fresh = replace(known, lost=lost)
    world.state.put_rollout(model, fresh, expected=known)
    return fresh


def _carry_out(
    plan: DeploymentPlan,
    place: Place,
    known: Rollout | None,
    config: ModelConfig,
    world: World,
    because: str,
) -> Decision:
    model = config.model
    details = {"version": str(plan.version.version), "config": plan.config_name or ""} if plan.version else {}
    outcome = "deployment_waits" if plan.action == "wait" or plan.needs_person else "nothing"
    waits = _for_a_person(plan, Decision(model, because, outcome, plan.reason, None, details), world)
    if plan.action in ("nothing", "wait") or plan.version is None or plan.config_name is None:
        return waits
    name = place.aimed
    lost = known.lost if known else ()
    starting = Rollout(
        plan.config_name,
        plan.version.version,
        world.now(),
        "starting",
        lost=lost,
        endpoint=name,
        instance=config.endpoint.instance if config.scales_to_zero else "",
    )
    if plan.action == "delete":
        # Written down as begun: what was forgiven by a new approval stays so until the new endpoint is there.
        world.state.put_rollout(model, starting, expected=known)
        guards.take_down(model, world)
        set_aside.keep(name, model, world)
        unscale(name, model, world)
        if place.endpoint and place.endpoint.host_config:
            _prepare(plan.version, plan.config_name, config, world)  # the endpoint stays, and goes on with it
            component_steps.let_go(place.endpoint, world)
        else:
            world.endpoints.delete(name)
        if place.endpoint and place.endpoint.status in BROKEN:
            return Decision(model, because, "endpoint_deleted", plan.reason, "warning", details)
        return Decision(model, because, "endpoint_removed", plan.reason, "info", details)
    if plan.action == "adopt":
        world.state.put_rollout(model, replace(starting, status="started"), expected=known)
        route.put(model, place.route.building(name), world)
        world.hints.send(model, "settle_endpoint", plan.reason)
        return Decision(model, because, "endpoint_adopted", plan.reason, "info", details | {"endpoint": name})
    _prepare(plan.version, plan.config_name, config, world)
    world.state.put_rollout(model, starting, expected=known)
    current = place.endpoint or EndpointState(name, "InService", "")
    if plan.action == "update":
        details |= components.traffic(config, current) if current.host_config else _traffic(config, current)
    kind = "endpoint_creation_started" if plan.action == "create" else "endpoint_update_started"
    line = Decision(model, because, kind, plan.reason, "info", details | {"endpoint": name})
    began = {"began": starting.started_at.isoformat()}
    world.state.put(model, BEGUN, with_line(began, line, world.now()))
    if plan.action == "create":
        # Known before it exists: what a handler leaves when it is killed is found again.
        route.put(model, place.route.building(name) if place.moves else place.route, world)
        accepted = component_steps.is_vacant(name, world) and world.endpoints.create(
            name, plan.config_name, model
        )
    else:
        try:
            accepted = _update(current, plan.config_name, config, world)
        except QuotaReached:
            _step_back(known, starting, model, world)
            raise
    if not accepted:
        if known:  # what changes the endpoint from now on is no rollout of ours
            world.state.put_rollout(model, known, expected=starting)
        return Decision(
            model, because, "deployment_waits", "SageMaker is busy with another rollout", None, details
        )
    world.state.put_rollout(model, replace(starting, status="started"), expected=starting)
    return line


def _for_a_person(plan: DeploymentPlan, decision: Decision, world: World) -> Decision:
    """What waits for a person is told once, until something else is the matter."""
    if plan.action == "wait":
        return decision
    known = world.state.get(decision.model, WAITS)
    waits = plan.reason if plan.needs_person else ""
    if (known["for"] if known else "") == waits:
        return decision
    warned = replace(decision, news="warning") if plan.needs_person else decision
    document = {"for": waits}
    if plan.needs_person:
        document = with_line(document, warned, world.now())
    world.state.put(decision.model, WAITS, document, expected=known)
    return warned


def _prepare(version: PackageVersion, config_name: str, config: ModelConfig, world: World) -> None:
    """What an endpoint is asked to serve has to be there: the model, and the endpoint config."""
    # Serverless endpoints refuse network isolation; for components it is their endpoint that is isolated.
    isolated = config.endpoint.serverless is None and not config.scales_to_zero
    variables = environment(config, config_name) | {VERSION_VARIABLE: str(version.version)}
    world.endpoints.ensure_model(
        config_name, version.arn, config.model, isolated=isolated, environment=variables
    )
    world.endpoints.ensure_config(_config_request(config_name, config, world))


def _config_request(name: str, config: ModelConfig, world: World) -> dict[str, Any]:
    if config.scales_to_zero:
        return components.config_request(name, config)
    return config_request(name, name, config, world.platform.bucket)


def _traffic(config: ModelConfig, endpoint: EndpointState) -> dict[str, str]:
    """How the update moves traffic, and why otherwise than asked for, for the ledger."""
    plan = traffic_plan(config, endpoint)
    told = {"rollout": plan.rollout.type if plan.rollout else "all_at_once"}
    return told | ({"instead": plan.difference} if plan.difference else {})


def _update(endpoint: EndpointState, config_name: str, config: ModelConfig, world: World) -> bool:
    """Guarded first, then asked for: an alarm that SageMaker is told of must be there."""
    if endpoint.host_config:
        return component_steps.begin_update(endpoint, config_name, config, world)
    _make_way(endpoint, config, world)
    guarded = deployment_config(config, endpoint) is not None
    alarms = guards.put_up(config, config_name, world, alarmed=guarded)
    accepted = world.endpoints.update(
        endpoint.name,
        config_name,
        deployment_config(config, endpoint, alarms),
        keep_counts=keeps_counts(config, endpoint),
    )
    if not accepted:
        guards.take_down(config.model, world)
    return accepted


def _step_back(known: Rollout | None, starting: Rollout, model: str, world: World) -> None:
    """The endpoint is not touched: it is scaled and watched as before until SageMaker accepts the update."""
    guards.take_down(model, world)
    if known:
        world.state.put_rollout(model, known, expected=starting)
    world.hints.send(model, "settle_endpoint", "SageMaker refused an update")


def _make_way(endpoint: EndpointState, config: ModelConfig, world: World) -> None:
    """SageMaker refuses another instance type while scaling is registered; settling registers it again."""
    current = world.endpoints.instance_type(endpoint.config_name)
    if current is not None and current != config.endpoint.instance:
        guards.take_down(config.model, world)  # what is suspended from here on is not by us
        set_aside.keep(endpoint.name, config.model, world)
        remove_scaling(scaling.variant(endpoint.name), config.model, world)
