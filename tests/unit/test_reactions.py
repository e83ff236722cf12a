"""The reactions, on a world in memory: replayed, late, doubled and unordered facts end in the same state."""

import gzip
import io
import json
import tarfile
from datetime import timedelta

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config

from perennial.errors import Conflict
from perennial.notifications.kinds import kind_of
from perennial.reactions.configure_model import MOST_TOLD, configure_model
from perennial.reactions.datasets import champion_of, remember
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.register_model import LOG_LINES, LONGEST_LINE, register_model
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.retraining.history import Asked, written
from perennial.scaling import variant
from perennial.scaling_bounds import Bounds
from perennial.training import Dataset, job_request

YAML = b"model: mortgage\nproblem: binary_classification\ntarget: deny\n"
KEY = "models/mortgage/model.yaml"
ENDPOINT = "perennial-mortgage"
DATASET = Dataset("0123456789ab", "monday", "csv", NOW, NOW)


@pytest.fixture
def world():
    """A world with one configured model."""
    world = InMemoryWorld()
    world.bucket.write(KEY, YAML)
    configure_model(KEY, world)
    world.hints.sent.clear()
    world.ledger.decisions.clear()
    return world


def archive(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


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


class TestConfigureModel:
    def test_a_new_model_gets_its_package_group(self, world):
        """Uploading model.yaml creates the model."""
        assert {"mortgage"} == set(world.registry.groups)
        assert ["mortgage"] == world.catalog.models()

    def test_the_same_again_changes_nothing(self, world):
        """A replayed event decides "nothing" and wakes nobody."""
        assert "nothing" == configure_model(KEY, world).outcome
        assert [] == world.hints.sent

    def test_a_broken_file_leaves_the_last_valid_one(self, world):
        """A refusal names the problem, and the model goes on as it was."""
        world.bucket.write(KEY, YAML + b"gate: {minimun: 1}\n")
        refusal = configure_model(KEY, world)
        assert ("configuration_refused", "error") == (refusal.outcome, refusal.news)
        assert "did you mean 'minimum'?" in refusal.reason
        assert world.catalog.get("mortgage") == config()

    def test_a_refusal_with_a_thousand_problems_fits_an_event(self, world):
        """A wide schema that is wrong in every column is told by its first problems, and how many more there are."""
        wrong = "".join(f"    column_{number}: {{type: integer}}\n" for number in range(3000))
        world.bucket.write(KEY, YAML + f"schema:\n  features:\n{wrong}".encode())
        refusal = configure_model(KEY, world)
        assert refusal.reason.count("did you mean 'int'?") == MOST_TOLD == len(refusal.details)
        assert "; and 2,980 more like these. Correct the file" in refusal.reason
        assert len(json.dumps(refusal.as_dict())) < 20_000

    @pytest.mark.parametrize("body", [b"\xff\xfe", YAML.replace(b"mortgage", b"m" * 40)])
    def test_unreadable_or_unnameable(self, world, body):
        """Bytes that are no text, and names that SageMaker would not take, are refused with the reason."""
        model = "mortgage" if body.startswith(b"\xff") else "m" * 40
        world.bucket.write(f"models/{model}/model.yaml", body)
        assert "configuration_refused" == configure_model(f"models/{model}/model.yaml", world).outcome

    def test_the_sweep_sees_a_file_whose_event_was_lost(self, world):
        """New, changed, or refused: each model.yaml is looked at once, with its event or without."""
        assert () == sweep(world).due
        world.bucket.write(KEY, YAML + b"gate: {minimum: 0.9}\n")
        world.bucket.write("models/other/model.yaml", b"no: model\n")
        world.bucket.write("models/empty/drops/one/a.csv", b"")
        due = [(model, item.reaction) for model, item in sweep(world).due]
        assert [("mortgage", "configure_model"), ("other", "configure_model")] == due
        for model, _ in due:
            configure_model(f"models/{model}/model.yaml", world)
        assert ["configuration_changed", "configuration_refused"] == world.ledger.outcomes
        assert () == sweep(world).due

    def test_readers_are_subscribed_once(self, world):
        """Each address is asked to confirm one subscription, however often the file changes."""
        for extra in (b"", b"gate: {minimum: 0.7}\n"):
            world.bucket.write(KEY, YAML + b"notify: {email: [ann@example.org]}\n" + extra)
            configure_model(KEY, world)
        assert ["ann@example.org"] == world.topic.addresses


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


def approved(world, count=1):
    for _ in range(count):
        world.registry.add("mortgage", "Approved")


def serve(world, version=1):
    """Deploy and settle the newest approved version."""
    deploy_model("mortgage", world, because="test")
    world.endpoints.become(ENDPOINT, "InService", world.state.rollout("mortgage").config_name)
    settle_endpoint("mortgage", world, because="test")
    assert version == world.state.rollout("mortgage").version


class TestDeployAndSettle:
    def test_the_first_approval_creates_the_endpoint(self, world):
        """Model, config and endpoint come from the newest approved version."""
        approved(world)
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="approved").outcome
        assert [
            ("create", ENDPOINT, NAMES.endpoint_config("mortgage", 1, config().endpoint_hash))
        ] == world.endpoints.calls

    def test_in_service_registers_scaling_and_history(self, world):
        """Success: scaling registered, history on the package, the next in the queue woken."""
        approved(world)
        serve(world)
        standing = world.scaling.targets[variant(ENDPOINT)]
        assert Bounds(1, 4) == standing.bounds
        [policy] = standing.policies.values()
        assert 1000.0 == policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        [history] = world.registry.history.values()
        assert any("InService" in entry for entry in history.values())
        assert ("mortgage", "deploy_model", None) in world.hints.sent
        assert "version_in_service" == world.ledger.outcomes[-1]

    def test_a_second_event_changes_nothing(self, world):
        """SageMaker sends several events per change."""
        approved(world)
        serve(world)
        calls = list(world.endpoints.calls)
        assert settle_endpoint("mortgage", world, because="again") is None
        assert "nothing" == deploy_model("mortgage", world, because="again").outcome
        assert calls == world.endpoints.calls

    def test_approvals_during_a_rollout_wait_and_the_newest_wins(self, world):
        """Three approvals while the endpoint is being created: one rollout more, of the third."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        approved(world, 2)
        for version in (2, 3):
            assert "deployment_waits" == deploy_model("mortgage", world, because=f"v{version}").outcome
        world.endpoints.become(ENDPOINT, "InService")
        settle_endpoint("mortgage", world, because="in service")
        assert "endpoint_update_started" == deploy_model("mortgage", world, because="hint").outcome
        assert 3 == world.state.rollout("mortgage").version

    def test_an_approval_while_the_endpoint_scales_is_not_forgotten(self, world):
        """Scaling makes an endpoint busy without a rollout of ours: its end wakes what was approved meanwhile."""
        approved(world)
        serve(world)
        world.endpoints.become(ENDPOINT, "Updating")
        approved(world)
        assert "deployment_waits" == deploy_model("mortgage", world, because="v2").outcome
        world.hints.sent.clear()
        settle_endpoint("mortgage", world, because="scaling began")
        assert [] == world.hints.sent
        world.endpoints.become(ENDPOINT, "InService")
        settle_endpoint("mortgage", world, because="scaling ended")
        assert [("mortgage", "deploy_model", None)] == world.hints.sent

    def test_rejecting_what_serves_rolls_back(self, world):
        """Rejected after Approved: the newest remaining approved version serves again."""
        approved(world)
        serve(world)
        approved(world)
        serve(world, 2)
        world.registry.set_approval("mortgage", 2, "Rejected")
        deploy_model("mortgage", world, because="rejected")
        assert 1 == world.state.rollout("mortgage").version

    def test_a_silent_rollback_is_told_and_not_repeated(self, world):
        """InService on the old config: rolled back, and not tried again until a new approval."""
        approved(world)
        serve(world)
        approved(world)
        deploy_model("mortgage", world, because="v2")
        world.endpoints.become(ENDPOINT, "InService")
        lost = settle_endpoint("mortgage", world, because="in service")
        assert ("rolled_back", "error") == (lost.outcome, lost.news)
        assert "nothing" == deploy_model("mortgage", world, because="sweep").outcome
        again = deploy_model("mortgage", world, because="approved again", approved=2)
        assert "endpoint_update_started" == again.outcome

    def test_killed_before_the_end_was_told(self, world):
        """A rollback that nobody heard of is found by the sweep and told, once."""
        approved(world)
        serve(world)
        approved(world)
        deploy_model("mortgage", world, because="v2")
        world.endpoints.become(ENDPOINT, "InService")

        def die(decision):
            raise TimeoutError

        record, world.ledger.record = world.ledger.record, die
        with pytest.raises(TimeoutError):
            settle_endpoint("mortgage", world, because="in service")
        world.ledger.record = record
        [due] = [item for _, item in sweep(world).due if item.reaction == "settle_endpoint"]
        told = settle_endpoint("mortgage", world, because=due.because, untold=due.subject == UNTOLD)
        assert ("rolled_back", "error") == (told.outcome, told.news)
        assert not [item for _, item in sweep(world).due if item.reaction == "settle_endpoint"]

    def test_a_failed_creation_is_told_and_a_newer_version_replaces_it(self, world):
        """A broken endpoint is removed for the next version; the failed one is not repeated."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        world.endpoints.become(ENDPOINT, "Failed", failure_reason="did not pass the ping health check")
        lost = settle_endpoint("mortgage", world, because="failed")
        assert ("rollout_failed", True) == (lost.outcome, "ping health check" in lost.reason)
        assert "nothing" == deploy_model("mortgage", world, because="sweep").outcome
        approved(world)
        assert "endpoint_deleted" == deploy_model("mortgage", world, because="v2").outcome
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="deleted").outcome

    def test_a_failed_creation_is_tried_again_after_a_new_approval(self, world):
        """The forgiven version gets its new endpoint, also when the broken one takes its time to go."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        world.endpoints.become(ENDPOINT, "Failed", failure_reason="ping")
        settle_endpoint("mortgage", world, because="failed")
        world.time = NOW + timedelta(hours=1)
        assert "endpoint_deleted" == deploy_model("mortgage", world, because="v1 again", approved=1).outcome
        world.hints.sent.clear()
        settle_endpoint("mortgage", world, because="deleted")
        assert [("mortgage", "deploy_model", None)] == world.hints.sent
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="deleted").outcome

    def test_killed_between_writing_and_asking(self, world):
        """The retry of a handler that died before CreateEndpoint creates the endpoint."""
        approved(world)

        def die(*arguments):
            raise TimeoutError

        create, world.endpoints.create = world.endpoints.create, die
        with pytest.raises(TimeoutError):
            deploy_model("mortgage", world, because="v1")
        world.endpoints.create = create
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="retry").outcome

    def test_two_at_once_do_not_overwrite_each_other(self, world):
        """The slower of two handlers is told of the conflict, and its retry sees the other's rollout."""
        approved(world)
        ensure = world.endpoints.ensure_config

        def somebody_else_first(request):
            ensure(request)
            world.endpoints.ensure_config = ensure
            deploy_model("mortgage", world, because="the other")

        world.endpoints.ensure_config = somebody_else_first
        with pytest.raises(Conflict):
            deploy_model("mortgage", world, because="the slower")
        assert 1 == len(world.endpoints.calls)

    def test_another_instance_type_makes_way_first(self, world):
        """SageMaker refuses the update while scaling is registered."""
        approved(world)
        serve(world)
        world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
        deploy_model("mortgage", world, because="configuration")
        assert [variant(ENDPOINT)] == world.scaling.removed

    @pytest.mark.parametrize(("kind", "isolated"), [("realtime", True), ("serverless", False)])
    def test_only_serverless_goes_without_network_isolation(self, world, kind, isolated):
        """SageMaker refuses the isolation of a serverless endpoint's model."""
        world.catalog.put(config(endpoint={"kind": kind}), NOW)
        approved(world)
        deploy_model("mortgage", world, because="v1")
        assert [isolated] == list(world.endpoints.isolated.values())

    def test_changed_scaling_needs_no_rollout(self, world):
        """Other bounds change the policy and nothing else."""
        approved(world)
        serve(world)
        calls = list(world.endpoints.calls)
        world.catalog.put(config(scaling={"max": 8}), NOW)
        assert "scaling_changed" == settle_endpoint("mortgage", world, because="configuration").outcome
        assert calls == world.endpoints.calls

    def test_old_configs_and_models_go(self, world):
        """Beyond the last three they are removed, and what serves stays."""
        for version in range(1, 6):
            approved(world)
            serve(world, version)
        assert 3 == len(world.endpoints.config_requests) == len(world.endpoints.models)
        assert world.endpoints.get(ENDPOINT).config_name in world.endpoints.config_requests

    def test_the_champion_is_what_serves(self, world):
        """A candidate is compared with the version in service, not with the newest."""
        approved(world)
        serve(world)
        approved(world)
        assert 1 == champion_of(config(), world).version
