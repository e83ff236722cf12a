"""Which windows of traffic are due. Windows follow one another without gap or overlap, aligned to their period.

How far a monitor has come is one time, `through`: everything before it was analysed, and the next window
begins there. So no change of the period, outage or repeated hint can analyse an hour twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from perennial.monitoring.monitors import MonitorName, is_monitor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# CloudWatch takes no metric older than two weeks: a window due before that could alarm nobody.
OLDEST = timedelta(days=14)
BADLY_LATE = timedelta(minutes=30)


@dataclass(frozen=True)
class Window:
    """A stretch of traffic, [start, end), UTC."""

    start: datetime
    end: datetime

    @property
    def middle(self) -> datetime:
        return self.start + (self.end - self.start) / 2

    def __str__(self) -> str:
        return f"{iso(self.start)}/{iso(self.end)}"


def iso(at: datetime) -> str:
    """`2026-11-23T04:00:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def floor(at: datetime, every: timedelta) -> datetime:
    """The last beginning of a window that is not after `at`."""
    return at - (at - EPOCH) % every


def following(through: datetime, every: timedelta) -> Window:
    """The window after `through`: up to the next mark of the period, however long the last one was."""
    return Window(through, floor(through, every) + every)


def begin(since: datetime, every: timedelta) -> datetime:
    """Where the first window begins, for a monitor that watches since then."""
    return floor(since, every)


def resumed(through: datetime, every: timedelta, delay: timedelta, now: datetime) -> datetime:
    """Where analysis goes on: at `through`, or later when windows have become too old for CloudWatch."""
    return max(through, floor(now - OLDEST - delay, every))


def due(through: datetime, every: timedelta, delay: timedelta, now: datetime, most: int) -> list[Window]:
    """The windows that are due, oldest first, at most so many."""
    found: list[Window] = []
    while len(found) < most and (window := following(through, every)).end + delay <= now:
        found.append(window)
        through = window.end
    return found


def badly_late(through: datetime, every: timedelta, delay: timedelta, now: datetime) -> bool:
    """More than two windows wait, the oldest of them for more than half an hour."""
    waiting = due(through, every, delay, now, 3)
    return len(waiting) > 2 and now - (waiting[0].end + delay) > BADLY_LATE


def last_complete(every: timedelta, delay: timedelta, now: datetime) -> Window:
    """The newest window that is due by now, analysed or not."""
    end = floor(now - delay, every)
    return Window(end - every, end)


def until_now(every: timedelta, now: datetime) -> Window:
    """From the beginning of the window under way until now, in whole seconds; never empty."""
    end = now.replace(microsecond=0)
    start = floor(end, every)
    return Window(start if start < end else end - every, end)


@dataclass(frozen=True)
class Asked:
    """What a hint asks for: the due windows of a monitor (`what` is `due`), or one window at once."""

    monitor: MonitorName
    what: Literal["due", "last", "now"] | Window


def parse_subject(subject: str | None) -> Asked:
    """`data_quality`, `data_quality@last`, `data_quality@now` or `data_quality@<start ISO>/<end ISO>`.

    Raises ValueError for anything else.
    """
    name, at, what = (subject or "").partition("@")
    if not is_monitor(name):
        raise ValueError(f"{subject!r} names no monitor")
    if not at:
        return Asked(name, "due")
    if what in ("last", "now"):
        return Asked(name, "last" if what == "last" else "now")
    start, slash, end = what.partition("/")
    if not slash:
        raise ValueError(f"{what!r} is neither last nor now nor <start>/<end>")
    window = Window(_time(start), _time(end))
    if window.start >= window.end:
        raise ValueError(f"the window {what} does not end after its start")
    return Asked(name, window)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
