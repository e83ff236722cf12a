"""Whether one more training is allowed. Pure.

In this order: one at a time; then, unless a person asks: the cooldown, so many a week, a budget a calendar month,
and not again what did not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from perennial.sections_watching import Retraining
from perennial.words import counted

WEEK = timedelta(days=7)
Fate = Literal["under_way", "serving", "refused", "other"]


@dataclass(frozen=True)
class Past:
    """A training that was asked for before: what it cost (USD, or its bound), and what became of it.

    `serving`: its version is the one in service. `refused`: it failed, or its version was rejected.
    """

    at: datetime
    signature: str
    usd: float
    fate: Fate
    dataset: str | None = None


@dataclass(frozen=True)
class Plan:
    """The training in question: why, on which data (None: traffic, which is new by itself), at what cost."""

    signature: str
    dataset: str | None
    usd: float
    price_note: str = ""


@dataclass(frozen=True)
class Ruling:
    """`again_at` is when what withholds it now will not any more, where time alone does it."""

    allowed: bool
    reason: str
    again_at: datetime | None = None


def rule(
    settings: Retraining,
    plan: Plan,
    past: Sequence[Past],
    in_flight: str | None,
    now: datetime,
    *,
    by_person: bool = False,
) -> Ruling:
    """`in_flight` says what is under way already, if anything is. `past` may be in any order."""
    if in_flight:
        return Ruling(False, in_flight)
    if by_person:
        return Ruling(True, "a person asked")
    ready = max((item.at for item in past), default=None)
    if ready is not None and (until := ready + timedelta(hours=settings.cooldown_hours)) > now:
        reason = f"the cooldown of {counted(settings.cooldown_hours, 'hour')} ends at {_minute(until)}"
        return Ruling(False, reason, until)
    within = sorted(item.at for item in past if item.at > now - WEEK)
    week = len(within)
    if week >= settings.max_per_week:
        reason = f"{week} of at most {counted(settings.max_per_week, 'training')} began within a week"
        # So many have to be a week old that one less than the most is left.
        leaves = within[week - settings.max_per_week] + WEEK if settings.max_per_week else None
        return Ruling(False, reason, leaves)
    spent = sum(item.usd for item in past if same_month(item.at, now))
    note = f" ({plan.price_note})" if plan.price_note else ""
    if spent + plan.usd > settings.max_monthly_usd:
        return Ruling(
            False,
            f"{spent:.2f} USD are spent this month and this training may cost {plan.usd:.2f}{note}: more than "
            f"{settings.max_monthly_usd:.2f} together",
            _next_month(now) if plan.usd <= settings.max_monthly_usd else None,
        )
    if unhelpful := _did_not_help(plan, past, now):
        return Ruling(False, unhelpful)
    return Ruling(
        True,
        f"{week + 1} of {settings.max_per_week} this week, about {plan.usd:.2f} USD{note} of the "
        f"{settings.max_monthly_usd - spent:.2f} left this month",
    )


def _did_not_help(plan: Plan, past: Sequence[Past], now: datetime) -> str | None:
    """The last training for the same reason ended in nothing, or in service with the trouble still there."""
    same = [item for item in past if item.signature == plan.signature]
    last = max(same, key=lambda item: item.at, default=None)
    if last is None or last.fate in ("under_way", "other"):
        return None
    new = last.dataset != plan.dataset if plan.dataset else now - last.at >= WEEK
    if new:
        return None
    why = "was refused" if last.fate == "refused" else "is in service and the trouble is still there"
    return f"the training of {_minute(last.at)} for the same reason {why}: it is not repeated until new data came"


def same_month(one: datetime, other: datetime) -> bool:
    """Whether both are in one calendar month, UTC."""
    one, other = one.astimezone(UTC), other.astimezone(UTC)
    return (one.year, one.month) == (other.year, other.month)


def _next_month(now: datetime) -> datetime:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
