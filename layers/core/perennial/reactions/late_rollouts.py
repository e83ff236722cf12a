"""A rollout that SageMaker does not end: a person is told, once."""

from __future__ import annotations

from perennial.decision import Decision
from perennial.deployment import EndpointState, Rollout
from perennial.overdue import late
from perennial.ports import World

_TOLD = "rollout_late"  # the state document: when the rollout that was told last began


def due(model: str, endpoint: EndpointState | None, rollout: Rollout | None, world: World) -> str | None:
    """Why a person should look, where nobody was told yet."""
    why = late(endpoint, rollout, world.now())
    return why if why and rollout and world.state.get(model, _TOLD) != _mark(rollout) else None


def tell(
    model: str, endpoint: EndpointState | None, rollout: Rollout | None, world: World, because: str
) -> Decision | None:
    """None when there is nothing to tell. Raises Conflict when another handler tells it at the same time."""
    known = world.state.get(model, _TOLD)
    why = late(endpoint, rollout, world.now())
    if why is None or rollout is None or endpoint is None or known == _mark(rollout):
        return None
    details = {"version": str(rollout.version), "endpoint": endpoint.name, "config": rollout.config_name}
    decision = Decision(model, because, "rollout_late", why, "warning", details)
    world.ledger.record(decision)
    world.state.put(model, _TOLD, _mark(rollout), expected=known)
    return decision


def _mark(rollout: Rollout) -> dict[str, str]:
    return {"began": rollout.started_at.isoformat(), "config": rollout.config_name}
