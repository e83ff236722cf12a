"""Whether the version in service is to blame for a loss of quality: only then does an older one help. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from perennial.deployment import Rollout

# A version that did well for so many windows has shown that it is not the cause.
PROVEN_AFTER = 7


def why_not_the_version(
    rollout: Rollout | None, serving: int, lost_since: datetime, period: timedelta, drifted: bool
) -> str | None:
    """Why rolling back would not help; None if it may. `lost_since` is the start of the window that lost quality."""
    if drifted:
        return "the inputs changed, and an older version sees the same"
    if rollout is None or rollout.version != serving or rollout.status != "succeeded":
        return f"it is not known since when version {serving} serves"
    if lost_since + period <= rollout.started_at:
        return f"the quality was lost before version {serving} came into service"
    if lost_since - rollout.started_at > PROVEN_AFTER * period:
        return f"version {serving} did well for more than {PROVEN_AFTER} windows, so the world changed, not the version"
    return None
