"""Take a version out of service: it is rejected in the registry, and the newest approved one left takes its place."""

from __future__ import annotations

from perennial import route
from perennial.decision import Decision, Severity
from perennial.deployment import IN_PROGRESS
from perennial.ports import World


def roll_back(
    model: str, world: World, *, because: str, asked_by: str | None = None, version: int | None = None
) -> Decision:
    """Roll back from the version in service. `version`, if given, is the one meant: if another serves by now,
    nothing is done. The decision is in the ledger; for a person it is news, an alarm's message tells its own."""
    endpoint = world.endpoints.get(route.serving(model, world).endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    if endpoint is None or parsed is None:
        return _withheld(model, because, "no version of ours is in service", asked_by, world)
    serving = parsed.version
    if version is not None and version != serving:
        reason = f"version {version} is not in service any more: version {serving} is"
        return _withheld(model, because, reason, asked_by, world)
    if endpoint.status in IN_PROGRESS:
        reason = f"the endpoint is {endpoint.status}: ask again when that is over"
        return _withheld(model, because, reason, asked_by, world)
    versions = world.registry.versions(model)
    package = next((found for found in versions if found.version == serving), None)
    if package is None or package.approval == "Rejected":
        reason = f"version {serving} is rejected already: the newest approved version is on its way"
        return _withheld(model, because, reason, asked_by, world)
    left = [found for found in versions if found.approval == "Approved" and found.version != serving]
    target = max((found.version for found in left), default=None)
    if target is None:
        reason = f"there is no other approved version than {serving}, which serves"
        return _withheld(model, because, reason, asked_by, world)
    if target > serving and asked_by is None:
        reason = f"version {target} is approved and newer than version {serving}: it is not gone back from"
        return _withheld(model, because, reason, asked_by, world)
    who = asked_by or "perennial"
    why = f"rejected by {who} at {world.now():%Y-%m-%d %H:%M} UTC: {because}"
    world.registry.decide(package.arn, "Rejected", why)
    reason = f"version {serving} is rejected, so version {target} takes its place"
    details = {"version": str(serving), "to": str(target), "by": who}
    return _told(
        Decision(model, because, "rollback_started", reason, "warning" if asked_by else None, details),
        world,
    )


def withheld(model: str, world: World, *, because: str, reason: str) -> Decision:
    """An alarm would have had it, and something speaks against it."""
    return _withheld(model, because, reason, None, world)


def _withheld(model: str, because: str, reason: str, asked_by: str | None, world: World) -> Decision:
    details = {"by": asked_by} if asked_by else {}
    news: Severity | None = "info" if asked_by else None
    return _told(Decision(model, because, "rollback_withheld", reason, news, details), world)


def _told(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    return decision
