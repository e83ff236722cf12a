"""What somebody else put on a scalable target survives its deregistration: kept before, put back after."""

from __future__ import annotations

from perennial import component_scaling, scaling, set_aside
from perennial.decision import Decision
from perennial.ports import World
from perennial.reactions.owed import owed, told, with_line
from perennial.scaling import Resource
from perennial.set_aside import DOCUMENT, SetAside


def keep(endpoint: str, model: str, world: World) -> None:
    """Written down before anything is removed. What a handler kept before it was killed stays kept."""
    for resource in (scaling.variant(endpoint), component_scaling.copies(endpoint)):
        suspended = world.scaling.suspended(resource)
        if suspended is None:
            continue
        known = world.state.get(model, DOCUMENT)
        kept = set_aside.of(resource, world.scaling.standing(resource), suspended)
        if kept or known:
            world.state.put(model, DOCUMENT, kept.document() if kept else {}, expected=known)


def put_back(resource: Resource, model: str, world: World) -> str | None:
    """On a target that is registered again; a sentence when there was anything. It may be repeated.

    Raises Conflict when another handler did it at the same time.
    """
    known = world.state.get(model, DOCUMENT)
    kept = SetAside.read(known)
    if kept is None or not kept.is_of(resource):
        return None
    standing = world.scaling.standing(resource).policies
    arns = {
        name: str(standing[name].get("PolicyARN", ""))
        if name in standing
        else world.scaling.put_policy(resource, name, body)
        for name, body in kept.policies.items()
    }
    actions = kept.to_put(world.now())
    for name, body in actions.items():
        world.scaling.put_action(resource, name, body)
    if kept.suspended:
        world.scaling.suspend(resource, dict.fromkeys(kept.suspended, True))
    renamed = {name: arns[name] for name, before in kept.triggers.items() if arns[name] != before}
    line = _detached(model, resource, renamed) if renamed else None
    empty = with_line({}, line, world.now()) if line else {}
    world.state.put(
        model, DOCUMENT, empty, expected=known
    )  # first: of two handlers that meet only one tells it
    if line:
        _record(line, world)
    words = ", ".join([*arns, *actions, *(f"{each} as before" for each in kept.suspended)])
    return f"put back what others had set: {words}" if words else None


def untold(model: str, world: World) -> Decision | None:
    """What a person has to do, and a handler died before it said so."""
    return owed(world.state.get(model, DOCUMENT), world.now())


def tell_late(model: str, world: World) -> None:
    if line := untold(model, world):
        _record(line, world)


def _record(line: Decision, world: World) -> None:
    world.ledger.record(line)
    told(line.model, DOCUMENT, world)


def forget(endpoint: str, model: str, world: World) -> None:
    """The endpoint goes for good, and whatever was on it."""
    known = world.state.get(model, DOCUMENT)
    kept = SetAside.read(known)
    if kept and kept.owner == endpoint:
        world.state.put(model, DOCUMENT, {}, expected=known)


def _detached(model: str, resource: Resource, arns: dict[str, str]) -> Decision:
    """Alarms of others are not ours to change, so a person has to."""
    reason = (
        f"another instance type needed {resource.id} deregistered, which gives the step policies "
        f"{', '.join(arns)} other ARNs: alarms that trigger them have to name these"
    )
    return Decision(model, f"{resource.id} registered again", "policy_detached", reason, "warning", arns)
