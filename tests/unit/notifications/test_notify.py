"""A decision that is news reaches people once, on every channel, whatever fails on the way."""

import json
from datetime import datetime, timedelta

import pytest
from fakes import InMemoryWorld, config
from notices import DOWN, NOTICE, SLACK, WRONG, document, listening, notice

from perennial.errors import ChannelFailed, TransientError
from perennial.intents import Keys, verify
from perennial.notifications.policy import ATTEMPTS
from perennial.reactions.notify import notify

NIGHT = datetime.fromisoformat("2026-03-01T23:30:00+00:00")


@pytest.fixture
def world():
    return listening()


class TestOnce:
    def test_people_are_told_once(self, world):
        """A doubled event, and the same decision from another event, are one message on each channel."""
        said = [notify(NOTICE, event, world) for event in ("a", "a", "b")]
        assert ["sent", "known", "known"] == said
        assert (1, 2, 1) == (len(world.slack.posted), len(world.mail.sent), len(world.topic.published))

    def test_the_same_is_told_again_the_next_day(self, world):
        """What happens every day is told every day."""
        assert "sent" == notify(NOTICE, "a", world)
        world.time += timedelta(days=1)
        assert "sent" == notify(NOTICE, "b", world)

    def test_what_was_claimed_but_not_sent_is_sent_by_the_retry(self, world):
        """A handler killed before SNS took the message loses nothing, and Slack does not hear it twice."""

        def die(*arguments):
            raise TimeoutError

        publish, world.topic.publish = world.topic.publish, die
        with pytest.raises(TimeoutError):
            notify(NOTICE, "a", world)
        world.topic.publish = publish
        assert "sent" == notify(NOTICE, "a", world)
        assert (1, 2, 1) == (len(world.slack.posted), len(world.mail.sent), len(world.topic.published))

    def test_the_delivery_is_remembered(self, world):
        """The document names the Slack message, so that it can be updated, and the time of each channel."""
        notify(NOTICE, "a", world)
        kept = document(world, NOTICE)
        assert {"channel": "C0001", "ts": "1.000100"}.items() <= kept["slack"].items()
        assert all(kept[name]["sent"] for name in ("slack", "email/ann@example.org", "topic"))
        assert "sent" == kept["status"]

    def test_a_drills_delivery_bears_its_id(self, world):
        """Who ordered a drill finds its arrival by the id alone."""
        drill = notice(outcome="fire_drill", details={"drill": "mortgage.20260301T031200-ab12cd"})
        notify(drill, "a", world)
        assert world.state.get("mortgage", "delivery#mortgage.20260301T031200-ab12cd")["slack"]["sent"]

    def test_buttons_are_signed_and_name_the_version(self, world):
        """Each button's value is an intent that only this stack can have made."""
        notify(NOTICE, "a", world)
        [actions] = [block for block in world.slack.posted[0]["blocks"] if block["type"] == "actions"]
        intents = [
            verify(button["value"], Keys("k" * 64), world.now() + timedelta(days=1))
            for button in actions["elements"]
        ]
        assert [("approve", 2), ("reject", 2)] == [(intent.action, intent.version) for intent in intents]

    def test_without_a_way_back_there_are_no_buttons(self, world):
        """A channel that nobody listens to, or a stack without a key, shows no buttons."""
        world.secrets.values["slack/default"] = {"webhook_url": "https://hooks.slack.com/x"}
        notify(NOTICE, "a", world)
        world.secrets.values |= {"slack/default": SLACK, "intents": {}}
        notify(notice(1), "b", world)
        assert not [b for post in world.slack.posted for b in post["blocks"] if b["type"] == "actions"]

    def test_the_features_that_moved_come_from_the_summary(self, world):
        """The report's figures are in the message; an unreadable report makes it shorter, not lost."""
        key = "models/mortgage/reports/data_quality/2026/03/01/0000/summary.json"
        drift = notice(outcome="drift_found", news="warning", details={"summary": key})
        world.bucket.write(key, b"not JSON")
        assert "sent" == notify(drift, "a", world)
        window = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T01:00:00Z"}
        features = [{"name": "pirat", "type": "Fractional", "baseline": "mean 0.33", "current": "mean 0.52"}]
        body = {"model": "mortgage", "monitor": "data_quality", "endpoint": "e", "schedule": "s"}
        body |= {"window": window, "status": "ok", "reason": "r", "features": features}
        world.bucket.write(key, json.dumps(body).encode())
        assert "sent" == notify(drift.model_copy(update={"reason": "again"}), "b", world)
        assert "pirat" not in world.topic.published[0][1]
        assert "mean 0.33  ->  mean 0.52" in world.topic.published[1][1]


class TestFailures:
    def test_a_hiccup_is_waited_out(self, world):
        """A channel that asks for patience gets it, and nobody notices."""
        world.slack.failures = [ChannelFailed("HTTP 429", transient=True, retry_after=7), DOWN]
        before = world.now()
        assert "sent" == notify(NOTICE, "a", world)
        assert 1 == len(world.slack.posted)
        assert timedelta(seconds=9) <= world.now() - before
        assert "did not take" not in world.topic.published[0][1]

    def test_slack_down_the_mail_says_so(self, world):
        """Mail and topic tell what Slack did not take, and why; the retry goes to Slack alone."""
        world.slack.failures = [DOWN] * ATTEMPTS
        with pytest.raises(TransientError, match="slack"):
            notify(NOTICE, "a", world)
        assert "slack did not take this message: HTTP 503" in world.mail.sent[0][2]
        assert "HTTP 503" in world.mail.sent[0][3]
        assert "slack did not take this message: HTTP 503" in world.topic.published[0][1]
        assert "sent" == notify(NOTICE, "a", world)
        assert (1, 2, 1) == (len(world.slack.posted), len(world.mail.sent), len(world.topic.published))
        assert "channel_failed" in world.ledger.outcomes

    def test_a_retry_after_midnight_is_a_retry(self, world):
        """The day is for repetitions by other events, not for what is still owed."""
        world.time = datetime.fromisoformat("2026-03-01T23:59:30+00:00")
        world.slack.failures = [DOWN] * ATTEMPTS
        with pytest.raises(TransientError):
            notify(NOTICE, "a", world)
        world.time += timedelta(minutes=2)
        assert "sent" == notify(NOTICE, "a", world)
        assert (1, 2, 1) == (len(world.slack.posted), len(world.mail.sent), len(world.topic.published))

    def test_what_no_retry_mends_is_not_retried(self, world):
        """A wrong channel is told once and costs no dead letter."""
        world.slack.failures = [WRONG]
        assert "sent" == notify(NOTICE, "a", world)
        assert "channel_not_found" in world.topic.published[0][1]

    def test_a_reader_whom_mail_does_not_reach_is_reached_by_the_topic(self, world):
        """SES refuses one address: the others have their mail, and the topic goes to that one."""
        world.mail.refused = {"bob@example.org": ChannelFailed("SES: not verified")}
        assert "sent" == notify(NOTICE, "a", world)
        assert ["ann@example.org"] == [mail[0] for mail in world.mail.sent]
        assert ["bob@example.org"] == world.topic.published[0][3]

    def test_without_a_sender_the_topic_reaches_everyone(self, world):
        """Plain mail by SNS, to the readers whom model.yaml names."""
        world.mail = None
        notify(NOTICE, "a", world)
        assert ["ann@example.org", "bob@example.org"] == world.topic.published[0][3]

    def test_a_missing_secret_is_told_once(self, world):
        """A stack that has no Slack works; the first message says how to have it, or how to say that none is wanted."""
        del world.secrets.values["slack/default"]
        notify(NOTICE, "a", world)
        notify(notice(1), "b", world)
        told = ["perennial/slack/default" in text for _, text, *_ in world.topic.published]
        assert [True, False] == told

    def test_a_model_without_a_configuration_is_heard_on_the_topic(self, world):
        """model.yaml was refused at once: whoever watches the stack hears of it."""
        refused = notice(model="new", outcome="configuration_refused", news="error")
        assert "sent" == notify(refused, "a", world)
        assert [[]] == [recipients for *_, recipients in world.topic.published]

    def test_the_first_message_waits_for_the_readers(self, world):
        """A model is announced just before its configuration is in force: its readers hear of it all the same."""
        created = notice(outcome="model_created")
        later = world.catalog.configs.pop("mortgage")
        with pytest.raises(TransientError):
            notify(created, "a", world)
        world.wait = lambda seconds: world.catalog.configs.update(mortgage=later)
        assert "sent" == notify(created, "a", world)
        assert (1, 2, 1) == (len(world.slack.posted), len(world.mail.sent), len(world.topic.published))

    def test_a_changed_configuration_is_told_by_its_own_settings(self, world):
        """The end of quiet hours is told a moment before it is in force, and does not wait for the hours' end."""
        quiet, awake = config(notify={"quiet_hours": "22:00-07:00 UTC"}), config(notify={"slack": "default"})
        changed = notice(outcome="configuration_changed", details={"config-hash": awake.whole_hash})
        world.catalog.configs["mortgage"], world.time = quiet, NIGHT
        world.wait = lambda seconds: world.catalog.configs.update(mortgage=awake)
        assert "sent" == notify(changed, "a", world)

    def test_a_configuration_that_was_replaced_is_told_by_those_in_force(self, world):
        """Its own settings never come: nobody waits for them for long."""
        changed = notice(outcome="configuration_changed", details={"config-hash": "000000"})
        assert "sent" == notify(changed, "a", world)
        assert 1 == len(world.slack.posted)

    def test_slack_hears_one_message_a_second(self, world):
        """The pace is kept between functions, by the table."""
        before = world.now()
        for number in range(3):
            notify(notice(number), str(number), world)
        assert timedelta(seconds=2) == world.now() - before

    def test_no_time_left_leaves_slack_to_the_retry(self, world):
        """A message that cannot have its second before the deadline is told elsewhere, and tried again."""
        world.state.put(
            "_channels", "pace#slack/default", {"next": (world.now() + timedelta(minutes=9)).isoformat()}
        )
        with pytest.raises(TransientError):
            notify(NOTICE, "a", world)
        assert 1 == len(world.topic.published)


class TestPager:
    def test_information_pages_nobody(self, world):
        """A version that waits for approval is no incident."""
        notify(NOTICE.model_copy(update={"outcome": "training_started"}), "a", world)
        assert [] == world.webhooks.posted

    def test_an_incident_ends_even_at_night(self, world):
        """What resolves an incident is not held back by quiet hours or a mute."""
        world.catalog.configs["mortgage"] = config(
            notify={"webhooks": ["oncall"], "quiet_hours": "22:00-07:00 UTC"}
        )
        alarm = {"alarm": "perennial-mortgage-errors", "intent": "errors"}
        notify(notice(outcome="errors_high", news="error", details=alarm), "a", world)
        world.time = NIGHT
        assert "waits" == notify(notice(outcome="alarm_cleared", details=alarm), "b", world)
        events = [body for _, body in world.webhooks.posted]
        assert ["trigger", "resolve"] == [event["event_action"] for event in events]
        assert 1 == len({event["dedup_key"] for event in events})
        assert 1 == len(world.slack.posted)


@pytest.mark.parametrize("model", ["märkte", "m" * 200, "a\nb"])
def test_subjects_fit_sns(model):
    """At most 100 ASCII characters on one line."""
    world = InMemoryWorld()
    notify(NOTICE.model_copy(update={"model": model}), "a", world)
    [(subject, *_)] = world.topic.published
    assert subject.isascii()
    assert "\n" not in subject
    assert len(subject) <= 100
