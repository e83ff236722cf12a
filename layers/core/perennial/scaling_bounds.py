"""Between how many instances an endpoint may scale now: the configuration, its schedule, and what was raised. Pure.

The bounds are those of the entry of the schedule that was due last, as if the schedule had always been there, so that
whoever asks, and however late, comes to what Application Auto Scaling sets at the time itself. What was raised lies on top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self

from perennial import cron
from perennial.sections_scaling import Scaling
from perennial.sections_watching import duration
from perennial.words import counted

DOCUMENT = "scaling_adjustments"  # the state document of what was raised
Bound = Literal["floor", "ceiling"]
Source = Literal["alarm", "operator"]


@dataclass(frozen=True)
class Bounds:
    """The least and the most instances."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least} to {self.most} instances"


@dataclass(frozen=True)
class Raise:
    """A bound raised to so many instances until a time, by an alarm or an operator (`by` is who, `because` why)."""

    bound: Bound
    source: Source
    instances: int
    until: datetime
    by: str
    because: str

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Self:
        return cls(**{**item, "until": datetime.fromisoformat(item["until"])})

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "until": self.until.isoformat()}


@dataclass(frozen=True)
class Raised:
    """All that was raised and not yet taken back: at most one by each source for each bound."""

    raises: tuple[Raise, ...] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> Self:
        return cls(tuple(Raise.read(item) for item in (document or {}).get("raises", ())))

    def document(self) -> dict[str, Any]:
        return {"raises": [each.as_dict() for each in self.raises]}

    def of(self, bound: Bound, source: Source, now: datetime) -> Raise | None:
        found = (each for each in self.raises if (each.bound, each.source) == (bound, source))
        return next((each for each in found if each.until > now), None)

    def put(self, new: Raise) -> Raised:
        others = [each for each in self.raises if (each.bound, each.source) != (new.bound, new.source)]
        return Raised((*others, new))

    def over(self, now: datetime) -> tuple[Raise, ...]:
        """What is to be taken back."""
        return tuple(each for each in self.raises if each.until <= now)

    def ended(self, now: datetime) -> Raised:
        """All of it over at once."""
        return Raised(tuple(replace(each, until=min(each.until, now)) for each in self.raises))

    def standing(self, now: datetime) -> Raised:
        return Raised(tuple(each for each in self.raises if each.until > now))


def scheduled(scaling: Scaling, now: datetime) -> tuple[Bounds, str | None]:
    """The bounds without anything raised, and the name of the entry of the schedule that set them, if one did."""
    last: tuple[datetime, str, Bounds] | None = None
    for entry in scaling.schedule:
        due = cron.last_time(entry.expression, now, entry.zone, entry.begins, entry.ends)
        if due and (last is None or due >= last[0]):
            last = (due, entry.name, Bounds(*scaling.bounds_of(entry)))
    return (last[2], last[1]) if last else (Bounds(scaling.min, scaling.max), None)


def raised_over(base: Bounds, raised: Iterable[Raise], limit: int) -> Bounds:
    """These bounds with what was raised on top: never below them, and nothing raised passes the limit."""
    floor = max((min(each.instances, limit) for each in raised if each.bound == "floor"), default=0)
    ceiling = max((min(each.instances, limit) for each in raised if each.bound == "ceiling"), default=0)
    least = max(base.least, floor)
    return Bounds(least, max(base.most, ceiling, least))


def bounds(scaling: Scaling, raised: Raised, now: datetime) -> Bounds:
    """What the bounds should be now."""
    base, _ = scheduled(scaling, now)
    return raised_over(base, raised.standing(now).raises, scaling.limit)


@dataclass(frozen=True)
class Adjustment:
    """What comes of a wish for more: `raised` to keep, or None when it is withheld, with the reason."""

    raised: Raised | None
    instances: int
    until: datetime
    reason: str


def by_rule(
    scaling: Scaling, raised: Raised, instances: int, now: datetime, by: str, because: str
) -> Adjustment:
    """An alarm raises what `scaling.adjust` says. One that comes while the last one's stands makes it last longer, not
    higher."""
    rule = scaling.adjust
    until, present = now + duration(rule.lasts), bounds(scaling, raised, now)
    standing = raised.of(rule.raises, "alarm", now)
    if standing:
        kept = replace(
            standing, until=max(standing.until, until), instances=min(standing.instances, scaling.limit)
        )
        word = f"the {rule.raises} stays {kept.instances} until {kept.until:%Y-%m-%d %H:%M} UTC"
        return Adjustment(raised.put(kept), kept.instances, kept.until, word)
    start = max(present.least, instances) if rule.raises == "floor" else present.most
    target = min(scaling.limit, max(start + 1, math.ceil(start * (100 + rule.percent) / 100)))
    return _raised_to(Raise(rule.raises, "alarm", target, until, by, because), present, scaling, raised, now)


def by_order(
    scaling: Scaling, raised: Raised, bound: Bound, instances: int, until: datetime, now: datetime, by: str
) -> Adjustment:
    """An operator says how many; what he ordered before for the same bound is replaced."""
    others = Raised(tuple(each for each in raised.raises if (each.bound, each.source) != (bound, "operator")))
    present = bounds(scaling, others, now)
    if instances > scaling.limit:
        allowed = "adjust.limit" if scaling.adjust.limit is not None else "max (there is no adjust.limit)"
        reason = f"scaling.{allowed} allows no more than {counted(scaling.limit, 'instance')}"
        return Adjustment(None, instances, until, reason)
    order = Raise(bound, "operator", instances, until, by, f"{by} asked for it")
    return _raised_to(order, present, scaling, others, now)


def _raised_to(new: Raise, present: Bounds, scaling: Scaling, raised: Raised, now: datetime) -> Adjustment:
    before = present.least if new.bound == "floor" else present.most
    if new.instances <= before:
        at_limit = f"; nothing is raised above {scaling.limit} (scaling.adjust.limit, or scaling.max)"
        reason = f"the {new.bound} is {before} already{at_limit if before >= scaling.limit else ''}"
        return Adjustment(None, new.instances, new.until, reason)
    all_of_it = raised.put(new)
    reason = (
        f"the {new.bound} is raised from {before} to {new.instances} until {new.until:%Y-%m-%d %H:%M} UTC: "
        f"{bounds(scaling, all_of_it, now)}"
    )
    return Adjustment(all_of_it, new.instances, new.until, reason)
