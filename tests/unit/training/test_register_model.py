"""The end of a training job becomes a version or a failure that is told, however often and late it is heard."""

import gzip
import json

import pytest
from archives import archive
from configured_model import configured
from fakes import NAMES, NOW, config

from perennial.notifications.kinds import kind_of
from perennial.reactions.datasets import remember
from perennial.reactions.register_model import LOG_LINES, LONGEST_LINE, register_model
from perennial.retraining.history import Asked, written
from perennial.training import Dataset, job_request

DATASET = Dataset("0123456789ab", "monday", "csv", NOW, NOW)


@pytest.fixture
def world():
    return configured()


def evaluation(auc=0.9):
    return json.dumps(
        {
            "version": 1,
            "problem": "binary_classification",
            "target": "deny",
            "estimator": "gradient_boosting",
            "rows": {"total": 1000, "training": 800, "holdout": 200},
            "metrics": {"auc": auc},
            "champion": None,
            "bias": None,
        }
    ).encode()


def trained(world, output=None, **changes):
    """A finished training job, and what it left in the bucket."""
    settings = world.catalog.get("mortgage")
    name = NAMES.training_job("mortgage", DATASET.version, settings.training_hash)
    remember(settings, DATASET, world.state)
    world.jobs.create(job_request(name, DATASET, settings, None, world.platform, NAMES))
    ended = {
        "status": "Completed",
        "artefact": f"s3://data/models/mortgage/trainings/{name}/output/model.tar.gz",
    }
    world.jobs.finish(name, **(ended | changes))
    if output is not None:
        world.bucket.write(f"models/mortgage/trainings/{name}/output/output.tar.gz", output)
    return name


class TestRegisterModel:
    def test_a_completed_job_becomes_a_version(self, world):
        """The version carries the metrics, and a person is told that the gate asks."""
        decision = register_model(trained(world, archive({"evaluation.json": evaluation()})), world)
        assert ("version_registered", "info") == (decision.outcome, decision.news)
        assert "PendingManualApproval" == world.registry.versions("mortgage")[0].approval
        assert "0.9" == decision.details["auc"]

    def test_twice_is_once(self, world):
        """A doubled event makes no second version."""
        name = trained(world, archive({"evaluation.json": evaluation()}))
        register_model(name, world)
        assert "nothing" == register_model(name, world).outcome
        assert 1 == len(world.registry.versions("mortgage"))

    @pytest.mark.parametrize(
        ("asked_by", "status", "lasts"),
        [
            pytest.param(None, "answered", True, id="its alarm rings"),
            pytest.param(None, "cleared", False, id="its alarm is over"),
            pytest.param("@ada", "answered", False, id="a person asked"),
        ],
    )
    def test_a_retraining_that_did_not_help_is_no_good_news(self, world, asked_by, status, lasts):
        """A version that an alarm asked for, and that the gate refuses, needs a person while the alarm rings."""
        because = "alarm perennial-mortgage-model-quality is ALARM since 2026-11-23 11:27:54 UTC"
        asked = Asked(
            NOW, "quality-1", because, 0.1, "ml.m5.large", "dataset", asked_by, dataset=DATASET.version
        )
        world.state.put("mortgage", "retraining", written([asked], NOW), expected=None)
        world.state.put("mortgage", "alarm#model-quality", {"status": status}, expected=None)
        world.catalog.put(config(gate={"minimum": 0.95}), NOW)
        decision = register_model(trained(world, archive({"evaluation.json": evaluation()})), world)
        assert ("version_registered", "Rejected") == (decision.outcome, decision.details["approval"])
        assert lasts is ("that lasts" in decision.reason)
        told = kind_of(decision.outcome, decision.news, decision.details)
        assert ("soon" if lasts else "none") == told.urgency

    def test_killed_before_it_was_told(self, world):
        """A verdict that reached nobody is told by the retry."""
        name = trained(world, archive({"evaluation.json": evaluation()}))

        def die(decision):
            raise TimeoutError

        record, world.ledger.record = world.ledger.record, die
        with pytest.raises(TimeoutError):
            register_model(name, world)
        world.ledger.record = record
        assert "version_registered" == register_model(name, world).outcome
        assert (["version_registered"], 1) == (
            world.ledger.outcomes,
            len(world.registry.versions("mortgage")),
        )

    def test_killed_before_it_was_remembered(self, world):
        """A handler killed after CreateModelPackage is done again, to the same version."""
        name = trained(world, archive({"evaluation.json": evaluation()}))
        register_model(name, world)
        world.state.documents.pop(("mortgage", f"job#{name}"))
        register_model(name, world)
        assert 1 == len(world.registry.versions("mortgage"))

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            pytest.param(None, "left no models/mortgage", id="no output"),
            pytest.param(archive({"other.json": b"{}"}), "holds no evaluation.json", id="no evaluation"),
            pytest.param(archive({"evaluation.json": b"{}"}), "is not as expected", id="another shape"),
            pytest.param(b"not a tar", "not a readable tar.gz", id="no archive"),
            pytest.param(gzip.compress(b"x" * 1000)[:30], "not a readable tar.gz", id="cut off"),
        ],
    )
    def test_a_bad_output_is_told(self, world, output, words):
        """What the container left is named, and no version appears."""
        decision = register_model(trained(world, output), world)
        assert ("registration_refused", "error", True) == (
            decision.outcome,
            decision.news,
            words in decision.reason,
        )
        assert [] == world.registry.versions("mortgage")

    def test_lack_of_capacity_is_tried_again(self, world):
        """The retry has its own name, the same data and the same settings."""
        name = trained(world, status="Failed", artefact=None, failure_reason="CapacityError: no capacity")
        assert "training_retried" == register_model(name, world).outcome
        assert f"{name}-r1" in world.jobs.jobs

    def test_other_settings_are_not_retried_under_the_old_name(self, world):
        """A job's name promises its settings."""
        name = trained(world, status="Failed", artefact=None, failure_reason="CapacityError: no capacity")
        world.catalog.put(config(training={"seed": 7}), NOW)
        assert "training_failed" == register_model(name, world).outcome

    def test_a_failed_job_is_told_with_its_last_log_lines(self, world):
        """The notice has the reason and the end of the log."""
        world.jobs.log = ["line 1", "Error: the target has one class"]
        name = trained(
            world, status="Failed", artefact=None, failure_reason="AlgorithmError: one class, exit code: 1"
        )
        decision = register_model(name, world)
        assert ("training_failed", "error") == (decision.outcome, decision.news)
        assert "one class" in decision.reason
        assert decision.details["log"].endswith("the target has one class")

    def test_a_failed_job_with_huge_log_lines_fits_an_event(self, world):
        """A line of a log may be larger than an event: its beginning is told."""
        world.jobs.log = ["row: " + "1.0, " * 60_000] * LOG_LINES
        failed = trained(world, status="Failed", artefact=None, failure_reason="AlgorithmError: exit code: 1")
        log = register_model(failed, world).details["log"]
        assert log.startswith("row: 1.0,")
        assert len(log) <= LOG_LINES * (LONGEST_LINE + 1)

    def test_the_end_of_a_job_wakes_the_next_training(self, world):
        """A dataset that waited for the job in flight has its turn."""
        register_model(trained(world, archive({"evaluation.json": evaluation()})), world)
        assert ("mortgage", "start_training", None) in world.hints.sent

    @pytest.mark.parametrize("name", ["somebody-elses-job", "perennial-mortgage-0123456789ab-012345"])
    def test_other_jobs_are_left_alone(self, world, name):
        """A job that is not ours, or is gone, is no fact for us."""
        assert register_model(name, world) is None

    def test_a_running_job_is_left_alone(self, world):
        """Secondary status changes come as events, too."""
        assert register_model(trained(world, status="InProgress", artefact=None), world) is None
