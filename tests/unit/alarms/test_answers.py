"""What each alarm means and what follows, on a world in memory."""

import json
from datetime import timedelta

import pytest
from alarms.ringing import event, in_service, model_in_service, ring, started
from alarms.samples import AT, HOUR, document, drifted, lost, put
from fakes import NOW
from served_model import ENDPOINT

from perennial import drill
from perennial.events import AlarmDetail
from perennial.reactions.answer_alarm import answer_hint, on_alarm
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep


class TestEachIntent:
    def test_drift_without_quality_loss_retrains(self, world):
        """The newest dataset is trained on, and the message says what is known of the quality."""
        put(world, drifted("pirat"))
        told = ring(world, "data-quality")
        assert ("drift_found", "warning") == (told.outcome, told.news)
        assert ["retraining_started", "drift_found"] == world.ledger.outcomes
        assert [("mortgage", "start_training", None)] == started(world)
        assert "retraining started: dataset bbbbbbbbbbbb" in told.details["action"]
        assert "the quality is not known" in told.reason
        assert "models/mortgage/reports/data_quality/2026/03/01/1100/summary.json" == told.details["summary"]
        assert told.details["report"].endswith("1100/report.html")
        assert {
            "version": "1",
            "intent": "data-quality",
            "alarm": f"{ENDPOINT}-data-quality",
        }.items() <= dict(told.details).items()

    def test_a_broken_schema_pages_whatever_on_alarm_says(self):
        """Nothing is learned from garbage, and a person hears of it though nobody asked to be told."""
        world = model_in_service(on_alarm={"data_quality": ["retrain"]})
        put(world, drifted("pirat", kind="schema"))
        told = ring(world, "data-quality")
        assert ("schema_broken", "error") == (told.outcome, told.news)
        assert [] == started(world)

    def test_lost_quality_rolls_back_and_retrains(self, world):
        """The loss came with the version: the one before takes its place, and the newest data is trained on."""
        world.registry.add("mortgage", "Approved")
        in_service(world, 2)
        put(world, lost(start=AT - HOUR), lost(start=AT))
        world.ledger.decisions.clear()
        told = ring(world, "model-quality")
        assert ("quality_lost", "error") == (told.outcome, told.news)
        assert ["retraining_started", "rollback_started", "quality_lost"] == world.ledger.outcomes
        rejected = world.registry.get("mortgage", 2)
        assert "Rejected" == rejected.approval
        assert "rejected by perennial at 2026-03-01 12:00 UTC" in rejected.decided

    def test_no_rollback_when_the_inputs_drifted(self, world):
        """An older version sees the same inputs."""
        world.registry.add("mortgage", "Approved")
        in_service(world, 2)
        put(world, lost(), drifted())
        told = ring(world, "model-quality")
        assert "rollback withheld: the inputs changed" in told.details["action"]
        assert "Approved" == world.registry.get("mortgage", 2).approval

    def test_bias_is_told(self, world):
        """A person decides about bias unless model.yaml says otherwise."""
        put(world, document("bias", "violations", bias=[]))
        told = ring(world, "bias")
        assert ("bias_found", "warning") == (told.outcome, told.news)
        assert "nothing but telling" == told.details["action"]

    def test_missing_labels(self, world):
        """Nobody knows how good the predictions are."""
        put(world, document("model_quality", label_coverage=0.1))
        assert "labels_missing" == ring(world, "label-coverage").outcome

    def test_latency_raises_the_floor_once(self, world):
        """A second alarm makes it last longer, not higher; the sweep has it taken back."""
        settle_endpoint("mortgage", world, because="first")
        assert "latency_high" == ring(world, "latency").outcome
        settle_endpoint("mortgage", world, because="a hint")
        [target] = world.scaling.targets.values()
        assert 2 == target.bounds.least
        world.time += timedelta(minutes=90)
        ring(world, "latency", 2, "OK")
        told = ring(world, "latency", 3)
        assert "stays 2 until 2026-03-01 15:30 UTC" in told.details["action"]
        world.time += timedelta(minutes=119)
        assert "what was raised for a while is over" not in [item.because for _, item in sweep(world).due]
        world.time += timedelta(minutes=1)
        assert "what was raised for a while is over" in [item.because for _, item in sweep(world).due]
        settle_endpoint("mortgage", world, because="sweep")
        [target] = world.scaling.targets.values()
        assert 1 == target.bounds.least
        assert "what was raised for a while is over" not in [item.because for _, item in sweep(world).due]

    def test_errors_are_told(self, world):
        """With CloudWatch's own reason."""
        told = ring(world, "errors")
        assert ("errors_high", "error") == (told.outcome, told.news)
        assert "crossed" in told.reason

    def test_silence(self, world):
        """Three empty windows are told; while there are fewer, nobody is, and the sweep asks again."""
        empty = [document(status="empty", start=AT - n * HOUR, records=0) for n in range(3)]
        put(world, *empty[1:])
        early = ring(world, "silence")
        assert ("alarm_ignored", None) == (early.outcome, early.news)
        assert ("answer_alarm", "silence") in [(item.reaction, item.subject) for _, item in sweep(world).due]
        answer_hint("mortgage", "silence", "sweep-1", world)
        assert ["alarm_ignored"] == world.ledger.outcomes
        put(world, empty[0])
        assert "no_data" == answer_hint("mortgage", "silence", "sweep-2", world).outcome

    def test_a_usual_night_wakes_nobody_and_the_morning_after_it_does(self, world):
        """The same episode: no news while the hours were silent the day before, too, then told as traffic stays away."""
        put(world, *(document(status="empty", start=AT - (n + 24) * HOUR, records=0) for n in range(3)))
        put(world, document(start=AT - 20 * HOUR), document(start=AT - 3 * HOUR))
        put(world, *(document(status="empty", start=AT - n * HOUR, records=0) for n in range(3)))
        night = ring(world, "silence")
        assert ("alarm_ignored", None) == (night.outcome, night.news)
        assert "as at this time" in night.reason
        for later in (1, 2, 3):
            world.time += HOUR
            put(world, document(start=AT + (later - 24) * HOUR))
            put(world, document(status="empty", start=AT + later * HOUR, records=0))
            told = answer_hint("mortgage", "silence", f"sweep-{later}", world)
            assert ("no_data" if later == 3 else "nothing") == told.outcome
        assert "warning" == told.news

    def test_a_night_that_ends_is_no_news_either(self, world):
        """Who heard nothing of the silence hears nothing of its end."""
        put(world, *(document(status="empty", start=AT - (n + 24) * HOUR, records=0) for n in range(3)))
        put(world, document(start=AT - 20 * HOUR), document(start=AT - 3 * HOUR))
        put(world, *(document(status="empty", start=AT - n * HOUR, records=0) for n in range(3)))
        ring(world, "silence")
        world.time += HOUR
        assert ring(world, "silence", 2, "OK").news is None

    def test_silence_that_no_report_explains(self, world):
        """An alarm that rings on is told in the end, whatever the reports say."""
        assert "alarm_ignored" == ring(world, "silence").outcome
        world.time += 3 * HOUR
        told = answer_hint("mortgage", "silence", "sweep-1", world)
        assert ("no_data", "warning") == (told.outcome, told.news)

    def test_no_report_came(self, world):
        """Silence that has had data and has none any more: the analysis itself is not running."""
        ring(world, "silence", 1, "OK", "INSUFFICIENT_DATA")
        world.time += HOUR
        told = ring(world, "silence", 2, "INSUFFICIENT_DATA", "OK")
        assert ("no_data", "error") == (told.outcome, told.news)
        assert "the analysis itself is not running" in told.reason

    @pytest.mark.parametrize(
        ("fed", "reported", "later", "outcome"),
        [
            pytest.param(-HOUR, None, HOUR, "nothing", id="no window ended yet"),
            pytest.param(-HOUR, -HOUR, HOUR, "nothing", id="the last window was of before"),
            pytest.param(-HOUR, HOUR / 2, HOUR, "no_data", id="a window was reported, and then none"),
            pytest.param(HOUR / 2, None, HOUR, "no_data", id="it had data since"),
            pytest.param(-HOUR, None, 5 * HOUR, "no_data", id="it must have had data by now"),
        ],
    )
    def test_an_alarm_that_was_put_anew_waits_for_its_data(self, world, fed, reported, later, outcome):
        """A change of kind puts the alarm on another endpoint: that this has no data yet is no failure of the analysis."""
        put_at = world.time
        if reported is not None:
            put(world, document(start=put_at + reported - HOUR))
        world.time += later
        told = ring(world, "silence", 1, "INSUFFICIENT_DATA", "OK", since=put_at + fed)
        assert outcome == told.outcome
        assert (outcome == "nothing") is ("it was put anew" in told.reason)

    def test_nobody_is_told_when_on_alarm_is_empty(self):
        """The ledger has it all the same."""
        world = model_in_service(on_alarm={"data_quality": []})
        put(world, drifted())
        told = ring(world, "data-quality")
        assert ("drift_found", None, "nothing") == (told.outcome, told.news, told.details["action"])


def test_a_fire_drill(world):
    """A marked alarm goes the same way to people, and nothing follows but the message."""
    found = drill.begin("mortgage", NOW)
    detail = AlarmDetail.model_validate(
        {
            "alarmName": "perennial-fire-drill",
            "state": {"value": "ALARM", "reasonData": json.dumps(json.loads(drill.reason_data(found)))},
        }
    )
    told = on_alarm(detail, "event", world)
    assert ("fire_drill", "mortgage", found.id) == (told.outcome, told.model, told.details["drill"])
    assert told.news
    assert [] == world.hints.sent
    assert (
        on_alarm(event("bias").model_copy(update={"alarm_name": "perennial-fire-drill"}), "e", world) is None
    )
