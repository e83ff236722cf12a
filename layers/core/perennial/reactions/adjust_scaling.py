"""Latency is high: raise the endpoint's least number of instances for a while."""

from __future__ import annotations

from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.ports import World
from perennial.route import serving
from perennial.scaling import FLOOR, RAISED_FOR, Floor, raised_floor


def adjust_scaling(model: str, world: World, *, because: str) -> Decision:
    """Raise the floor and let settle_endpoint register it; the sweep has it taken back.

    A second alarm while it is raised makes it last longer, not higher. The decision is in the ledger; the alarm's
    message tells it.
    """
    config = world.catalog.get(model)
    if config is None:
        decision = _withheld(model, because, "there is no valid model.yaml")
    else:
        decision = _adjusted(config, because, world)
    world.ledger.record(decision)
    return decision


def _adjusted(config: ModelConfig, because: str, world: World) -> Decision:
    model, now = config.model, world.now()
    if config.endpoint.serverless:
        return _withheld(
            model, because, "a serverless endpoint scales by itself, up to endpoint.kind.max_concurrency"
        )
    document = world.state.get(model, FLOOR)
    known = Floor.read(document)
    standing = known if known and known.until > now else None
    endpoint = world.endpoints.get(serving(model, world).endpoint)
    target = standing.instances if standing else raised_floor(config, endpoint.instances if endpoint else 0)
    if target <= config.scaling.min:
        reason = f"scaling.max allows no more than {config.scaling.max} instances"
        return _withheld(model, because, reason)
    floor = Floor(target, now + RAISED_FOR)
    world.state.put(model, FLOOR, floor.document(), expected=document)
    world.hints.send(model, "settle_endpoint", because)
    until = f"{floor.until:%Y-%m-%d %H:%M} UTC"
    what = "stays" if standing else "is raised to"
    reason = f"the least number of instances {what} {target} until {until}, then {config.scaling.min} again"
    return Decision(
        model, because, "scaling_adjusted", reason, None, {"instances": str(target), "until": until}
    )


def _withheld(model: str, because: str, reason: str) -> Decision:
    return Decision(model, because, "scaling_withheld", reason)
