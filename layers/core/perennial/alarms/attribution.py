"""Whether the version in service is to blame for a loss of quality: only then does an older one help. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from perennial.deployment import Rollout

# A version that did well for so many windows, or a day of requests, has shown that it is not the cause.
PROVEN_AFTER = 7
A_DAY = timedelta(days=1)


def why_not_the_version(
    rollout: Rollout | None,
    serving: int,
    lost: tuple[datetime, datetime],
    proven: timedelta,
    drifted: bool,
) -> str | None:
    """Why rolling back would not help; None if it may.

    `lost` is the window that shows the loss, [start, end); `proven` how long a version must do well to be cleared.
    """
    if drifted:
        return "the inputs changed, and an older version sees the same"
    if rollout is None or rollout.version != serving or rollout.status != "succeeded":
        return f"it is not known since when version {serving} serves"
    start, end = lost
    if end <= rollout.started_at:
        return f"it was so before version {serving} came into service"
    if start - rollout.started_at > proven:
        since = f"{rollout.started_at:%Y-%m-%d %H:%M} UTC"
        return f"version {serving} has done well since {since}, so something else changed, not the version"
    return None
