"""AWS's schedule expressions: what they may say, and when they were due last."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.cron import is_over, last_time, parse

ZURICH, KOLKATA = ZoneInfo("Europe/Zurich"), ZoneInfo("Asia/Kolkata")
WEDNESDAY = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "due"),
    [
        ("cron(0 8 ? * MON-FRI *)", UTC, "2026-03-04T08:00"),
        ("cron(0 8 ? * MON-FRI *)", ZURICH, "2026-03-04T07:00"),
        ("cron(30 17 * * ? *)", KOLKATA, "2026-03-04T12:00"),
        ("cron(0 13 ? * 2-6 *)", UTC, "2026-03-03T13:00"),
        ("cron(0/20 8-10 * * ? *)", UTC, "2026-03-04T10:40"),
        ("cron(*/7 * * * ? *)", UTC, "2026-03-04T12:00"),
        ("cron(0 0 L * ? *)", UTC, "2026-02-28T00:00"),
        ("cron(0 0 LW * ? *)", UTC, "2026-02-27T00:00"),
        ("cron(0 0 1W * ? *)", UTC, "2026-03-02T00:00"),
        ("cron(0 0 15W 2 ? *)", UTC, "2026-02-16T00:00"),
        ("cron(0 0 ? * 6L *)", UTC, "2026-02-27T00:00"),
        ("cron(0 0 ? * MON#1 *)", UTC, "2026-03-02T00:00"),
        ("cron(0 0 ? * L *)", UTC, "2026-02-28T00:00"),
        ("cron(0 0 29 2 ? *)", UTC, "2024-02-29T00:00"),
        ("cron(0 0 1,20 JAN,FEB ? 2025-2026)", UTC, "2026-02-20T00:00"),
        ("cron(0 0 1 1 ? 2027)", UTC, None),
        ("at(2026-03-04T13:00:00)", ZURICH, "2026-03-04T12:00"),
        ("at(2026-03-04T13:00:00)", UTC, None),
    ],
)
def test_when_it_was_due_last(text, zone, due):
    """The latest time not after now, in the schedule's own time zone."""
    found = last_time(parse(text), WEDNESDAY, ZoneInfo(str(zone)), None, None)
    assert found == (datetime.fromisoformat(due).replace(tzinfo=UTC) if due else None)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param("2026-03-29T00:59", "2026-03-28T07:00", id="the night clocks go forward"),
        pytest.param("2026-03-29T06:30", "2026-03-29T06:00", id="the morning after: an hour earlier in UTC"),
        pytest.param("2026-10-25T06:30", "2026-10-24T06:00", id="clocks went back: not yet"),
        pytest.param("2026-10-25T07:00", "2026-10-25T07:00", id="an hour later in UTC"),
    ],
)
def test_summer_time(now, due):
    """Eight o'clock is eight o'clock there, in summer and in winter."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = last_time(parse("cron(0 8 * * ? *)"), moment, ZURICH, None, None)
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_an_hour_that_comes_twice():
    """What was due in the first of them was due, also while the second runs."""
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in winter time
    found = last_time(parse("cron(30 2 * * ? *)"), second, ZURICH, None, None)
    assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "due"),
    [
        pytest.param(None, None, "2026-03-04T08:00", id="unbounded"),
        pytest.param("2026-03-04T09:00", None, None, id="begins later"),
        pytest.param("2026-03-04T08:00", None, "2026-03-04T08:00", id="begins then"),
        pytest.param(None, "2026-03-02T09:00", "2026-03-02T08:00", id="ended: what was set last stays"),
    ],
)
def test_within_start_and_end(start, end, due):
    """It is never due before its start or after its end."""
    at = [datetime.fromisoformat(one).replace(tzinfo=UTC) if one else None for one in (start, end)]
    found = last_time(parse("cron(0 8 * * ? *)"), WEDNESDAY, ZoneInfo("UTC"), *at)
    assert found == (datetime.fromisoformat(due).replace(tzinfo=UTC) if due else None)


def test_a_rate_counts_from_its_start():
    """The start is its first time; before it, and without one, it was never due."""
    start, every = datetime(2026, 3, 1, tzinfo=UTC), parse("rate(36 hours)")
    assert last_time(every, WEDNESDAY, ZURICH, start, None) == start + timedelta(hours=72)
    assert last_time(every, start - timedelta(seconds=1), ZURICH, start, None) is None
    assert last_time(every, WEDNESDAY, ZURICH, None, None) is None


@pytest.mark.parametrize(
    ("text", "end", "over"),
    [
        ("at(2026-03-04T12:00:00)", None, True),
        ("at(2026-03-04T12:01:00)", None, False),
        ("cron(0 0 1 1 ? 2025)", None, True),
        ("cron(0 0 1 1 ? *)", None, False),
        ("cron(0 0 1 1 ? *)", WEDNESDAY, True),
    ],
)
def test_what_is_never_due_again(text, end, over):
    """AWS is not asked to keep what cannot happen any more."""
    assert is_over(parse(text), WEDNESDAY, ZoneInfo("UTC"), end) is over


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 8 * * *", "none of cron("),
        ("cron(0 8 * * *)", "has 5 fields and not 6"),
        ("cron(0 8 * * * *)", "one of day-of-month and day-of-week is `?`"),
        ("cron(0 8 ? * ? *)", "only one"),
        ("cron(60 8 * * ? *)", "'60' in minutes is not 0 to 59"),
        ("cron(0 24 * * ? *)", "'24' in hours"),
        ("cron(0 8 ? * MOO *)", "'MOO' in day-of-week is not 1 to 7, or SUN-SAT"),
        ("cron(0 8 ? * FRI-MON *)", "runs backwards"),
        ("cron(0 8 ? * MON#6 *)", "after #"),
        ("cron(0 8 32W * ? *)", "'32' in day-of-month"),
        ("cron(0/0 8 * * ? *)", "is no step"),
        ("cron(0 8 * JANUARY ? *)", "'JANUARY' in month is not 1 to 12, or JAN-DEC"),
        ("rate(1 hours)", "AWS wants rate(1 hour)"),
        ("rate(0 hours)", "none of"),
        ("at(2026-03-01)", "none of"),
        ("at(2026-13-01T00:00:00)", "month must be in 1..12"),
    ],
)
def test_what_is_refused(text, words):
    """An expression that AWS would refuse is refused with what would be right."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(text)


EXPRESSIONS = st.sampled_from(
    ["cron(0 8 ? * MON-FRI *)", "cron(0/15 * * * ? *)", "cron(30 2 L * ? *)", "cron(59 23 ? * 1#2 *)"]
)
ZONES = st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Pacific/Chatham", "Asia/Kolkata"])
MOMENTS = st.integers(0, 4 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(EXPRESSIONS, ZONES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_time_only_goes_on(text, zone, now, later):
    """A later look never finds an earlier time, and no time lies in the future."""
    first = last_time(parse(text), now, ZoneInfo(zone), None, None)
    second = last_time(parse(text), now + later, ZoneInfo(zone), None, None)
    assert first <= now
    assert first <= second <= now + later
    assert last_time(parse(text), first, ZoneInfo(zone), None, None) == first
