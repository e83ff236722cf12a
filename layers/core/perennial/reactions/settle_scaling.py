"""What scales an endpoint is made what the configuration, its schedule and the adjustments want. An upsert: what is so
already is left alone, and so is what is somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial import component_scaling, scaling
from perennial.alarms.standing import same
from perennial.config import ModelConfig
from perennial.ports import World
from perennial.reactions.set_aside import put_back, tell_late, untold
from perennial.scaling import Changes, Request, Resource, Standing, Wanted
from perennial.scaling_bounds import DOCUMENT, Raised


def settle_scaling(config: ModelConfig, endpoint: str, world: World) -> str | None:
    """Put right what scales a real-time endpoint; a sentence when something changed.

    Adjustments that are over are forgotten once Application Auto Scaling has it.
    """
    document = world.state.get(config.model, DOCUMENT)
    raised, now = Raised.read(document), world.now()
    tell_late(config.model, world)
    done = apply(_wish(config, endpoint, raised, now), config.model, world)
    if done and world.catalog.get(config.model) != config:
        world.hints.send(
            config.model, "settle_endpoint", "its configuration changed while scaling was settled"
        )
    over = raised.over(now)
    if over:
        world.state.put(config.model, DOCUMENT, raised.standing(now).document(), expected=document)
    ended = [f"the {each.bound} of {each.instances} (raised by {each.by}) is over" for each in over]
    return "; ".join([*ended, *([done] if done else [])]) or None


def is_due(config: ModelConfig, endpoint: str, world: World) -> str | None:
    """Why it has to be settled; None when all is as it should be. Changes nothing."""
    raised, now = Raised.read(world.state.get(config.model, DOCUMENT)), world.now()
    if raised.over(now):
        return "what was raised for a while is over"
    if line := untold(config.model, world):
        return f"nobody was told: {line.reason}"
    wish = _wish(config, endpoint, raised, now)
    standing = world.scaling.standing(wish.resource)
    alarms = _alarms_to_put(wish, _arns(standing), world) or _left_over(wish, world)
    if alarms or scaling.changes(wish, standing):
        return "what scales it is not as model.yaml wants it"
    return None


def _wish(config: ModelConfig, endpoint: str, raised: Raised, now: datetime) -> Wanted:
    wanted = component_scaling.wanted if config.scales_to_zero else scaling.wanted
    return wanted(config, endpoint, raised, now)


def apply(wish: Wanted, model: str, world: World) -> str | None:
    """For any dimension: register, put and remove what differs; a sentence when something did.

    An alarm is put after its policy, whose ARN it needs, and goes before it.
    """
    standing = world.scaling.standing(wish.resource)
    todo = scaling.changes(wish, standing)
    _register_and_put(wish.resource, todo, world)
    # Before the policies of ours, which tell whoever goes on for a killed handler that this was not done yet.
    back = put_back(wish.resource, model, world) if todo.policies else None
    arns = _arns(standing)
    for name, body in todo.policies.items():
        arns[name] = world.scaling.put_policy(wish.resource, name, body)
    put = _alarms_to_put(wish, arns, world)
    for request in put:
        world.alarms.put(request)
    left = _left_over(wish, world)
    gone = world.alarms.delete(left, model) if left else ()
    for name in todo.no_policies:
        world.scaling.delete_policy(wish.resource, name)
    alarms = f"alarms put: {', '.join(each['AlarmName'] for each in put)}" if put else ""
    no_alarms = f"alarms removed: {', '.join(gone)}" if gone else ""
    return "; ".join(part for part in (todo.words(), alarms, no_alarms, back) if part) or None


def remove(resource: Resource, model: str, world: World) -> None:
    """Deregister, so that SageMaker accepts what it refuses with scaling attached; the alarms of our step policies go first."""
    ours = (
        name for name in world.scaling.standing(resource).policies if name.startswith(f"{resource.owner}-")
    )
    for name in ours:
        world.alarms.delete([scaling.alarm_name(name)], model)
    world.scaling.remove(resource)


def _register_and_put(resource: Resource, todo: Changes, world: World) -> None:
    if todo.register:
        world.scaling.register(resource, todo.register)
    for name in todo.no_actions:
        world.scaling.delete_action(resource, name)
    for name, body in todo.actions.items():
        world.scaling.put_action(resource, name, body)


def _arns(standing: Standing) -> dict[str, str]:
    return {name: str(item.get("PolicyARN", "")) for name, item in standing.policies.items()}


def _alarms_to_put(wish: Wanted, arns: Mapping[str, str], world: World) -> list[Request]:
    """The alarms of step policies that are missing or different; each triggers its policy."""
    requests: list[Request] = [
        {**request, "AlarmActions": [arns.get(name, "")]} for name, request in wish.alarms.items()
    ]
    found = world.alarms.get([request["AlarmName"] for request in requests])
    known: Mapping[str, Any] = {alarm.name: alarm.definition for alarm in found}
    return [each for each in requests if not same(each, known.get(each["AlarmName"], {}))]


def _left_over(wish: Wanted, world: World) -> list[str]:
    """Alarms that trigger policies of ours which are not wanted, or are gone: put by who knew an older configuration."""
    wanted = {request["AlarmName"] for request in wish.alarms.values()}
    return [
        alarm.name
        for alarm in world.alarms.named(f"{wish.resource.owner}-")
        if alarm.name not in wanted and any(map(wish.is_triggered, alarm.definition.get("AlarmActions", ())))
    ]
