"""An endpoint changed: did our rollout win, and what follows from that?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from perennial import route
from perennial.alarms.rollback import Watch
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import BROKEN, IN_PROGRESS, EndpointState, Rollout, Settlement, settle
from perennial.endpoint_config import forgotten
from perennial.errors import QuotaReached
from perennial.kinds import kind_of, place_of
from perennial.losses import Loss, remembered
from perennial.ports import World
from perennial.reactions import component_steps, guards, late_rollouts, shadow_tests
from perennial.reactions.quotas import quota_reached, was_refused
from perennial.reactions.retire import retire, retire_leftover
from perennial.reactions.settle_concurrency import settle_concurrency
from perennial.reactions.settle_scaling import settle_scaling
from perennial.reactions.smoke_tests import Tested, smoke_test
from perennial.reactions.watch_alarms import settle_alarms
from perennial.registration import history_metadata
from perennial.route import Place

OUTCOMES = {"succeeded": "version_in_service", "failed": "rollout_failed", "rolled_back": "rolled_back"}
_SCALED = "scaling_told"  # the state document: the last change of scaling that was told
UNTOLD = "untold"  # the subject of a hint about a rollout that ended in silence


def settle_endpoint(model: str, world: World, *, because: str, untold: bool = False) -> Decision | None:
    """Returns None when there was nothing to settle and nothing to adjust.

    `untold`: the sweep saw a rollout that ended without anybody hearing of it.
    """
    config = world.catalog.get(model)
    if config is None:
        return None
    place = route.look(config, world)
    rollout = world.state.rollout(model)
    if untold and rollout and rollout.untold:
        return _tell(rollout, guards.watched(rollout, world), model, world, because)
    endpoint = place.at(rollout, world) if rollout else place.present
    try:
        taken = component_steps.take(endpoint, rollout, config, world, because) if endpoint else None
    except QuotaReached as error:
        return quota_reached(model, because, error, world)
    if taken:
        world.ledger.record(taken)
        return taken
    begun = component_steps.dated(rollout, model, world) if endpoint and endpoint.host_config else rollout
    settlement = settle(endpoint, begun, world.now())
    if told := late_rollouts.tell(model, endpoint, rollout, world, because):
        return told
    if settlement.outcome is None or rollout is None or route.abandoned(place, rollout, world):
        return _between_rollouts(place, rollout, config, world, because)
    watch = guards.watched(rollout, world)
    if settlement.outcome != "succeeded" or endpoint is None:
        return _lost(rollout, settlement, place, watch, config, world, because)
    tested = smoke_test(model, rollout.version, world, endpoint=endpoint)
    if tested.failure is None:
        return _succeeded(endpoint, rollout, tested, place, watch, config, world, because)
    _reject(rollout, tested.failure, model, world)
    nonsense = Settlement("failed", f"the smoke test failed, so it was rejected: {tested.failure}")
    return _lost(rollout, nonsense, place, watch, config, world, because)


def _between_rollouts(
    place: Place, rollout: Rollout | None, config: ModelConfig, world: World, because: str
) -> Decision | None:
    """Scaling, alarms and what a killed handler left are put right; what waits is woken."""
    endpoint = place.present
    removed = retire_leftover(config, rollout, world, because)
    if removed:
        place = route.look(config, world)
    decision = None if place.moves else _adjusted(endpoint, rollout, config, world, because)
    if decision:
        world.ledger.record(decision)
    if _rests(endpoint, rollout):
        decision = settle_alarms(config, world, because=because) or decision
    # An approval may have come while the endpoint was busy with no rollout of ours, such as scaling.
    plan = shadow_tests.planned(place, rollout, config, world)
    asks = plan.action in ("create", "update", "delete", "adopt")
    if route.abandoned(place, rollout, world) or (
        asks and not was_refused(config.model, plan.config_name, world)
    ):
        world.hints.send(config.model, "deploy_model", because)
    elif plan.action == "nothing":
        left = guards.standing(
            config.model, world
        )  # before the look at what is under way: no other's later ones
        if left and _is_still(endpoint, rollout, config.model, world):
            guards.take_down(config.model, world, only=left)
    return decision or removed


def _is_still(endpoint: EndpointState | None, rollout: Rollout | None, model: str, world: World) -> bool:
    """Whether nothing is under way, and no other handler began anything meanwhile."""
    busy = endpoint is not None and endpoint.status in IN_PROGRESS
    return not busy and world.state.rollout(model) == rollout


def _succeeded(
    endpoint: EndpointState,
    rollout: Rollout,
    tested: Tested,
    place: Place,
    watch: Watch,
    config: ModelConfig,
    world: World,
    because: str,
) -> Decision:
    """Every step may be repeated; the rollout is marked as settled last."""
    # Another kind may be asked for meanwhile: what scales that one does not fit this one, which goes soon.
    scaled = _apply_scaling(config, endpoint, world) if endpoint.name == place.aimed else None
    if endpoint.name != place.route.endpoint:
        route.put(config.model, place.route.moved(endpoint.name, kind_of(config), world.now()), world)
    settle_alarms(config, world, because=because)
    _write_history(rollout, endpoint.name, "InService", "Production", config.model, world)
    serving = [each for each in (endpoint, place.present, place.endpoint) if each]
    in_use = {name for each in serving for name in (each.config_name, each.host_config) if name}
    removed = _prune(config.model, frozenset(in_use), world)
    won = replace(rollout, status="succeeded")
    world.state.put_rollout(config.model, won, expected=rollout)
    more = {"scaling": scaled or "", "removed": ", ".join(removed), "smoke_test": tested.words}
    return _tell(
        won, watch, config.model, world, because, {key: value for key, value in more.items() if value}
    )


def _reject(rollout: Rollout, failure: str, model: str, world: World) -> None:
    package = world.registry.get(model, rollout.version)
    if package and package.approval != "Rejected":
        why = f"rejected by perennial at {world.now():%Y-%m-%d %H:%M} UTC: {failure}"
        world.registry.decide(package.arn, "Rejected", why)


def _lost(
    rollout: Rollout,
    settlement: Settlement,
    place: Place,
    watch: Watch,
    config: ModelConfig,
    world: World,
    because: str,
) -> Decision:
    model = config.model
    status: Literal["failed", "rolled_back"] = "failed" if settlement.outcome == "failed" else "rolled_back"
    cause = watch.cause()
    reason = f"{settlement.reason}; {cause}" if cause else settlement.reason
    endpoint = place.present
    serving = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    if endpoint and endpoint.status == "InService" and serving and not place.moves:
        _apply_scaling(config, endpoint, world)  # it may have made way for another instance type
    by = f" by alarm {' and '.join(watch.fired)}" if watch.fired else ""
    _write_history(rollout, place_of(rollout, place.route), status + by, "Candidate", model, world)
    settings_only = bool(
        endpoint
        and endpoint.status not in BROKEN
        and serving
        and serving.version == rollout.version
        and not endpoint.runs(rollout.config_name, rollout.instance)
    )
    loss = Loss(
        rollout.version,
        rollout.config_name,
        status,
        reason[:500],
        rollout.started_at.isoformat(),
        settings_only,
    )
    lost = replace(rollout, status=status, reason=reason[:500], lost=remembered(rollout.lost, loss))
    world.state.put_rollout(model, lost, expected=rollout)
    return _tell(lost, watch, model, world, because)


def _tell(
    ended: Rollout,
    watch: Watch,
    model: str,
    world: World,
    because: str,
    more: Mapping[str, str] | None = None,
) -> Decision:
    """Tell how a rollout ended and wake the next; only then is it told, so a handler killed before tells it again."""
    present = route.serving(model, world)
    name = place_of(ended, present)
    details = {"version": str(ended.version), "endpoint": name, "config": ended.config_name, **(more or {})}
    if watch.fired:
        details["alarm"] = ", ".join(watch.fired)
    if watch.blind:
        details["without_data"] = ", ".join(watch.blind)
    if ended.status == "succeeded":
        reason = (
            f"version {ended.version} serves on {name}: it is InService with our config {ended.config_name}"
        )
        if watch.blind:
            reason += f". {len(watch.blind)} of its rollback alarms never had data (too few requests), so they proved nothing"
        decision = Decision(model, because, OUTCOMES[ended.status], reason, "info", details)
        next_because = f"version {ended.version} is in service"
    else:
        same = ended.settings_only
        what = f"version {ended.version}" + (" with its new settings" if same else "")
        reason = f"{what} does not serve: {ended.reason}. It is not tried again without a new approval"
        if same:
            details["action"] = "it goes on serving with the settings before"
        if name != present.endpoint:
            kept = world.endpoints.get(present.endpoint)
            if kept and kept.status not in BROKEN:
                reason += f". {present.endpoint} keeps serving"
            retire(name, model, world)
        details["log-group"] = f"/aws/sagemaker/Endpoints/{name}"
        decision = Decision(model, because, OUTCOMES[ended.status], reason, "error", details)
        next_because = f"the rollout of version {ended.version} ended as {ended.status}"
    world.ledger.record(decision)
    guards.take_down(model, world, only=ended.config_name)
    world.state.put_rollout(model, replace(ended, told=True), expected=ended)
    world.hints.send(model, "deploy_model", next_because)
    return decision


def _adjusted(
    endpoint: EndpointState | None, rollout: Rollout | None, config: ModelConfig, world: World, because: str
) -> Decision | None:
    """A changed `scaling` section, or scaling that somebody removed, is put right without a rollout."""
    if endpoint is None or not _rests(endpoint, rollout):
        return None
    known = world.state.get(config.model, _SCALED)
    scaled = _apply_scaling(config, endpoint, world)
    if scaled is None:
        return None
    # Of two handlers that met and did the same, one tells it; the other one's retry finds nothing to do.
    told = {"what": scaled, "at": world.now().isoformat()}
    world.state.put(config.model, _SCALED, told, expected=known)
    return Decision(config.model, because, "scaling_changed", scaled, "info")


def _rests(endpoint: EndpointState | None, rollout: Rollout | None) -> bool:
    """Whether a rollout of ours has ended, whatever serves since, and nothing is under way."""
    ended = rollout is not None and rollout.status not in ("starting", "started")
    return ended and endpoint is not None and endpoint.status == "InService"


def _apply_scaling(config: ModelConfig, endpoint: EndpointState, world: World) -> str | None:
    """A sentence when something changed."""
    settle_what_scales = settle_concurrency if config.endpoint.serverless else settle_scaling
    return settle_what_scales(config, endpoint.name, world)


def _write_history(
    rollout: Rollout, endpoint: str, outcome: str, stage: str, model: str, world: World
) -> None:
    package = next(
        (found for found in world.registry.versions(model) if found.version == rollout.version), None
    )
    if package:
        entry = history_metadata(
            f"{rollout.started_at:%Y-%m-%dT%H-%M-%SZ}", endpoint, rollout.config_name, outcome
        )
        world.registry.add_history(package.arn, entry, stage)


def _prune(model: str, in_use: frozenset[str], world: World) -> list[str]:
    removed = forgotten(world.endpoints.configs(model), in_use)
    for name in removed:
        world.endpoints.forget(name)
    return removed
