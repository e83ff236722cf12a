"""What stands while a rollout is under way, and is gone after it: its rollback alarms, and scaling held still.

One document says what was put up, written before it is and emptied after it was taken down, so that whatever a killed
handler leaves is found again.
"""

from __future__ import annotations

from perennial import scaling
from perennial.alarms import rollback
from perennial.config import ModelConfig
from perennial.deployment import Rollout
from perennial.ports import World
from perennial.route import serving

_GUARDS = "guards"  # the state document
_ACTIVITIES = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def put_up(config: ModelConfig, config_name: str, world: World, *, alarmed: bool) -> list[str]:
    """Hold scaling still and put the alarms of a rollout; returns the alarms' names.

    The alarms are new even if the same rollout was tried before: one that still rings would undo it at once.
    """
    take_down(config.model, world)
    requests = rollback.requests(config, world.names, config_name) if alarmed else []
    resource = scaling.variant(serving(config.model, world).endpoint)
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


def take_down(model: str, world: World) -> None:
    """Delete the alarms, and resume the scaling that we suspended; what somebody else suspended stays so."""
    document = world.state.get(model, _GUARDS)
    if not document or not document["config"]:
        return
    world.alarms.delete(rollback.alarm_names(world.names, document["config"]), model)
    resource = scaling.variant(serving(model, world).endpoint)
    if document["suspended"] and world.scaling.suspended(resource) is not None:
        world.scaling.suspend(resource, dict.fromkeys(document["suspended"], False))
    world.state.put(model, _GUARDS, {"config": "", "suspended": []})


def are_up(model: str, world: World) -> bool:
    document = world.state.get(model, _GUARDS)
    return bool(document and document["config"])


def watched(rollout: Rollout, world: World) -> rollback.Watch:
    """What the alarms of this rollout saw; nothing when there are none."""
    if world.names.parse_endpoint_config(rollout.config_name) is None:
        return rollback.Watch({}, ())
    standing = world.alarms.get(rollback.alarm_names(world.names, rollout.config_name))
    names = [alarm.name for alarm in standing]
    return rollback.watch(standing, world.alarms.rang(names, rollout.started_at) if names else {})
