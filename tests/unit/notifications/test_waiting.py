"""What does not go out at once: quiet hours, floods and mutes lose nothing and say nothing twice."""

import json
from datetime import datetime, timedelta

import pytest
from fakes import config
from notices import DOWN, NOTICE, listening, notice

from perennial.errors import TransientError
from perennial.notifications.policy import ATTEMPTS, MOST_AT_ONCE
from perennial.reactions.notify import notify, tell_waiting
from perennial.reactions.sweep import sweep

NIGHT = datetime.fromisoformat("2026-03-01T23:30:00+00:00")


@pytest.fixture
def world():
    return listening()


class TestWaiting:
    @pytest.fixture
    def night(self, world):
        """Half past eleven, with quiet hours until seven."""
        settings = {"quiet_hours": "22:00-07:00 UTC", "email": ["ann@example.org"], "webhooks": ["oncall"]}
        world.catalog.configs["mortgage"] = config(notify=settings)
        world.time = NIGHT
        return world

    def test_the_night_is_quiet_and_the_morning_has_all_of_it(self, night):
        """Information and warnings wait for one message at seven; an error wakes."""
        for number in range(3):
            assert "waits" == notify(notice(number), str(number), night)
        assert "sent" == notify(notice(9, news="error", outcome="errors_high"), "9", night)
        assert 1 == len(night.slack.posted)
        assert "nothing" == tell_waiting("mortgage", night)
        night.time = datetime.fromisoformat("2026-03-02T07:00:00+00:00")
        assert "sent" == tell_waiting("mortgage", night)
        assert "nothing" == tell_waiting("mortgage", night)
        assert 2 == len(night.slack.posted)
        text = night.topic.published[-1][1]
        assert all(f"reason {number}" in text for number in range(3))
        assert "22:00-07:00 UTC" in text

    def test_the_sweep_wakes_whoever_sends_what_waited(self, night):
        """It only hands on, and only once the time has come."""
        notify(notice(0), "a", night)
        sweep(night)
        assert "notify" not in [reaction for _, reaction, _ in night.hints.sent]
        night.time += timedelta(hours=8)
        sweep(night)
        assert ("mortgage", "notify", None) in night.hints.sent

    def test_a_single_message_is_told_as_it_is(self, night):
        """One message that waited is no digest: it has its own title and buttons."""
        notify(NOTICE, "a", night)
        night.time += timedelta(hours=8)
        tell_waiting("mortgage", night)
        assert "version_registered" == night.topic.published[-1][2]["outcome"]

    def test_the_next_message_brings_what_waited(self, night):
        """After the quiet hours nobody has to wait for the sweep."""
        notify(notice(0), "a", night)
        night.time += timedelta(hours=8)
        notify(notice(1), "b", night)
        assert ["reason 0", "reason 1"] == [
            next(line for line in text.splitlines() if "reason" in line).split(":")[-1].strip()
            for _, text, *_ in night.topic.published
        ]

    def test_long_messages_that_wait_fit_the_table(self, night):
        """What does not fit a document of the table is counted; what was kept before is told all the same."""
        details = {f"problem-{number}": "\u5217" * 1000 for number in range(20)}
        for number in range(8):
            assert "waits" == notify(notice(number, details=details), str(number), night)
        assert len(json.dumps(night.state.get("mortgage", "waiting"))) < 400_000
        night.time += timedelta(hours=8)
        assert "sent" == tell_waiting("mortgage", night)
        text = night.topic.published[-1][1]
        assert "8 messages in one" in text
        assert "6 more are in the ledger" in text

    def test_quiet_hours_that_are_taken_back_hold_nothing(self, night):
        """Who changes model.yaml in the night does not wait for a morning that is no longer meant."""
        notify(notice(0), "a", night)
        night.catalog.configs["mortgage"] = config()
        assert "sent" == tell_waiting("mortgage", night)

    def test_what_was_over_by_morning_pages_nobody(self, night):
        """A warning of the night and its end come to the pager as an end."""
        alarm = {"alarm": "perennial-mortgage-latency", "intent": "latency"}
        notify(notice(0, outcome="latency_high", news="warning", details=alarm), "a", night)
        notify(notice(1, outcome="alarm_cleared", details=alarm), "b", night)
        night.time += timedelta(hours=8)
        tell_waiting("mortgage", night)
        assert {"resolve"} == {body["event_action"] for _, body in night.webhooks.posted}

    def test_a_flood_becomes_one_message(self, world):
        """Beyond the allowance messages are collected, and sent as one when the time is over."""
        said = [notify(notice(number), str(number), world) for number in range(MOST_AT_ONCE + 30)]
        assert MOST_AT_ONCE == said.count("sent")
        assert 30 == said.count("waits")
        world.time += timedelta(minutes=15)
        assert "sent" == tell_waiting("mortgage", world)
        assert MOST_AT_ONCE + 1 == len(world.slack.posted)
        assert "30 messages" in world.topic.published[-1][0]

    def test_a_digest_says_how_many_it_left_out(self, world):
        """A thousand messages are fifty with their words, and a number."""
        for number in range(MOST_AT_ONCE + 60):
            notify(notice(number), str(number), world)
        world.time += timedelta(minutes=15)
        tell_waiting("mortgage", world)
        assert "10 more" in world.topic.published[-1][1]

    def test_a_digest_that_slack_did_not_take_is_tried_again(self, night):
        """Mail has it at once; Slack has it later, and mail not again."""
        for number in range(2):
            notify(notice(number), str(number), night)
        night.time += timedelta(hours=8)
        night.slack.failures = [DOWN] * ATTEMPTS
        with pytest.raises(TransientError):
            tell_waiting("mortgage", night)
        assert "sent" == tell_waiting("mortgage", night)
        assert (1, 1, 1) == (len(night.slack.posted), len(night.mail.sent), len(night.topic.published))

    def test_what_a_dead_function_took_is_taken_again(self, night):
        """A function killed while it sent a digest loses nothing."""
        for number in range(2):
            notify(notice(number), str(number), night)
        night.time += timedelta(hours=8)

        def die(*arguments):
            raise TimeoutError

        publish, night.topic.publish = night.topic.publish, die
        with pytest.raises(TimeoutError):
            tell_waiting("mortgage", night)
        night.topic.publish = publish
        assert "nothing" == tell_waiting("mortgage", night)
        night.time += timedelta(minutes=6)
        assert "sent" == tell_waiting("mortgage", night)
        assert 1 == len(night.slack.posted)

    def test_a_mute_is_silence_until_its_end(self, world):
        """What is muted is told to nobody, then or later; other troubles are."""
        until = world.now() + timedelta(hours=24)
        world.state.put(
            "mortgage", "mute", {"until": until.isoformat(), "by": "@ada", "what": "data-quality"}
        )
        drift = notice(0, outcome="drift_found", news="warning", details={"intent": "data-quality"})
        assert "muted" == notify(drift, "a", world)
        assert "sent" == notify(notice(1), "b", world)
        world.time = until
        assert "sent" == notify(drift.model_copy(update={"reason": "later"}), "c", world)
