"""What stands while a rollout is under way, and is gone after it: its rollback alarms, and scaling held still.

One document says what was put up, written before it is and emptied after it was taken down, so that whatever a killed
handler leaves is found again.
"""

from __future__ import annotations

from perennial import component_scaling, scaling
from perennial.alarms import rollback
from perennial.config import ModelConfig
from perennial.deployment import Rollout
from perennial.errors import Conflict
from perennial.ports import World
from perennial.reactions.predictions_before import predictions_before
from perennial.route import serving
from perennial.scaling import Resource

_GUARDS = "guards"  # the state document
_ACTIVITIES = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def put_up(config: ModelConfig, config_name: str, world: World, *, alarmed: bool) -> list[str]:
    """Hold scaling still and put the alarms of a rollout; returns the alarms' names.

    The alarms are new even if the same rollout was tried before: one that still rings would undo it at once.
    """
    take_down(config.model, world)
    before = predictions_before(config, world) if alarmed else None
    component = _component(config.model, world)
    endpoint = serving(config.model, world).endpoint
    found = rollback.requests(config, world.names, config_name, before, component, endpoint)
    requests = found if alarmed else []
    resource = _resource(config.model, world)
    state = world.scaling.suspended(resource)
    running = [] if state is None else [each for each in _ACTIVITIES if not state.get(each)]
    if not requests and not running:
        return []
    world.state.put(config.model, _GUARDS, {"config": config_name, "suspended": running})
    for request in requests:
        world.alarms.put(request)
    if running:
        world.scaling.suspend(resource, dict.fromkeys(running, True))
    return [request["AlarmName"] for request in requests]


def take_down(model: str, world: World, *, only: str | None = None) -> None:
    """Delete the alarms, and resume the scaling that we suspended; what somebody else suspended stays so.

    `only` those of this config: another rollout may have begun.
    """
    document = world.state.get(model, _GUARDS)
    if not document or not document["config"] or only not in (None, document["config"]):
        return
    world.alarms.delete(rollback.alarm_names(world.names, document["config"]), model)
    resource = _resource(model, world)
    if document["suspended"] and world.scaling.suspended(resource) is not None:
        world.scaling.suspend(resource, dict.fromkeys(document["suspended"], False))
    try:
        world.state.put(model, _GUARDS, {"config": "", "suspended": []}, expected=document)
    except Conflict:
        return  # a rollout that began meanwhile has put up its own


def _resource(model: str, world: World) -> Resource:
    """What scales the endpoint that serves the model."""
    found = serving(model, world)
    of = component_scaling.copies if found.kind == "components" else scaling.variant
    return of(found.endpoint)


def _component(model: str, world: World) -> str | None:
    """The inference component that serves the model, which is named like its endpoint; None where there is none."""
    found = serving(model, world)
    return found.endpoint if found.kind == "components" else None


def standing(model: str, world: World) -> str:
    """The config of the rollout whose guards are up; empty when there are none."""
    document = world.state.get(model, _GUARDS)
    return str(document["config"]) if document else ""


def watched(rollout: Rollout, world: World) -> rollback.Watch:
    """What the alarms of this rollout saw; nothing when there are none."""
    if world.names.parse_endpoint_config(rollout.config_name) is None:
        return rollback.Watch({}, ())
    alarms = world.alarms.get(rollback.alarm_names(world.names, rollout.config_name))
    names = [alarm.name for alarm in alarms]
    return rollback.watch(alarms, world.alarms.rang(names, rollout.started_at) if names else {})
