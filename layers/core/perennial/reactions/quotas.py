"""A quota of the account stands in the way: a person hears of it once, and every sweep asks SageMaker again."""

from __future__ import annotations

from perennial.decision import Decision, Severity
from perennial.errors import QuotaReached
from perennial.ports import World

_TOLD = "quota_reached"  # the state document: what was refused when people were told last


def quota_reached(model: str, because: str, error: QuotaReached, world: World) -> Decision:
    """The decision, recorded. Raises Conflict when another handler tells it at the same time."""
    known, told = world.state.get(model, _TOLD), {"wanted": error.wanted}
    news: Severity | None = None if known == told else "error"
    decision = Decision(model, because, "quota_reached", str(error), news)
    world.ledger.record(decision)  # before it is remembered: rather twice than never
    if news:
        world.state.put(model, _TOLD, told, expected=known)
    return decision


def was_refused(model: str, config_name: str | None, world: World) -> bool:
    """Whether a quota was in the way of this endpoint config: only the sweep asks for it again."""
    known = world.state.get(model, _TOLD)
    return known is not None and config_name is not None and known["wanted"].endswith(config_name)
