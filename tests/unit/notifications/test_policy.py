"""When a message goes out, waits, or is not told: the tables are the specification."""

from datetime import datetime, timedelta

import pytest

from perennial.decision import Decision
from perennial.errors import ChannelFailed
from perennial.notifications.policy import MOST_AT_ONCE, Told, admit, is_quiet, pause
from perennial.sections_watching import Notify

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
NIGHT = datetime.fromisoformat("2026-03-01T23:00:00+00:00")
ZURICH = "22:00-07:00 Europe/Zurich"
QUIET = Notify(quiet_hours=ZURICH)


def decision(news="info", outcome="training_started", **details):
    return Decision("mortgage", "fact", outcome, "reason", news, details)


def mute(what="all", hours=1):
    return {"until": (NIGHT + timedelta(hours=hours)).isoformat(), "by": "@ada", "what": what}


def flood(count=MOST_AT_ONCE, outcome="training_started", ago=1):
    return [Told(outcome, NOON - timedelta(minutes=ago))] * count


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        (None, "2026-03-01T23:00+00:00", False),
        (ZURICH, "2026-03-01T20:59+00:00", False),
        (ZURICH, "2026-03-01T21:00+00:00", True),
        (ZURICH, "2026-03-02T05:59+00:00", True),
        (ZURICH, "2026-03-02T06:00+00:00", False),
        # From 29 March 2026 on clocks in Zurich are an hour ahead: seven o'clock comes earlier in UTC.
        (ZURICH, "2026-03-29T04:59+00:00", True),
        (ZURICH, "2026-03-29T05:00+00:00", False),
        ("12:00-13:30 UTC", "2026-03-01T12:30+00:00", True),
        ("12:00-13:30 UTC", "2026-03-01T13:30+00:00", False),
        ("00:00-06:00 America/Los_Angeles", "2026-03-01T08:30+00:00", True),
    ],
)
def test_quiet_hours_are_the_readers(hours, now, quiet):
    """They have a time zone, may span midnight, and know summer time."""
    assert is_quiet(hours, datetime.fromisoformat(now)) is quiet


@pytest.mark.parametrize(
    ("made", "settings", "muted", "recent", "now", "action"),
    [
        pytest.param(decision(), QUIET, None, [], NOON, "send", id="by day"),
        pytest.param(decision(), QUIET, None, [], NIGHT, "wait", id="information at night"),
        pytest.param(decision("warning"), QUIET, None, [], NIGHT, "wait", id="a warning at night"),
        pytest.param(decision("error"), QUIET, None, [], NIGHT, "send", id="an error at night"),
        pytest.param(decision(), Notify(), None, [], NIGHT, "send", id="no quiet hours"),
        pytest.param(decision("error"), QUIET, mute(), [], NIGHT, "mute", id="all is muted"),
        pytest.param(decision("error"), QUIET, mute(hours=-1), [], NIGHT, "send", id="the mute is over"),
        pytest.param(decision("error", intent="bias"), QUIET, mute("bias"), [], NIGHT, "mute", id="this"),
        pytest.param(decision("error", intent="errors"), QUIET, mute("bias"), [], NIGHT, "send", id="that"),
        pytest.param(decision("error"), QUIET, mute("bias"), [], NIGHT, "send", id="no alarm's"),
        pytest.param(decision("warning", "fire_drill"), QUIET, mute(), [], NIGHT, "send", id="a drill"),
        pytest.param(decision(), Notify(), None, flood(), NOON, "wait", id="a flood"),
        pytest.param(decision(), Notify(), None, flood(MOST_AT_ONCE - 1), NOON, "send", id="almost a flood"),
        pytest.param(decision(), Notify(), None, flood(ago=16), NOON, "send", id="the flood is over"),
        pytest.param(decision(), Notify(digest_minutes=0), None, flood(ago=0), NOON, "send", id="no digests"),
        pytest.param(
            decision("error", "errors_high"), Notify(), None, flood(), NOON, "send", id="another error"
        ),
        pytest.param(
            *(decision("error", "drop_refused"), Notify(), None, flood(outcome="drop_refused"), NOON, "wait"),
            id="the same error again and again",
        ),
    ],
)
def test_admission(made, settings, muted, recent, now, action):
    """Errors pass the night, mutes hold what they name, floods are collected, drills pass everything."""
    assert action == admit(made, settings, muted, recent, now).action


def test_what_waits_knows_how_long():
    """While it is quiet; in a flood until its first message is old."""
    assert admit(decision(), QUIET, None, [], NIGHT).until is None
    assert NOON + timedelta(minutes=14) == admit(decision(), Notify(), None, flood(), NOON).until


@pytest.mark.parametrize(
    ("failure", "attempt", "seconds"),
    [
        (ChannelFailed("x", transient=True), 1, 1),
        (ChannelFailed("x", transient=True), 3, 4),
        (ChannelFailed("x", transient=True), 4, None),
        (ChannelFailed("x", transient=True, retry_after=7), 1, 7),
        (ChannelFailed("x", transient=True, retry_after=0), 2, 2),
        (ChannelFailed("x", transient=True, retry_after=3600), 1, None),
        (ChannelFailed("x"), 1, None),
    ],
)
def test_patience(failure, attempt, seconds):
    """Each attempt waits longer, as long as the channel asks, and not at all where no retry helps."""
    assert seconds == pause(failure, attempt)
