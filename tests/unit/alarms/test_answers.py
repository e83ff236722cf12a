"""Alarms on a world in memory: each episode is answered once, whatever repeats it, and what follows keeps its limits."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config

sys.path.insert(0, str(Path(__file__).parent))

from samples import AT, HOUR, document, drifted, lost, put

from perennial import drill
from perennial.deployment import EndpointState, Rollout
from perennial.errors import Conflict
from perennial.events import AlarmDetail
from perennial.reactions.answer_alarm import answer_hint, on_alarm
from perennial.reactions.datasets import remember
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.training import Dataset, TrainingJob

ENDPOINT = "perennial-mortgage"
OLD = Dataset("aaaaaaaaaaaa", "monday", "csv", NOW - timedelta(days=9), NOW - timedelta(days=9))
NEW = Dataset("bbbbbbbbbbbb", "tuesday", "csv", NOW, NOW)
MONITORS = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1h", "label_delay": "1h"},
    "bias": {"every": "1h", "facet": "afam", "privileged": "no"},
}


def trained(world, dataset, settings, status="Completed", approval="Approved", at=NOW - timedelta(days=8)):
    """A finished training of a dataset and its version."""
    remember(settings, dataset, world.state)
    name = NAMES.training_job("mortgage", dataset.version, settings.training_hash)
    artefact = f"s3://data/models/mortgage/trainings/{name}/output/model.tar.gz"
    world.jobs.jobs[name] = TrainingJob(
        name, f"arn:{name}", status, at, artefact=artefact, billable_seconds=600, training_seconds=900
    )
    world.state.put("mortgage", f"job#{name}", {"outcome": "x", "reason": f"{approval}: auc", "told": True})
    world.registry.add("mortgage", approval, artefact)
    return name


def serve(world, version, settings, since=NOW - timedelta(hours=2)):
    """That version is in service since then, and its alarms were put."""
    name = NAMES.endpoint_config("mortgage", version, settings.endpoint_hash)
    world.endpoints.endpoints[ENDPOINT] = EndpointState(ENDPOINT, "InService", name, modified_at=since)
    world.state.rollouts["mortgage"] = Rollout(name, version, since, "succeeded", told=True)
    settle_endpoint("mortgage", world, because="it is in service")


@pytest.fixture
def world():
    """A model with all monitors in service, whose newest dataset was not trained on yet."""
    return model_in_service()


def model_in_service(**changes):
    world = InMemoryWorld()
    settings = config(**{"monitors": MONITORS, **changes})
    world.catalog.put(settings, NOW)
    trained(world, OLD, settings)
    serve(world, 1, settings)
    remember(settings, NEW, world.state)
    world.ledger.decisions.clear()
    world.hints.sent.clear()
    return world


def event(intent, value="ALARM", previous="OK", reason_data=""):
    return AlarmDetail.model_validate(
        {
            "alarmName": f"{ENDPOINT}-{intent}",
            "state": {"value": value, "reason": "crossed", "reasonData": reason_data},
            "previousState": {"value": previous},
        }
    )


def ring(world, intent, number=1, value="ALARM", previous="OK"):
    """CloudWatch changes the alarm's state, and its event arrives."""
    world.alarms.become(f"{ENDPOINT}-{intent}", value, world.time, "crossed")
    return on_alarm(event(intent, value, previous), f"event-{intent}-{number}", world)


def started(world):
    return [sent for sent in world.hints.sent if sent[1] == "start_training"]


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
        settings = world.catalog.get("mortgage")
        world.registry.add("mortgage", "Approved")
        serve(world, 2, settings)
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
        serve(world, 2, world.catalog.get("mortgage"))
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

    def test_nobody_is_told_when_on_alarm_is_empty(self):
        """The ledger has it all the same."""
        world = model_in_service(on_alarm={"data_quality": []})
        put(world, drifted())
        told = ring(world, "data-quality")
        assert ("drift_found", None, "nothing") == (told.outcome, told.news, told.details["action"])


class TestOnce:
    def test_a_replayed_event(self, world):
        """Duplicates and replays of an episode change nothing and tell nobody."""
        put(world, drifted())
        ring(world, "data-quality")
        before = list(world.ledger.decisions), list(world.hints.sent)
        for number in (1, 2, 3):
            again = on_alarm(event("data-quality"), f"event-data-quality-{number}", world)
            assert ("nothing", None) == (again.outcome, again.news)
        assert before == (world.ledger.decisions, world.hints.sent)

    def test_a_late_event_of_an_alarm_that_is_well_again(self, world):
        """The alarm as it is counts, not as the event says."""
        put(world, drifted())
        world.alarms.become(f"{ENDPOINT}-data-quality", "OK", NOW)
        assert "nothing" == on_alarm(event("data-quality"), "late", world).outcome
        assert [] == world.ledger.decisions

    def test_a_flapping_alarm(self, world):
        """An episode that comes again within the cooldown is recorded, and neither told nor acted on."""
        put(world, drifted())
        ring(world, "data-quality")
        for number in range(2, 8, 2):
            world.time += HOUR
            cleared = ring(world, "data-quality", number, "OK", "ALARM")
            assert "alarm_cleared" == cleared.outcome
            world.time += HOUR
            again = ring(world, "data-quality", number + 1)
            assert ("alarm_ignored", None) == (again.outcome, again.news)
        assert 1 == world.ledger.outcomes.count("drift_found")
        assert 1 == world.ledger.outcomes.count("retraining_started")
        told = [decision.outcome for decision in world.ledger.decisions if decision.news]
        assert ["drift_found", "alarm_cleared"] == told

    def test_another_trouble_within_the_cooldown_is_told(self, world):
        """Drift is one thing, a broken schema another."""
        put(world, drifted())
        ring(world, "data-quality")
        world.time += HOUR
        ring(world, "data-quality", 2, "OK", "ALARM")
        put(world, drifted(kind="schema", start=AT + HOUR))
        assert "schema_broken" == ring(world, "data-quality", 3).outcome

    def test_two_alarms_of_one_cause(self, world):
        """Data quality and model quality ring together: one training."""
        put(world, drifted(), lost())
        ring(world, "data-quality")
        second = ring(world, "model-quality")
        assert 1 == world.ledger.outcomes.count("retraining_started")
        assert "about to start" in second.details["action"]

    def test_a_handler_that_died_is_repeated(self, world):
        """Killed after it asked for the training and before it told: the retry tells, and asks for no second one."""
        put(world, drifted())

        def die(decision):
            if decision.outcome == "drift_found":
                raise TimeoutError

            world.ledger.decisions.append(decision)

        record, world.ledger.record = world.ledger.record, die
        with pytest.raises(TimeoutError):
            ring(world, "data-quality")
        world.ledger.record = record
        told = on_alarm(event("data-quality"), "event-data-quality-1", world)
        assert "drift_found" == told.outcome
        assert "retraining started" in told.details["action"]
        assert 1 == len(world.state.get("mortgage", "retraining")["asked"])

    def test_two_handlers_at_once(self, world):
        """The slower one meets the faster one's request for a training, and its retry sees it in flight."""
        put(world, drifted(), lost())
        get, raced = world.state.get, []

        def racing(model, name):
            known = get(model, name)
            if name == "retraining" and not raced:
                raced.append(True)
                ring(world, "model-quality")
            return known

        world.state.get = racing
        with pytest.raises(Conflict):
            ring(world, "data-quality")
        told = on_alarm(event("data-quality"), "event-data-quality-1", world)
        assert "retraining withheld" in told.details["action"]
        assert 1 == world.ledger.outcomes.count("retraining_started")

    def test_the_sweep_finds_what_was_lost(self, world):
        """An alarm that rings and was not answered is answered after the next sweep."""
        put(world, drifted())
        world.alarms.become(f"{ENDPOINT}-data-quality", "ALARM", NOW)
        assert [("answer_alarm", "data-quality")] == [
            (item.reaction, item.subject) for _, item in sweep(world).due if item.reaction == "answer_alarm"
        ]
        assert "drift_found" == answer_hint("mortgage", "data-quality", "sweep-1", world).outcome
        assert [] == [item for _, item in sweep(world).due if item.reaction == "answer_alarm"]

    def test_another_trouble_while_it_rings(self, world):
        """The alarm rings for drift, and a column goes missing meanwhile: no event tells, the sweep does."""
        put(world, drifted("pirat"))
        ring(world, "data-quality")
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        put(world, drifted("chist", start=AT + HOUR))
        assert "data-quality" in [item.subject for _, item in sweep(world).due]
        same = answer_hint("mortgage", "data-quality", "sweep-1", world)
        assert ("nothing", None) == (same.outcome, same.news)
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        put(world, drifted("hir", kind="schema", start=AT + 2 * HOUR))
        other = answer_hint("mortgage", "data-quality", "sweep-2", world)
        assert ("schema_broken", "error") == (other.outcome, other.news)
        put(world, drifted("pirat", start=AT + 3 * HOUR))
        assert "nothing" == answer_hint("mortgage", "data-quality", "sweep-3", world).outcome
        assert ["drift_found", "schema_broken"] == [d.outcome for d in world.ledger.decisions if d.news]

    def test_another_missing_column_is_told(self, world):
        """Each broken column is a page, within the cooldown, too."""
        for number, name in enumerate(("hir", "pirat", "hir")):
            put(world, drifted(name, kind="schema", start=AT + number * HOUR))
            ring(world, "data-quality", 2 * number)
            world.time += HOUR
            ring(world, "data-quality", 2 * number + 1, "OK", "ALARM")
            world.time += HOUR
        assert 2 == world.ledger.outcomes.count("schema_broken")

    def test_a_trouble_that_lasts_is_answered_again(self):
        """What the cooldown withheld is asked for again when it is over; the alarm need not ring anew for it."""
        traffic = {"retraining": {"data": "traffic", "cooldown_hours": 24}, "monitors": MONITORS}
        world = model_in_service(**traffic)
        asked = {
            "at": (NOW - HOUR).isoformat(),
            "signature": "x",
            "because": "y",
            "usd": 0.1,
            "instance": "ml.m5.large",
        }
        asked |= {
            "data": "traffic",
            "drop": "retraining-1",
            "dataset": None,
            "asked_by": None,
            "status": "asked",
        }
        world.state.put("mortgage", "retraining", {"asked": [asked]})
        put(world, drifted())
        told = ring(world, "data-quality")
        assert "the cooldown of 24 hours ends at 2026-03-02 11:00 UTC" in told.details["action"]
        world.time += timedelta(hours=22)
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        world.time += HOUR
        assert "data-quality" in [item.subject for _, item in sweep(world).due]
        again = answer_hint("mortgage", "data-quality", "sweep-1", world)
        assert ("drift_found", "warning") == (again.outcome, again.news)
        assert "retraining started" in again.details["action"]
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]

    def test_well_again(self, world):
        """Who heard of the trouble hears of its end, once."""
        put(world, drifted())
        ring(world, "data-quality")
        world.time += HOUR
        cleared = ring(world, "data-quality", 2, "OK", "ALARM")
        assert ("alarm_cleared", "info") == (cleared.outcome, cleared.news)
        assert "nothing" == on_alarm(event("data-quality", "OK", "ALARM"), "again", world).outcome

    def test_a_new_alarm_pages_nobody(self, world):
        """From INSUFFICIENT_DATA to OK is no news."""
        assert "nothing" == ring(world, "data-quality", 1, "OK", "INSUFFICIENT_DATA").outcome
        assert [] == world.ledger.decisions

    @pytest.mark.parametrize(
        "name", ["perennial-DeadLetters-1", "perennial-unknown-data-quality", "perennial-mortgage-other"]
    )
    def test_others_alarms(self, world, name):
        """Alarms that are no model's are nobody's business here."""
        detail = event("data-quality").model_copy(update={"alarm_name": name})
        assert on_alarm(detail, "event", world) is None


class TestWatching:
    def test_alarms_are_put_once_and_follow_the_configuration(self, world):
        """What is so already is not put again; a monitor that goes takes its alarms with it."""
        count = world.alarms.put_count
        settle_endpoint("mortgage", world, because="again")
        assert count == world.alarms.put_count
        world.catalog.put(config(monitors={"data_quality": None}), NOW)
        assert "alarms_changed" == settle_endpoint("mortgage", world, because="changed").outcome
        assert {f"{ENDPOINT}-latency", f"{ENDPOINT}-errors"} == set(world.alarms.standing)

    def test_no_alarm_before_a_version_serves(self):
        """An endpoint that is being created has nothing to watch."""
        world = InMemoryWorld()
        world.catalog.put(config(), NOW)
        settle_endpoint("mortgage", world, because="an event")
        assert {} == world.alarms.standing

    def test_an_alarm_that_somebody_deleted(self, world):
        """The sweep sees it, and it is put again."""
        del world.alarms.standing[f"{ENDPOINT}-errors"]
        assert "settle_endpoint" in [item.reaction for _, item in sweep(world).due]
        settle_endpoint("mortgage", world, because="sweep")
        assert f"{ENDPOINT}-errors" in world.alarms.standing

    def test_alarms_without_data_are_told_once(self, world):
        """They are as good as none, and one message says so."""
        world.time += timedelta(hours=6)
        assert ("answer_alarm", "without-data") in [
            (item.reaction, item.subject) for _, item in sweep(world).due
        ]
        told = answer_hint("mortgage", "without-data", "sweep", world)
        assert ("alarm_without_data", "warning") == (told.outcome, told.news)
        assert "data-quality" in told.reason
        assert answer_hint("mortgage", "without-data", "sweep", world) is None
        assert [] == [item for _, item in sweep(world).due if item.subject == "without-data"]

    def test_what_cannot_be_watched_is_told_once(self):
        """An alarm that cannot be is no secret."""
        world = InMemoryWorld()
        settings = config(capture={"percent": 0})
        world.catalog.put(settings, NOW)
        serve(world, 1, settings)
        [told] = world.ledger.decisions[-1:]
        assert ("alarms_changed", "info") == (told.outcome, told.news)
        assert "nothing is captured" in told.reason
        assert settle_endpoint("mortgage", world, because="again") is None


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
