"""One stretch of ALARM, answered once, whatever repeats it. Pure.

The document `alarm#<intent>` of a model holds the last episode:

episode   when the alarm came into ALARM (ISO): its identity
status    claimed (somebody is at it), pending (nothing to say yet), answered, or cleared
event     who claimed it: the retry of the same event goes on where it stopped
at        when the status was written
outcome   the decision's
told      whether this episode was told, or ignored as a flapping alarm
report    the newest report when it was answered: a later one may show another trouble while the alarm still rings
again_at  when a reaction that was withheld for now may be allowed: a trouble that lasts is answered again then
troubles  what was told and when, kept over episodes: nobody learns anything from hearing it again at once
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.alarms.intent import ON_ENDPOINT, Intent, cadence
from perennial.config import ModelConfig

Document = Mapping[str, Any]
PREFIX = "alarm#"
CLAIM_HOLDS = timedelta(minutes=3)  # a function lives two
AGAIN_ON_ENDPOINT = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """`answer`: it is ours to answer. `leave`: it was answered, or somebody is at it."""

    do: Literal["answer", "leave"]
    reason: str


def key(intent: Intent) -> str:
    return f"{PREFIX}{intent}"


def next_step(
    known: Document | None, since: datetime, event: str, now: datetime, newest: str | None = None
) -> Step:
    """What to do about an alarm that is in ALARM since then. `newest` is the folder of its monitor's newest report."""
    if known is None or known["episode"] != since.isoformat():
        return Step("answer", "a new episode")
    status = known["status"]
    if status == "cleared":
        return Step("leave", "this episode is over")
    if status == "answered":
        if (again := known.get("again_at")) and _time(again) <= now:
            return Step("answer", "it still rings, and what was withheld may be allowed by now")
        if newest and newest != known.get("report"):
            return Step("answer", "it still rings, and there is a newer report")
        return Step("leave", f"this episode was answered already: {known['outcome']}")
    if status == "claimed" and known["event"] != event and now - _time(known["at"]) < CLAIM_HOLDS:
        return Step("leave", "another event is answering it")
    return Step("answer", "it waits for its answer")


def unended(known: Document | None, since: datetime, now: datetime) -> bool:
    """Whether an alarm is OK for so long that the event of its end was lost, or its handler died."""
    return known is not None and known["status"] != "cleared" and now - since >= CLAIM_HOLDS


def lasts(known: Document | None, since: datetime) -> bool:
    """Whether this episode was answered before."""
    return known is not None and known["episode"] == since.isoformat() and known["status"] == "answered"


def due_again(known: Document | None, now: datetime) -> bool:
    """Whether what was withheld is to be tried again."""
    again = known.get("again_at") if known else None
    return again is not None and _time(again) <= now


def claimed(known: Document | None, since: datetime, event: str, now: datetime) -> dict[str, Any]:
    """The document of an episode that is being answered; what was told before is kept."""
    lasting = known if known and lasts(known, since) else {}
    return {
        "episode": since.isoformat(),
        "status": "claimed",
        "event": event,
        "at": now.isoformat(),
        "outcome": lasting.get("outcome", ""),
        "told": lasting.get("told", False),
        "report": lasting.get("report"),
        "again_at": lasting.get("again_at"),
        "troubles": dict((known or {}).get("troubles", {})),
    }


def trouble(outcome: str, signature: str, version: int | None) -> str:
    """What makes two troubles the same: outcome and version in service. Which columns drift changes from window to
    window; which are missing, and whether there is no traffic or no analysis, is another trouble each time."""
    exactly = signature if outcome in ("schema_broken", "no_data") else ""
    return f"{outcome} {exactly} of version {version}"


def known_trouble(document: Document, name: str, cooldown: timedelta, now: datetime) -> bool:
    """Whether that trouble was told within the cooldown."""
    told = document["troubles"].get(name)
    return told is not None and now - _time(told) < cooldown


def answered(
    claim: Document,
    outcome: str,
    name: str,
    report: str | None,
    cooldown: timedelta,
    now: datetime,
    again_at: str | None = None,
) -> dict[str, Any]:
    """The document of an episode whose trouble was told."""
    recent = {key: at for key, at in claim["troubles"].items() if now - _time(at) < cooldown}
    return {
        **claim,
        "status": "answered",
        "at": now.isoformat(),
        "outcome": outcome,
        "told": True,
        "report": report,
        "again_at": again_at,
        "troubles": {**recent, name: now.isoformat()},
    }


def left(claim: Document, report: str | None, now: datetime) -> dict[str, Any]:
    """The document of an episode in which there was nothing new to tell."""
    outcome = claim["outcome"] or "alarm_ignored"
    return {
        **claim,
        "status": "answered",
        "at": now.isoformat(),
        "outcome": outcome,
        "report": report,
    }


def ended(claim: Document, status: Literal["pending", "cleared"], now: datetime) -> dict[str, Any]:
    """The document of an episode that waits, or is over."""
    return {**claim, "status": status, "at": now.isoformat()}


def cooldown(config: ModelConfig, intent: Intent) -> timedelta:
    """How long an alarm that comes again is the same one: an hour for the endpoint's own metrics; for a monitor's
    the cooldown of retraining, at least three windows."""
    if intent in ON_ENDPOINT:
        return AGAIN_ON_ENDPOINT
    period, _ = cadence(config, intent)
    return max(3 * period, timedelta(hours=config.retraining.cooldown_hours))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
