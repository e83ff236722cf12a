"""Whether a message goes out now, waits for a digest, or is not told at all; and how long to wait for a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from perennial.decision import Decision
from perennial.errors import ChannelFailed
from perennial.sections_watching import Notify, quiet_hours
from perennial.words import counted

MOST_AT_ONCE = 20  # messages of a model within `digest_minutes`; a whole turn of the loop is about ten
ATTEMPTS = 4
LONGEST_PAUSE = (
    30.0  # seconds; a channel that asks for more is left to the next one, and tried again by Lambda
)
# What somebody ordered just now, or must know about silence itself.
PASSES = frozenset({"fire_drill", "muted", "unmuted"})


@dataclass(frozen=True)
class Told:
    """A message that went out."""

    outcome: str
    at: datetime


@dataclass(frozen=True)
class Verdict:
    """`until` is when what waits is sent; None: as soon as it is not quiet, whenever that is by then."""

    action: Literal["send", "wait", "mute"]
    because: str = ""
    until: datetime | None = None


SEND = Verdict("send")


def admit(
    decision: Decision,
    settings: Notify,
    mute: Mapping[str, str] | None,
    recent: Sequence[Told],
    now: datetime,
) -> Verdict:
    """`mute` is the state document of that name; `recent` what went out to this model's readers lately."""
    if decision.outcome in PASSES:
        return SEND
    if muted := _muted(decision, mute, now):
        return Verdict("mute", muted)
    if decision.news != "error" and is_quiet(settings.quiet_hours, now):
        return Verdict("wait", f"They came in quiet hours ({settings.quiet_hours}).")
    return _flood(decision, settings, recent, now)


def is_quiet(hours: str | None, now: datetime) -> bool:
    """Whether `now` is within the quiet hours, by the clock of their time zone. They may span midnight."""
    if not hours:
        return False
    start, end, zone = quiet_hours(hours)
    clock = now.astimezone(zone).time()
    return start <= clock < end if start < end else clock >= start or clock < end


def lately(recent: Sequence[Told], settings: Notify, now: datetime) -> list[Told]:
    """What counts towards a flood."""
    return [told for told in recent if now - told.at < timedelta(minutes=settings.digest_minutes)]


def pause(error: ChannelFailed, attempt: int) -> float | None:
    """Seconds to wait after the attempt of this number (from 1); None: give up."""
    if not error.transient or attempt >= ATTEMPTS:
        return None
    seconds = max(float(2 ** (attempt - 1)), error.retry_after or 0.0)
    return seconds if seconds <= LONGEST_PAUSE else None


def _muted(decision: Decision, mute: Mapping[str, str] | None, now: datetime) -> str:
    if not mute or now >= datetime.fromisoformat(mute["until"]):
        return ""
    if mute["what"] not in ("all", decision.details.get("intent")):
        return ""
    return f"{mute['by']} muted {mute['what']} until {mute['until']}"


def _flood(decision: Decision, settings: Notify, recent: Sequence[Told], now: datetime) -> Verdict:
    told = lately(recent, settings, now)
    if len(told) < MOST_AT_ONCE:
        return SEND
    # A new kind of trouble is heard through the noise of another.
    if decision.news == "error" and decision.outcome not in {item.outcome for item in told}:
        return SEND
    because = (
        f"There were more than {MOST_AT_ONCE} messages within {counted(settings.digest_minutes, 'minute')}."
    )
    return Verdict(
        "wait", because, min(item.at for item in told) + timedelta(minutes=settings.digest_minutes)
    )
