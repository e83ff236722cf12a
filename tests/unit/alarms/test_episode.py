"""An episode of ALARM is answered once, whatever repeats it."""

from datetime import timedelta

import pytest
from fakes import NOW, config

from perennial.alarms import episode

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLAIM = episode.claimed(None, NOW, "event-1", NOW)
DRIFT = episode.trouble("drift_found", "drift-1", 1)
TOLD = episode.answered(CLAIM, "drift_found", DRIFT, "1100/", 24 * HOUR, NOW)


@pytest.mark.parametrize(
    ("known", "event", "later", "expected"),
    [
        pytest.param(None, "event-1", 0 * MINUTE, "answer", id="the first"),
        pytest.param(CLAIM, "event-2", MINUTE, "leave", id="another event is at it"),
        pytest.param(CLAIM, "event-1", MINUTE, "answer", id="the retry of the same event goes on"),
        pytest.param(CLAIM, "event-2", 5 * MINUTE, "answer", id="the handler that claimed it died"),
        pytest.param(TOLD, "event-2", 5 * HOUR, "leave", id="a replay"),
        pytest.param(episode.ended(CLAIM, "pending", NOW), "event-2", MINUTE, "answer", id="it waits"),
        pytest.param(episode.ended(TOLD, "cleared", NOW), "event-2", MINUTE, "leave", id="cleared since"),
    ],
)
def test_next_step(known, event, later, expected):
    """Duplicates and replays are left alone; retries and the sweep finish what a dead handler began."""
    assert expected == episode.next_step(known, NOW, event, NOW + later).do


def test_a_new_episode_is_answered():
    """The alarm came back: that is another time of transition."""
    assert "answer" == episode.next_step(TOLD, NOW + HOUR, "event-2", NOW + HOUR).do


def test_while_it_rings():
    """A newer report, or the time at which something withheld may be allowed, is looked at; nothing else is."""
    later = NOW + HOUR
    assert "leave" == episode.next_step(TOLD, NOW, "sweep", later, "1100/").do
    assert "answer" == episode.next_step(TOLD, NOW, "sweep", later, "1200/").do
    waits = {**TOLD, "again_at": (NOW + 2 * HOUR).isoformat()}
    assert "leave" == episode.next_step(waits, NOW, "sweep", later, "1100/").do
    assert "answer" == episode.next_step(waits, NOW, "sweep", NOW + 2 * HOUR, "1100/").do


@pytest.mark.parametrize(
    ("outcome", "signature", "version", "later", "expected"),
    [
        pytest.param("drift_found", "drift-1", 1, HOUR, True, id="the same, of the same version"),
        pytest.param("drift_found", "drift-2", 1, HOUR, True, id="drift of other columns is drift still"),
        pytest.param("schema_broken", "schema-1", 1, HOUR, False, id="something else"),
        pytest.param("drift_found", "drift-1", 2, HOUR, False, id="another version serves by now"),
        pytest.param("drift_found", "drift-1", 1, 25 * HOUR, False, id="after the cooldown"),
    ],
)
def test_flapping(outcome, signature, version, later, expected):
    """What was told is not told again within the cooldown, unless something is different."""
    again = episode.claimed(episode.ended(TOLD, "cleared", NOW), NOW + later, "event-2", NOW + later)
    name = episode.trouble(outcome, signature, version)
    assert expected == episode.known_trouble(again, name, 24 * HOUR, NOW + later)


def test_another_missing_column_is_another_trouble():
    """And traffic that stops is another than an analysis that stops."""
    for outcome in ("schema_broken", "no_data"):
        assert episode.trouble(outcome, "one", 1) != episode.trouble(outcome, "two", 1)


def test_what_was_ignored_does_not_prolong_the_cooldown():
    """An alarm that flaps for days is told again once a cooldown."""
    claim = episode.claimed(TOLD, NOW + 23 * HOUR, "event-2", NOW + 23 * HOUR)
    ignored = episode.left(claim, "1000/", NOW + 23 * HOUR)
    again = episode.claimed(ignored, NOW + 25 * HOUR, "event-3", NOW + 25 * HOUR)
    assert not episode.known_trouble(again, DRIFT, 24 * HOUR, NOW + 25 * HOUR)


def test_cooldowns():
    """An hour for the endpoint's own metrics; for a monitor at least three windows."""
    settings = config(retraining={"cooldown_hours": 1}, monitors={"data_quality": {"every": "6h"}})
    assert HOUR == episode.cooldown(settings, "latency")
    assert 18 * HOUR == episode.cooldown(settings, "data-quality")
    assert 24 * HOUR == episode.cooldown(config(), "data-quality")
