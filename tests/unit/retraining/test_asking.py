"""Trainings, rollbacks and traffic that alarms and people ask for, on a world in memory."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from alarms.samples import drifted, put
from fakes import NOW, InMemoryWorld, config
from served_model import DAY, HOUR, NEW, OLD, serve, trained

from perennial.reactions.collect_traffic import collect_traffic
from perennial.reactions.datasets import remember
from perennial.reactions.retrain import retrain
from perennial.reactions.roll_back import roll_back
from perennial.reactions.start_training import start_training
from perennial.reactions.sweep import sweep

TRAFFIC = {"retraining": {"data": "traffic", "traffic_days": 2}, "intake": {"min_rows": 10}}


def model_in_service(**changes):
    world = InMemoryWorld()
    world.catalog.put(config(**changes), NOW)
    trained(world, OLD)
    serve(world, 1)
    return world


@pytest.fixture
def world():
    """Version 1, trained on Monday's data, is in service."""
    return model_in_service()


def ask(world, signature="drift-1", **more):
    return retrain("mortgage", world, because=f"alarm at {world.time}", signature=signature, **more)


class TestDatasets:
    def test_nothing_newer(self, world):
        """What the version in service knows already teaches nothing."""
        told = ask(world)
        assert ("retraining_withheld", None) == (told.outcome, told.news)
        assert "drop new data, or set retraining.data: traffic" in told.reason

    def test_a_newer_dataset(self, world):
        """It is trained on by the same reaction as every dataset, and the job's name is known beforehand."""
        remember(world.catalog.get("mortgage"), NEW, world.state)
        told = ask(world)
        assert ("retraining_started", "bbbbbbbbbbbb") == (told.outcome, told.details["dataset"])
        assert [("mortgage", "start_training", None)] == world.hints.sent
        start_training("mortgage", world)
        assert told.details["job"] in world.jobs.jobs

    def test_a_refused_candidate_is_not_trained_again(self, world):
        """The newest dataset lost against the champion: the same again would lose again."""
        trained(world, NEW, approval="Rejected", at=NOW - HOUR, reason="Rejected: auc gains -0.01")
        assert "auc gains -0.01" in ask(world).reason

    @pytest.mark.parametrize("person", [None, "@ada"])
    @pytest.mark.parametrize(
        ("happen", "words"),
        [
            pytest.param(
                lambda world: trained(world, NEW, "InProgress", at=NOW), "is under way", id="a job runs"
            ),
            pytest.param(
                lambda world: trained(world, NEW, approval="PendingManualApproval", at=NOW),
                "version 2 is newer than the one in service and awaits approval",
                id="a version waits for a person",
            ),
            pytest.param(
                lambda world: trained(world, NEW, at=NOW),
                "on its way into service",
                id="a version is rolled out",
            ),
            pytest.param(
                lambda world: (remember(world.catalog.get("mortgage"), NEW, world.state), ask(world)),
                "is about to start",
                id="one was asked for a moment ago",
            ),
        ],
    )
    def test_one_at_a_time(self, world, happen, words, person):
        """Neither an alarm nor a person starts a second one."""
        happen(world)
        world.time += timedelta(minutes=1)
        assert words in ask(world, asked_by=person).reason

    def test_a_person_passes_the_cooldown(self, world):
        """And hears what came of it."""
        remember(world.catalog.get("mortgage"), NEW, world.state)
        ask(world)
        start_training("mortgage", world)
        [job] = [job for job in world.jobs.jobs.values() if job.status == "InProgress"]
        world.jobs.finish(job.name, status="Failed")
        world.state.put("mortgage", f"job#{job.name}", {"outcome": "x", "reason": "no luck", "told": True})
        world.time += HOUR
        newest = replace(NEW, version="cccccccccccc", dropped_at=NOW + HOUR)
        remember(world.catalog.get("mortgage"), newest, world.state)
        assert "cooldown" in ask(world, signature="other").reason
        told = ask(world, asked_by="@ada")
        assert ("retraining_started", "info", "@ada") == (told.outcome, told.news, told.details["by"])

    def test_the_budget_counts_what_was_billed(self):
        """Billed seconds at the on-demand price, and the next one as long as the last."""
        world = model_in_service(
            retraining={"cooldown_hours": 0, "max_monthly_usd": 0.07}, training={"instance": "ml.m5.xlarge"}
        )
        remember(world.catalog.get("mortgage"), NEW, world.state)
        assert "0.06 USD at most" == ask(world).details["cost"]  # 900 s of 0.23 USD an hour
        start_training("mortgage", world)
        [job] = [job for job in world.jobs.jobs.values() if job.status == "InProgress"]
        ended = {"status": "Completed", "billable_seconds": 300, "training_seconds": 900}
        world.jobs.finish(job.name, **ended)
        world.state.put("mortgage", f"job#{job.name}", {"outcome": "x", "reason": "Rejected", "told": True})
        world.time += HOUR
        newest = replace(NEW, version="cccccccccccc", dropped_at=NOW + HOUR)
        remember(world.catalog.get("mortgage"), newest, world.state)
        told = ask(world, signature="other")
        assert "0.02 USD are spent this month and this training may cost 0.06" in told.reason

    def test_an_unlisted_instance(self):
        """It counts as the dearest, and the reason says so."""
        world = model_in_service(training={"instance": "ml.z9.huge"}, retraining={"max_monthly_usd": 1})
        remember(world.catalog.get("mortgage"), NEW, world.state)
        assert "ml.z9.huge is not in the table" in ask(world).reason


class TestTraffic:
    def test_it_becomes_a_drop(self):
        """The drop is named by the time, so that a repetition means the same one."""
        world = model_in_service(**TRAFFIC)
        told = ask(world)
        assert ("retraining_started", "retraining-20260301T120000") == (told.outcome, told.details["drop"])
        assert [("mortgage", "collect_traffic", "retraining-20260301T120000")] == world.hints.sent

    @pytest.mark.parametrize(
        ("happens", "minutes", "again"),
        [
            pytest.param("", 10, False, id="its function may be at it"),
            pytest.param("", 20, True, id="nobody has collected it"),
            pytest.param("written", 20, False, id="it is there"),
            pytest.param("withdrawn", 20, False, id="there was too little of it"),
            pytest.param("", 40, False, id="nobody waits for it any more"),
        ],
    )
    def test_a_hint_that_was_lost_is_given_again(self, happens, minutes, again):
        """Whoever asked died before he handed on, or the function did: the sweep has the traffic collected."""
        world = model_in_service(**TRAFFIC)
        drop = ask(world).details["drop"]
        if happens == "written":
            world.bucket.write(f"models/mortgage/drops/{drop}/manifest.json", b"{}")
        if happens == "withdrawn":
            collect(world)
        world.time += timedelta(minutes=minutes)
        due = [item.subject for _, item in sweep(world).due if item.reaction == "collect_traffic"]
        assert ([drop] if again else []) == due

    def test_what_did_not_help_is_not_repeated_before_new_traffic(self):
        """The version trained for this reason serves, and the alarm is still there."""
        world = model_in_service(**TRAFFIC)
        drop = ask(world).details["drop"]
        world.state.put("mortgage", f"drop#{drop}", {"outcome": "pinned", "dataset": NEW.version})
        trained(world, NEW, at=world.time + timedelta(minutes=1))
        world.time += 2 * DAY
        serve(world, 2, world.time)
        assert "is in service and the trouble is still there" in ask(world).reason
        assert "retraining_started" == ask(world, signature="drift-2").outcome
        world.time += 6 * DAY
        assert "retraining_started" == ask(world).outcome


@pytest.fixture
def collecting():
    """A model that learns from its traffic and has asked for a training."""
    world = model_in_service(**TRAFFIC)
    schema = {
        "version": 1,
        "problem": "binary_classification",
        "target": "deny",
        "classes": ["no", "yes"],
        "format": "csv",
        "rows": 100,
        "drop": [],
        "features": [
            {"name": "pirat", "type": "float", "nullable": True},
            {"name": "a,b", "type": "string", "nullable": True},
        ],
    }
    world.bucket.write(f"models/mortgage/datasets/{OLD.version}/schema.json", json.dumps(schema).encode())
    ask(world)
    return world


def collect(world, drop="retraining-20260301T120000"):
    return collect_traffic("mortgage", world, drop=drop, because="an alarm")


class TestCollectTraffic:
    FOLDER = "models/mortgage/drops/retraining-20260301T120000/"

    def test_rows_become_an_ordinary_drop(self, collecting):
        """Columns of the schema and the target, a manifest that says which parts there are."""
        collecting.labelled.found = [("0.3", "x,y", "yes")] * 12
        told = collect(collecting)
        assert ("traffic_collected", "12") == (told.outcome, told.details["rows"])
        [part] = json.loads(collecting.bucket.read(self.FOLDER + "manifest.json"))["files"]
        lines = collecting.bucket.read(self.FOLDER + part).decode().splitlines()
        assert ['pirat,"a,b",deny', '0.3,"x,y",yes'] == lines[:2]
        assert 13 == len(lines)

    def test_the_window_ends_at_the_drops_time(self, collecting):
        """A repetition an hour later asks for the same traffic."""
        collecting.time += HOUR
        collect(collecting)
        [asked] = collecting.labelled.asked
        assert (NOW - 2 * DAY, NOW) == (asked.start, asked.end)
        assert (["pirat", "a,b"], ("no", "yes")) == (asked.features, asked.classes)

    def test_what_the_traffic_has_become_comes_first(self, collecting):
        """Since the inputs changed, if that is enough to learn from; else all that the model asks for."""
        put(collecting, drifted(start=NOW - 2 * HOUR))
        put(collecting, drifted(start=NOW - HOUR))
        collecting.labelled.found = [("0.3", "x", "yes")] * 12
        collect(collecting)
        assert [NOW - 2 * HOUR] == [asked.start for asked in collecting.labelled.asked]

    def test_too_little_since_it_changed(self, collecting):
        """A few rows of the new world are taught along with the old."""
        put(collecting, drifted(start=NOW - HOUR))
        collecting.labelled.found = [("0.3", "x", "yes")] * 3
        collect(collecting)
        assert [NOW - HOUR, NOW - 2 * DAY] == [asked.start for asked in collecting.labelled.asked]

    def test_twice_is_once(self, collecting):
        """What is written is not written again."""
        collecting.labelled.found = [("0.3", "x", "yes")] * 12
        collect(collecting)
        before = dict(collecting.bucket.bodies)
        assert "nothing" == collect(collecting).outcome
        assert before == collecting.bucket.bodies

    def test_too_few_rows(self, collecting):
        """Nothing is dropped, a person hears the numbers, and the training that will not come does not count."""
        collecting.bucket.write(
            "models/mortgage/capture/perennial-mortgage/AllTraffic/2026/03/01/10/a.jsonl", b"x"
        )
        collecting.labelled.found = [("0.3", "x", "yes")] * 3
        told = collect(collecting)
        assert ("retraining_withheld", "warning") == (told.outcome, told.news)
        assert "3 rows with a label, fewer than intake.min_rows (10)" in told.reason
        assert "4 captured requests" in told.reason
        assert [] == [key for key in collecting.bucket.bodies if key.startswith(self.FOLDER)]
        assert "retraining_started" == ask(collecting).outcome

    def test_without_a_schema(self, collecting):
        """Requests without a header cannot be read."""
        collecting.bucket.bodies.clear()
        assert "schema" in collect(collecting).reason

    def test_memory_is_bounded(self, collecting, monkeypatch):
        """Rows leave memory part by part, and no more than the most are taken."""
        monkeypatch.setattr("perennial.reactions.collect_traffic.PART_ROWS", 20)
        monkeypatch.setattr("perennial.reactions.collect_traffic.MOST_ROWS", 50)
        drawn = []

        def endless(captures, labels, wanted):
            while True:
                drawn.append(1)
                yield ("1", "x", "no")

        collecting.labelled.rows = endless
        told = collect(collecting)
        assert ("50", 50) == (told.details["rows"], len(drawn))
        parts = json.loads(collecting.bucket.read(self.FOLDER + "manifest.json"))["files"]
        assert ["traffic-000.csv", "traffic-001.csv", "traffic-002.csv"] == parts

    @pytest.mark.parametrize("drop", ["", "monday", "retraining-now"])
    def test_others_drops(self, collecting, drop):
        """Only drops of ours are written."""
        assert collect(collecting, drop) is None


class TestRollBack:
    def test_the_newest_approved_one_takes_its_place(self, world):
        """The version in service is rejected, with who and why."""
        world.registry.add("mortgage", "Approved")
        world.registry.add("mortgage", "Approved")
        serve(world, 3)
        told = roll_back("mortgage", world, because="@ada asked for it", asked_by="@ada", version=3)
        assert ("rollback_started", "warning", "2") == (told.outcome, told.news, told.details["to"])
        rejected = world.registry.get("mortgage", 3)
        assert ("Rejected", True) == (rejected.approval, "rejected by @ada" in rejected.decided)

    @pytest.mark.parametrize(
        ("happen", "version", "words"),
        [
            pytest.param(
                lambda world: None, None, "no other approved version than 1", id="nothing to go back to"
            ),
            pytest.param(lambda world: None, 7, "version 7 is not in service any more", id="a stale button"),
            pytest.param(
                lambda world: serve(world, 1, status="Updating"), None, "is Updating", id="a rollout"
            ),
            pytest.param(
                lambda world: world.registry.set_approval("mortgage", 1, "Rejected"),
                None,
                "already",
                id="twice",
            ),
            pytest.param(
                lambda world: world.registry.add("mortgage", "Approved"),
                None,
                "newer",
                id="a newer one is approved",
            ),
            pytest.param(
                lambda world: world.endpoints.endpoints.clear(), None, "no version of ours", id="no endpoint"
            ),
        ],
    )
    def test_withheld(self, world, happen, version, words):
        """Nothing is rejected without something to take its place, and the ledger says why."""
        happen(world)
        before = list(world.registry.versions("mortgage"))
        told = roll_back("mortgage", world, because="an alarm", version=version)
        assert "rollback_withheld" == told.outcome == world.ledger.outcomes[-1]
        assert words in told.reason
        assert before == list(world.registry.versions("mortgage"))
