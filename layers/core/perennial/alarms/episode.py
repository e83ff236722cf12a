"""One stretch of ALARM, answered once, whatever repeats it. Pure.

The document `alarm#<intent>` of a model holds the last episode:

episode   when the alarm came into ALARM (ISO): its identity
status    claimed (somebody is at it), pending (nothing to say yet), answered, or cleared
event     who claimed it: the retry of the same event goes on where it stopped
at        when the status was written
outcome, reason, signature, version, answered_at
          what was told last, of which version in service, and when; kept over episodes that were ignored
again_at  when a reaction that was withheld for now may be allowed: a trouble that lasts is answered again then
told      whether this episode was told, or ignored as a flapping alarm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.alarms.intent import ON_ENDPOINT, Intent, cadence
from perennial.config import ModelConfig

Document = Mapping[str, Any]
CLAIM_HOLDS = timedelta(minutes=3)  # a function lives two
AGAIN_ON_ENDPOINT = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """`answer`: it is ours to answer. `leave`: it was answered, or somebody is at it."""

    do: Literal["answer", "leave"]
    reason: str


def key(intent: Intent) -> str:
    return f"alarm#{intent}"


def next_step(known: Document | None, since: datetime, event: str, now: datetime) -> Step:
    """What to do about an alarm that is in ALARM since then."""
    if known is None or known["episode"] != since.isoformat():
        return Step("answer", "a new episode")
    status = known["status"]
    if status == "answered" and (again := known.get("again_at")) and _time(again) <= now:
        return Step("answer", "it still rings, and what was withheld may be allowed by now")
    if status in ("answered", "cleared"):
        return Step("leave", f"this episode was answered already: {known.get('outcome', 'nothing')}")
    if status == "claimed" and known["event"] != event and now - _time(known["at"]) < CLAIM_HOLDS:
        return Step("leave", "another event is answering it")
    return Step("answer", "it waits for its answer")


def claimed(known: Document | None, since: datetime, event: str, now: datetime) -> dict[str, Any]:
    """The document of an episode that is being answered; what was told before is kept."""
    told = {key: known[key] for key in _TOLD if key in known} if known else {}
    return {
        **told,
        "episode": since.isoformat(),
        "status": "claimed",
        "event": event,
        "at": now.isoformat(),
        "told": False,
    }


_TOLD = ("outcome", "reason", "signature", "version", "answered_at")


def answered(
    claim: Document,
    outcome: str,
    reason: str,
    signature: str,
    version: int | None,
    now: datetime,
    again_at: str | None = None,
) -> dict[str, Any]:
    """The document of an episode that was told."""
    return {
        **claim,
        "status": "answered",
        "at": now.isoformat(),
        "told": True,
        "outcome": outcome,
        "reason": reason,
        "signature": signature,
        "version": version,
        "answered_at": now.isoformat(),
        "again_at": again_at,
    }


def ended(
    claim: Document, status: Literal["answered", "pending", "cleared"], now: datetime
) -> dict[str, Any]:
    """The document of an episode that was not told, waits, or is over."""
    return {**claim, "status": status, "at": now.isoformat()}


def flaps(
    known: Document | None, outcome: str, version: int | None, cooldown: timedelta, now: datetime
) -> bool:
    """Whether the same was told of the same version within the cooldown: nobody learns anything from hearing it again."""
    if known is None or "answered_at" not in known:
        return False
    again = (known["outcome"], known["version"]) == (outcome, version)
    return again and now - _time(known["answered_at"]) < cooldown


def cooldown(config: ModelConfig, intent: Intent) -> timedelta:
    """How long an alarm that comes again is the same one: an hour for the endpoint's own metrics; for a monitor's
    the cooldown of retraining, at least three windows."""
    if intent in ON_ENDPOINT:
        return AGAIN_ON_ENDPOINT
    period, _ = cadence(config, intent)
    return max(3 * period, timedelta(hours=config.retraining.cooldown_hours))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
