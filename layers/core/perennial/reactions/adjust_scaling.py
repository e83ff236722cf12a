"""More instances for a while: an alarm raises a bound by the rule of model.yaml, an operator to a number.

What is raised is written down, settle_endpoint registers it, and the sweep has it taken back. A rollout holds scaling
still; what is raised meanwhile is registered when it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.deployment import IN_PROGRESS, EndpointState
from perennial.ports import World
from perennial.route import serving
from perennial.scaling_bounds import DOCUMENT, Adjustment, Bound, Raised, by_order, by_rule

BY_ITSELF = "a serverless endpoint scales by itself, up to endpoint.kind.max_concurrency"
NO_CONFIG = "there is no valid model.yaml"


def adjust_scaling(model: str, world: World, *, because: str) -> Decision:
    """Raise what `scaling.adjust` says. A second alarm while it is raised makes it last longer, not higher.

    The decision is in the ledger; the alarm's message tells it.
    """
    config = world.catalog.get(model)
    why_not = _why_not(config)
    if config is None or why_not:
        return _recorded(_withheld(model, because, why_not or NO_CONFIG), world)
    document = world.state.get(model, DOCUMENT)
    endpoint = world.endpoints.get(serving(model, world).endpoint)
    instances = endpoint.instances if endpoint else 0
    adjustment = by_rule(config.scaling, Raised.read(document), instances, world.now(), because, because)
    return _keep(adjustment, config, document, endpoint, because, None, world)


def order_scaling(
    model: str, world: World, *, bound: Bound, instances: int, until: datetime, by: str, because: str = ""
) -> Decision:
    """An operator raises a bound until a time; what he raised before is replaced."""
    fact = f"{by} asked for a {bound} of {instances}" + (f": {because}" if because else "")
    config = world.catalog.get(model)
    why_not = _why_not(config)
    if config is None or why_not:
        return _recorded(_withheld(model, fact, why_not or NO_CONFIG, by), world)
    document = world.state.get(model, DOCUMENT)
    endpoint = world.endpoints.get(serving(model, world).endpoint)
    raised = Raised.read(document)
    adjustment = by_order(config.scaling, raised, bound, instances, until, world.now(), by)
    return _keep(adjustment, config, document, endpoint, fact, by, world)


def restore_scaling(model: str, world: World, *, by: str) -> Decision:
    """End everything that is raised, now, whoever raised it."""
    document, now = world.state.get(model, DOCUMENT), world.now()
    fact = f"{by} ended what was raised"
    standing = Raised.read(document).standing(now).raises
    if not standing:
        return _recorded(Decision(model, fact, "nothing", "nothing is raised", None, {"by": by}), world)
    world.state.put(model, DOCUMENT, Raised(standing).ended(now).document(), expected=document)
    world.hints.send(model, "settle_endpoint", fact)
    what = " and ".join(f"the {each.bound} of {each.instances} (raised by {each.by})" for each in standing)
    return _recorded(
        Decision(model, fact, "scaling_restored", f"ended now: {what}", "info", {"by": by}), world
    )


def _keep(
    adjustment: Adjustment,
    config: ModelConfig,
    document: Mapping[str, Any] | None,
    endpoint: EndpointState | None,
    fact: str,
    by: str | None,
    world: World,
) -> Decision:
    """`by` is the operator, None for an alarm."""
    model = config.model
    if adjustment.raised is None:
        return _recorded(_withheld(model, fact, adjustment.reason, by), world)
    world.state.put(model, DOCUMENT, adjustment.raised.document(), expected=document)
    world.hints.send(model, "settle_endpoint", fact)
    details = {
        "instances": str(adjustment.instances),
        "until": f"{adjustment.until:%Y-%m-%d %H:%M} UTC",
        **({"by": by} if by else {}),
    }
    later = (
        "; a rollout is under way, it takes effect when that has ended"
        if _is_held(model, endpoint, world)
        else ""
    )
    news: Severity | None = "info" if by else None
    reason = adjustment.reason + later
    return _recorded(Decision(model, fact, "scaling_adjusted", reason, news, details), world)


def _is_held(model: str, endpoint: EndpointState | None, world: World) -> bool:
    rollout = world.state.rollout(model)
    under_way = rollout is not None and rollout.status in ("starting", "started")
    return under_way and endpoint is not None and endpoint.status in IN_PROGRESS


def _why_not(config: ModelConfig | None) -> str | None:
    if config is None:
        return NO_CONFIG
    return BY_ITSELF if config.endpoint.serverless else None


def _withheld(model: str, fact: str, reason: str, by: str | None = None) -> Decision:
    return Decision(model, fact, "scaling_withheld", reason, None, {"by": by} if by else {})


def _recorded(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    return decision
