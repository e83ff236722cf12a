"""Who works on a window: a small document per window, written only if nobody else wrote it in between. Pure.

claimed    a Lambda is at it; stale after 20 minutes, for a Lambda lives 15
retry      an attempt failed; `error` says why
running    a Processing job is at it: `job`
done       its results are in the bucket
failed     given up after too many attempts, told, and passed by
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.monitoring.windows import Window, iso

STALE = timedelta(minutes=20)
ATTEMPTS = 5  # a hint is tried three times within minutes, then the sweep's hints go on
ATTEMPTS_ASKED = 3  # nobody comes back to a window that a person asked for
Step = Literal["analyze", "wait", "job", "finished", "give_up"]
Document = Mapping[str, Any]


def key(monitor: str, window: Window, asked: bool) -> str:
    """The document's name. A window that was asked for is none of the schedule's, even of the same hours."""
    return f"asked#{monitor}#{window}" if asked else f"window#{monitor}#{iso(window.start)}"


def next_step(known: Document | None, now: datetime, request: str | None, attempts: int = ATTEMPTS) -> Step:
    """What to do about a window. `request` tells a person's second request from a repeated event."""
    if known is None:
        return "analyze"
    status = known["status"]
    if status in ("done", "failed"):
        return "finished" if known.get("request") == request else "analyze"
    if status == "running":
        return "job"
    if status == "claimed" and now - datetime.fromisoformat(known["at"]) < STALE:
        return "wait"
    return "give_up" if known["attempts"] >= attempts else "analyze"


def claimed(known: Document | None, window: Window, now: datetime, request: str | None) -> dict[str, Any]:
    """The document of a new attempt. `died` counts the runs before it that were killed."""
    again = known is not None and known["status"] not in ("done", "failed")
    killed = known is not None and known["status"] == "claimed"
    return {
        "status": "claimed",
        "at": now.isoformat(),
        "end": iso(window.end),
        "attempts": known["attempts"] + 1 if again and known else 1,
        "died": (known.get("died", 0) if again and known else 0) + killed,
        "error": known.get("error", "") if again and known else "",
        "request": request,
    }
