"""AWS's schedule expressions: cron(...), rate(...) and at(...). Pure.

Six fields: minutes, hours, day of month, month, day of week (1 is Sunday), year. Application Auto Scaling's user guide,
"Schedule recurring scaling actions" and "Cron expressions reference", says what each may hold.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if number}
WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
YEARS = (1970, 2199)
LOOK_BACK = 366 * 8 + 2  # days: 29 February comes back after eight years at the latest

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\((.*)\)")
_FORMS = "cron(minutes hours day-of-month month day-of-week year), rate(12 hours) or at(2026-03-01T08:00:00)"


@dataclass(frozen=True)
class At:
    """Once, at a local time."""

    when: datetime


@dataclass(frozen=True)
class Rate:
    """Again and again; the first time is the schedule's start."""

    every: timedelta


@dataclass(frozen=True)
class Cron:
    """Whenever the fields match a local time. Exactly one of the days' fields is `?`, here None."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str | None
    months: frozenset[int]
    weekdays: str | None
    years: frozenset[int]

    def times_back(self, local: datetime) -> Iterator[datetime]:
        """The matching local times not after `local`, the latest first."""
        for back in range(LOOK_BACK):
            day = local.date() - timedelta(days=back)
            if day.year not in self.years or day.month not in self.months or not self._matches(day):
                continue
            for hour in sorted(self.hours, reverse=True):
                for minute in sorted(self.minutes, reverse=True):
                    found = datetime.combine(day, time(hour, minute))
                    if found <= local:
                        yield found

    def _matches(self, day: date) -> bool:
        if self.days is not None:
            return any(_is_day(part, day) for part in self.days.split(","))
        return any(_is_weekday(part, day) for part in (self.weekdays or "").split(","))


Expression = At | Rate | Cron


def parse(text: str) -> Expression:
    """Raises ValueError with what is wrong and what would be right."""
    if match := _AT.fullmatch(text):
        return At(datetime.fromisoformat(match[1]))
    if match := _RATE.fullmatch(text):
        number, unit = int(match[1]), match[2]
        if (number == 1) == unit.endswith("s"):
            raise ValueError(f"{text!r}: AWS wants rate(1 hour) and rate(2 hours)")
        return Rate(timedelta(**{unit.rstrip("s") + "s": number}))
    if match := _CRON.fullmatch(text):
        return _cron(text, match[1].split())
    raise ValueError(f"{text!r} is none of {_FORMS}")


def last_time(
    expression: Expression, now: datetime, zone: ZoneInfo, start: datetime | None, end: datetime | None
) -> datetime | None:
    """When it was due last, in UTC, not after now and within start and end; None when it was not yet."""
    until = min(now, end) if end else now
    if isinstance(expression, Rate):
        if start is None or start > until:
            return None
        return (start + (until - start) // expression.every * expression.every).astimezone(UTC)
    # An hour that clocks repeat is looked at from its end.
    local = until.astimezone(zone).replace(tzinfo=None) + timedelta(hours=2)
    times = [expression.when] if isinstance(expression, At) else expression.times_back(local)
    for found in times:
        due = found.replace(tzinfo=zone).astimezone(UTC)
        if start and due < start:
            return None
        if due <= until:
            return due
    return None


def is_over(expression: Expression, now: datetime, zone: ZoneInfo, end: datetime | None) -> bool:
    """Whether it will never be due again."""
    if end and end <= now:
        return True
    if isinstance(expression, At):
        return expression.when.replace(tzinfo=zone) <= now
    return isinstance(expression, Cron) and max(expression.years) < now.astimezone(zone).year


def _cron(text: str, fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ValueError(
            f"{text!r} has {len(fields)} fields and not 6: minutes hours day-of-month month day-of-week year, "
            "such as cron(0 8 ? * MON-FRI *)"
        )
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ValueError(
            f"{text!r}: one of day-of-month and day-of-week is `?`, and only one, such as cron(0 8 * * ? *)"
        )
    if days != "?":
        for part in days.split(","):
            _check_day(part, text)
    if weekdays != "?":
        for part in weekdays.split(","):
            _check_weekday(part, text)
    return Cron(
        _values(minutes, 0, 59, {}, "minutes", text),
        _values(hours, 0, 23, {}, "hours", text),
        None if days == "?" else days,
        _values(months, 1, 12, MONTHS, "month", text),
        None if weekdays == "?" else weekdays,
        _values(years, *YEARS, {}, "year", text),
    )


def _values(
    field: str, low: int, high: int, names: Mapping[str, int], what: str, text: str
) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        spec, _, step = part.partition("/")
        if step and not (step.isdigit() and int(step)):
            raise ValueError(f"{text!r}: {part!r} in {what} is no step, such as 0/15")
        first, _, last = spec.partition("-")
        begin = low if spec == "*" else _number(first, low, high, names, what, text)
        stop = high if spec == "*" or (step and not last) else begin
        if last:
            stop = _number(last, low, high, names, what, text)
        if begin > stop:
            raise ValueError(f"{text!r}: {part!r} in {what} runs backwards")
        found |= set(range(begin, stop + 1, int(step or 1)))
    return frozenset(found)


def _number(word: str, low: int, high: int, names: Mapping[str, int], what: str, text: str) -> int:
    value = names.get(word, int(word) if word.isdigit() else -1)
    if not low <= value <= high:
        also = f", or {next(iter(names))}-{list(names)[-1]}" if names else ""
        raise ValueError(f"{text!r}: {word!r} in {what} is not {low} to {high}{also}")
    return value


def _check_day(part: str, text: str) -> None:
    if part in ("L", "LW"):
        return
    part = part.removesuffix("W")
    _values(part, 1, 31, {}, "day-of-month", text)


def _is_day(part: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if part == "L":
        return day.day == last
    if part == "LW":
        return day == _nearest_weekday(day.replace(day=last))
    if part.endswith("W"):
        return int(part[:-1]) <= last and day == _nearest_weekday(day.replace(day=int(part[:-1])))
    return day.day in _values(part, 1, 31, {}, "day-of-month", part)


def _nearest_weekday(day: date) -> date:
    """The day itself, or the nearest Monday to Friday of the same month."""
    weekend = day.weekday() - 4  # Saturday is 1, Sunday 2
    if weekend <= 0:
        return day
    other = day + timedelta(days=-1 if weekend == 1 else 1)
    if other.month == day.month:
        return other
    return day + timedelta(days=2 if weekend == 1 else -2)


def _check_weekday(part: str, text: str) -> None:
    if part == "L":
        return
    day, hash_, nth = part.partition("#")
    if hash_:
        _number(nth, 1, 5, {}, "day-of-week (after #)", text)
    elif day.endswith("L"):
        day = day[:-1]
    _values(day, 1, 7, WEEKDAYS, "day-of-week", text)


def _is_weekday(part: str, day: date) -> bool:
    number = day.isoweekday() % 7 + 1  # Sunday is 1
    if part == "L":
        return number == 7
    wanted, hash_, nth = part.partition("#")
    if hash_ and (day.day - 1) // 7 + 1 != int(nth):
        return False
    if not hash_ and wanted.endswith("L"):
        if (day + timedelta(days=7)).month == day.month:
            return False
        wanted = wanted[:-1]
    return number in _values(wanted, 1, 7, WEEKDAYS, "day-of-week", part)
