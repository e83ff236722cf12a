"""A decision that is news reaches people once, on every channel, whatever fails on the way."""

import json
from datetime import datetime, timedelta

import pytest
from fakes import InMemoryMail, InMemoryWorld, config

from perennial.decision import Decision
from perennial.errors import ChannelFailed, TransientError
from perennial.events import NoticeDetail
from perennial.intents import Keys, verify
from perennial.notifications.policy import ATTEMPTS, MOST_AT_ONCE
from perennial.reactions.notify import delivery_name, notify, tell_waiting
from perennial.reactions.sweep import sweep

NOTICE = NoticeDetail(
    model="mortgage",
    fact="training job x Completed",
    outcome="version_registered",
    reason="PendingManualApproval: the gate asks a person",
    news="info",
    details={"version": "2", "approval": "PendingManualApproval"},
)
NIGHT = datetime.fromisoformat("2026-03-01T23:30:00+00:00")
DOWN = ChannelFailed("HTTP 503", transient=True)
WRONG = ChannelFailed("chat.postMessage: channel_not_found")
SLACK = {"bot_token": "xoxb", "channel": "C0001", "signing_secret": "shh"}


def notice(number=0, **changes):
    return NOTICE.model_copy(update={"reason": f"reason {number}", **changes})


def document(world, told):
    decision = Decision(told.model, told.fact, told.outcome, told.reason, told.news, told.details)
    return world.state.get(told.model, delivery_name(decision))


@pytest.fixture
def world():
    """Slack, a pager and two readers by mail."""
    made = InMemoryWorld(mail=InMemoryMail())
    settings = {"email": ["ann@example.org", "bob@example.org"], "webhooks": ["oncall"]}
    made.catalog.configs["mortgage"] = config(notify=settings)
    made.secrets.values |= {
        "slack/default": SLACK,
        "webhooks/oncall": {"kind": "pagerduty", "routing_key": "r"},
        "intents": {"key": "k" * 64},
    }
    return made


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


@pytest.mark.parametrize("model", ["märkte", "m" * 200, "a\nb"])
def test_subjects_fit_sns(model):
    """At most 100 ASCII characters on one line."""
    world = InMemoryWorld()
    notify(NOTICE.model_copy(update={"model": model}), "a", world)
    [(subject, *_)] = world.topic.published
    assert subject.isascii()
    assert "\n" not in subject
    assert len(subject) <= 100
