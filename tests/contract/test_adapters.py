"""The fakes of the unit tests and the adapters to AWS do the same: each case runs on memory and on a twin."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fakes
import pytest

from perennial.aws.autoscaling import ApplicationAutoScaling
from perennial.aws.bucket import S3Bucket
from perennial.aws.bus import EventBus
from perennial.aws.endpoints import SageMakerEndpoints
from perennial.aws.registry import SageMakerModelRegistry
from perennial.aws.table import Table, TableCatalog, TableLedger, TableState
from perennial.aws.topic import SnsTopic
from perennial.aws.training_jobs import SageMakerExperiments, SageMakerTrainingJobs
from perennial.decision import Decision
from perennial.deployment import EndpointState, Rollout, config_request, deployment_config
from perennial.errors import Conflict
from perennial.scaling import changes, variant, wanted
from perennial.scaling_bounds import Bounds, Raised
from perennial.training import Dataset, Platform, job_request

sys.path.insert(0, str(Path(__file__).parent / "twin"))

from running_twin import Twin, allow, answering, eventually, free_port, launch, unique
from serving_endpoints import artefact

NAMES = fakes.NAMES
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/perennial@sha256:" + 64 * "0"
HASH = "abcdef"
QUICK = {"rollout": {"type": "all_at_once", "bake_minutes": 0}}


@dataclass
class World:
    """The adapters of one kind, and the few things that each kind is asked or helped with in its own way."""

    bucket: Any
    catalog: Any
    state: Any
    ledger: Any
    jobs: Any
    experiments: Any
    registry: Any
    endpoints: Any
    scaling: Any
    topic: Any
    platform: Platform
    kept: Callable[[str], int]
    history: Callable[[str], dict[str, str]]
    settle: Callable[[str, str], None]

    def package(self, model: str, token: str, approval: str = "Approved") -> str:
        """Register a version whose artefact exists."""
        key = f"models/{model}/trainings/{token}/output/model.tar.gz"
        self.bucket.write(key, artefact(answer=token), "application/x-tar")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{self.bucket.name}/{key}"}
        return str(
            self.registry.create(
                {
                    "ModelPackageGroupName": NAMES.package_group(model),
                    "InferenceSpecification": {
                        "Containers": [container],
                        "SupportedContentTypes": ["text/csv"],
                        "SupportedResponseMIMETypes": ["text/csv"],
                        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
                    },
                    "ModelApprovalStatus": approval,
                    "ClientToken": token.rjust(36, "0"),
                }
            )
        )


def in_memory() -> World:
    world = fakes.InMemoryWorld()

    def settle(endpoint: str, config_name: str) -> None:
        world.endpoints.become(endpoint, "InService", config_name)

    return World(
        *(world.bucket, world.catalog, world.state, world.ledger, world.jobs, world.experiments),
        *(world.registry, world.endpoints, world.scaling, world.topic, world.platform),
        kept=lambda model: len([d for d in world.ledger.decisions if d.model == model]),
        history=lambda arn: world.registry.history.get(arn, {}),
        settle=settle,
    )


def on_twin(twin: Twin) -> World:
    bucket, table, bus = unique("data"), unique("ledger"), unique("bus")
    twin.client("s3").create_bucket(Bucket=bucket)
    twin.client("events").create_event_bus(Name=bus)
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    twin.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=keys,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    topic = twin.client("sns").create_topic(Name=unique("alerts"))["TopicArn"]
    role = twin.role(unique("role"), allow(["s3:*", "logs:*", "cloudwatch:*"]))
    sagemaker, items = twin.client("sagemaker"), Table(table, twin.client("dynamodb"))

    def kept(model: str) -> int:
        return len(list(items.query(f"model#{model}")))

    def history(arn: str) -> dict[str, str]:
        package = sagemaker.describe_model_package(ModelPackageName=arn)
        return dict(package.get("CustomerMetadataProperties", {}))

    def settle(endpoint: str, config_name: str) -> None:
        def done() -> bool:
            found = sagemaker.describe_endpoint(EndpointName=endpoint)
            return (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config_name)

        eventually(done, 60)

    return World(
        S3Bucket(bucket, twin.client("s3")),
        TableCatalog(items),
        TableState(items),
        TableLedger(items, EventBus(bus, twin.client("events"))),
        SageMakerTrainingJobs(NAMES, sagemaker, twin.client("logs")),
        SageMakerExperiments(sagemaker),
        SageMakerModelRegistry(NAMES, sagemaker),
        SageMakerEndpoints(NAMES, role, sagemaker),
        ApplicationAutoScaling(twin.client("application-autoscaling")),
        SnsTopic(topic, twin.client("sns")),
        Platform(bucket, IMAGE, role, "abc123"),
        kept,
        history,
        settle,
    )


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Adapters to a twin, with containers that do as they are told."""
    twin = answering(launch(tmp_path_factory.mktemp("adapters"), free_port()))
    yield on_twin(twin)
    assert twin.stop() == 0


@pytest.fixture(params=["memory", "twin"])
def world(request: pytest.FixtureRequest) -> World:
    return in_memory() if request.param == "memory" else request.getfixturevalue("started")


@pytest.fixture
def model() -> str:
    return unique("model")


class TestBucket:
    def test_what_was_written_is_listed_and_read(self, world: World, model: str) -> None:
        """Keys in order with sizes; the same bytes have the same etag, others another."""
        prefix = f"models/{model}/drops/one/"
        for name, body in (("b.csv", b"x\n1\n"), ("a b,ü.csv", b"x\n1\n"), ("c.csv", b"x\n2\n")):
            world.bucket.write(prefix + name, body)
        listed = world.bucket.list(prefix)
        assert [item.key.removeprefix(prefix) for item in listed] == ["a b,ü.csv", "b.csv", "c.csv"]
        assert [item.size for item in listed] == [4, 4, 4]
        assert listed[0].etag == listed[1].etag != listed[2].etag
        assert all(item.last_modified.tzinfo for item in listed)
        assert world.bucket.read(prefix + "c.csv") == world.bucket.open(prefix + "c.csv").read() == b"x\n2\n"

    def test_what_is_not_there(self, world: World, model: str) -> None:
        """An absent key reads as None, an absent prefix lists as empty."""
        assert world.bucket.read(f"models/{model}/nothing") is None
        assert list(world.bucket.list(f"models/{model}/")) == []

    def test_folders(self, world: World, model: str) -> None:
        """Names one level below a prefix, without the files there."""
        for key in ("one/a.csv", "two/deep/b.csv", "single.csv"):
            world.bucket.write(f"models/{model}/{key}", b"")
        assert list(world.bucket.names_under(f"models/{model}/")) == ["one", "two"]

    def test_ranged_reading(self, world: World, model: str) -> None:
        """A ranged file seeks from its end, as formats with an index there need it."""
        world.bucket.write(f"models/{model}/x", b"0123456789")
        with world.bucket.open_ranged(f"models/{model}/x") as file:
            assert file.seek(-3, io.SEEK_END) == 7
            assert file.read() == b"789"
            file.seek(2)
            assert file.read(3) == b"234"


class TestState:
    def test_documents_by_prefix(self, world: World, model: str) -> None:
        """Documents come back as they were, by the rest of their name, and only the model's own."""
        world.state.put(model, "drop#b", {"outcome": "pinned", "n": 1})
        world.state.put(model, "drop#a", {"outcome": "ünder", "flag": False})
        world.state.put(model, "schema", {})
        world.state.put(model + "-x", "drop#c", {})
        assert world.state.all(model, "drop#") == {
            "a": {"outcome": "ünder", "flag": False},
            "b": {"outcome": "pinned", "n": 1},
        }
        assert world.state.get(model, "schema") == {}
        assert world.state.get(model, "nothing") is None

    def test_conditions(self, world: World, model: str) -> None:
        """A write that expects another document, or none, is a Conflict and changes nothing."""
        world.state.put(model, "claim", {"b": 1, "a": 2}, expected=None)
        for expected in (None, {"b": 1}, {"b": 1, "a": 3}):
            with pytest.raises(Conflict):
                world.state.put(model, "claim", {"c": 0}, expected=expected)
        assert world.state.get(model, "claim") == {"a": 2, "b": 1}
        world.state.put(model, "claim", {"c": 0}, expected={"a": 2, "b": 1})
        assert world.state.get(model, "claim") == {"c": 0}
        with pytest.raises(Conflict):
            world.state.put(model, "absent", {}, expected={"c": 0})

    def test_rollouts(self, world: World, model: str) -> None:
        """A rollout comes back equal, and only whoever knows the last one replaces it."""
        first = Rollout("config", 1, datetime.now(UTC), "starting", "")
        assert world.state.rollout(model) is None
        world.state.put_rollout(model, first, expected=None)
        assert world.state.rollout(model) == first
        with pytest.raises(Conflict):
            world.state.put_rollout(model, replace(first, version=2), expected=None)
        world.state.put_rollout(model, replace(first, status="started"), expected=first)
        with pytest.raises(Conflict):
            world.state.put_rollout(model, replace(first, status="failed"), expected=first)
        assert world.state.rollout(model).status == "started"

    def test_catalog(self, world: World, model: str) -> None:
        """A configuration in force comes back equal, whatever its columns are called."""
        config = fakes.config(model=model, target="größe, m", schema={"features": {"a b": {"type": "int"}}})
        assert world.catalog.get(model) is None
        world.catalog.put(config, datetime.now(UTC))
        assert world.catalog.get(model) == config
        assert model in world.catalog.models()

    def test_ledger(self, world: World, model: str) -> None:
        """Every decision is kept, also the same one twice, news or not."""
        for news in (None, "info", "info"):
            world.ledger.record(Decision(model, "a fact", "nothing", "because", news, {"dé": "tail"}))
        assert world.kept(model) == 3

    def test_the_newest_decisions(self, world: World, model: str) -> None:
        """A model's newest decisions come first, whole, and no more than asked for."""
        for number in range(3):
            world.ledger.record(
                Decision(model, "fact", f"outcome_{number}", "why", "info", {"n": str(number)})
            )
        found = world.ledger.newest(model, 2)
        assert [entry.decision.outcome for entry in found] == ["outcome_2", "outcome_1"]
        assert found[0].decision == Decision(model, "fact", "outcome_2", "why", "info", {"n": "2"})
        assert found[0].at.tzinfo is not None
        assert not world.ledger.newest("nobody", 2)


class TestTrainingJobs:
    def start(self, world: World, model: str, attempt: int = 0) -> tuple[str, bool]:
        config, dataset = (
            fakes.config(model=model),
            Dataset("0123456789ab", "one & two", "csv", fakes.NOW, fakes.NOW),
        )
        name = NAMES.training_job(model, dataset.version, config.training_hash, attempt)
        world.experiments.ensure(NAMES.experiment(model), NAMES.trial(model, dataset.version))
        folder = f"models/{model}/datasets/{dataset.version}/"
        world.bucket.write(folder + "schema.json", b"{}")
        world.bucket.write(folder + "part.csv", b"x\n1\n")
        manifest = f'[{{"prefix": "s3://{world.bucket.name}/{folder}"}}, "part.csv"]'
        world.bucket.write(folder + "manifest.json", manifest.encode())
        return name, world.jobs.create(job_request(name, dataset, config, None, world.platform, NAMES))

    def test_a_job_is_created_once(self, world: World, model: str) -> None:
        """The second creation of a name is answered with False; so is the experiment's made once."""
        name, created = self.start(world, model)
        assert created is True
        assert self.start(world, model) == (name, False)
        assert [job.name for job in world.jobs.of_model(model)] == [name]

    def test_a_job_as_it_is_described(self, world: World, model: str) -> None:
        """A job tells its image, its hyperparameters and its tags; one that is not there is None."""
        name, _ = self.start(world, model)
        job = world.jobs.get(name)
        assert (job.name, job.image) == (name, world.platform.image)
        assert job.hyperparameters["estimator"] == "gradient_boosting"
        assert job.tags["perennial:model"] == model
        assert job.arn.endswith(f":training-job/{name}")
        assert world.jobs.get(name + "-r7") is None

    def test_names_that_begin_alike(self, world: World, model: str) -> None:
        """Jobs of a model are its own, not those of a model whose name goes on."""
        self.start(world, model + "-long")
        assert list(world.jobs.of_model(model)) == []
        name, _ = self.start(world, model, attempt=2)
        assert [job.name for job in world.jobs.of_model(model)] == [name]

    def test_a_job_without_a_log(self, world: World, model: str) -> None:
        """A job that never logged has no last lines."""
        assert list(world.jobs.last_log_lines(f"perennial-{model}-none", 5)) == []


class TestRegistry:
    def test_a_group_is_made_once(self, world: World, model: str) -> None:
        """The second time it is there; before, a model has no versions."""
        assert list(world.registry.versions(model)) == []
        assert world.registry.ensure_group(model, "versions") is True
        assert world.registry.ensure_group(model, "other words") is False
        assert list(world.registry.versions(model)) == []

    def test_the_same_token_is_the_same_version(self, world: World, model: str) -> None:
        """ClientToken makes a repetition the same package; another token is the next version."""
        world.registry.ensure_group(model, "versions")
        token = unique("t")
        arn = world.package(model, token)
        assert world.package(model, token) == arn
        second = world.package(model, unique("t"), "Rejected")
        found = sorted((v.version, v.arn, v.approval) for v in world.registry.versions(model))
        assert found == [(1, arn, "Approved"), (2, second, "Rejected")]

    def test_one_version(self, world: World, model: str) -> None:
        """One version comes with its artefact; a number that is not there is None."""
        world.registry.ensure_group(model, "versions")
        world.package(model, token := unique("t"))
        found = world.registry.get(model, 1)
        assert found.artefact.endswith(f"{token}/output/model.tar.gz")
        assert world.registry.get(model, 2) is None

    def test_a_persons_decision_is_kept_with_the_version(self, world: World, model: str) -> None:
        """The approval changes, and who decided is told with the version."""
        world.registry.ensure_group(model, "a model")
        arn = world.package(model, unique("token"), "PendingManualApproval")
        world.registry.decide(arn, "Approved", "approved by @ada:\n" + "very " * 1000)
        found = world.registry.get(model, 1)
        assert (found.approval, found.decided[:16]) == ("Approved", "approved by @ada")

    def test_history_is_added_once(self, world: World, model: str) -> None:
        """An entry added twice is there once, beside the others."""
        world.registry.ensure_group(model, "versions")
        arn = world.package(model, unique("t"))
        for entry in ({"deployment-1": "failed"}, {"deployment-2": "InService"}, {"deployment-1": "failed"}):
            world.registry.add_history(arn, entry, "Production")
        assert world.history(arn) == {"deployment-1": "failed", "deployment-2": "InService"}


class TestEndpoints:
    def prepared(self, world: World, model: str, version: int) -> str:
        """The name of a config of a version, both made twice over."""
        config = fakes.config(model=model, endpoint=QUICK | {"instances": 1})
        world.registry.ensure_group(model, "versions")
        arn, name = world.package(model, unique("t")), NAMES.endpoint_config(model, version, HASH)
        for _ in range(2):
            world.endpoints.ensure_model(name, arn, model, isolated=True)
            world.endpoints.ensure_config(config_request(name, name, config, world.bucket.name))
        return name

    def test_an_endpoint_from_creation_to_update(self, world: World, model: str) -> None:
        """Created once, not updated while busy, then updated once; the config tells when it is done."""
        first, second = self.prepared(world, model, 1), self.prepared(world, model, 2)
        name, endpoint = NAMES.endpoint(model), EndpointState("", "InService", "", instances=1)
        deployment = deployment_config(fakes.config(endpoint=QUICK), endpoint)
        assert world.endpoints.get(name) is None
        assert world.endpoints.create(name, first, model) is True
        assert world.endpoints.create(name, first, model) is False
        assert world.endpoints.get(name).status == "Creating"
        assert world.endpoints.update(name, second, deployment) is False
        world.settle(name, first)
        found = world.endpoints.get(name)
        assert (found.status, found.config_name, found.failure_reason) == ("InService", first, "")
        assert world.endpoints.update(name, second, deployment) is True
        assert world.endpoints.get(name).status == "Updating"
        assert world.endpoints.update(name, first, deployment) is False
        world.settle(name, second)
        assert world.endpoints.get(name).modified_at.tzinfo is not None

    def test_configs_and_forgetting(self, world: World, model: str) -> None:
        """A model's own configs, oldest known; forgetting takes config and model, and may come twice."""
        first, second = self.prepared(world, model, 1), self.prepared(world, model, 2)
        self.prepared(world, model + "-v1", 1)
        by_age = sorted(world.endpoints.configs(model), key=lambda item: item[1])
        assert [name for name, _ in by_age] == [first, second]
        assert world.endpoints.instance_type(first) == "ml.m5.large"
        for _ in range(2):
            world.endpoints.forget(first)
        assert world.endpoints.instance_type(first) is None
        assert [name for name, _ in world.endpoints.configs(model)] == [second]

    def test_scaling_is_put_where_it_differs(self, world: World, model: str) -> None:
        """The same again changes nothing, other settings do, what was removed goes, and what is not ours stays."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        scaling = world.scaling
        morning = {"name": "morning", "at": "cron(0 8 ? * MON-FRI *)", "time_zone": "Europe/Zurich", "min": 3}
        beat = {"name": "beat", "at": "rate(12 hours)", "min": 2, "start": datetime(2026, 1, 1, tzinfo=UTC)}
        steps = [{"name": "cpu", "metric": "CPUUtilization", "above": {70: 1, 90: 2}}]
        plain = fakes.config(model=model)
        rich = fakes.config(model=model, scaling={"max": 7, "schedule": [morning, beat], "steps": steps})
        resource, now = variant(name), datetime.now(UTC)
        told = []
        for settings in (plain, plain, rich, rich, plain, plain):
            wish = wanted(settings, name, Raised(), now)
            todo = changes(wish, scaling.standing(resource))
            told.append(bool(todo))
            if todo.register:
                scaling.register(resource, todo.register)
            for put, bodies in ((scaling.put_policy, todo.policies), (scaling.put_action, todo.actions)):
                for key, body in bodies.items():
                    put(resource, key, body)
            for delete, names in (
                (scaling.delete_policy, todo.no_policies),
                (scaling.delete_action, todo.no_actions),
            ):
                for key in names * 2:
                    delete(resource, key)
            if settings is rich:
                foreign = {"Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}
                scaling.put_action(resource, "somebody-elses", foreign)
        assert told == [True, False, True, False, True, False]
        assert list(scaling.standing(resource).actions) == ["somebody-elses"]
        for _ in range(2):
            scaling.remove(resource)
        assert scaling.standing(resource).bounds is None

    def test_scaling_is_held_still(self, world: World, model: str) -> None:
        """What is suspended stays so through other changes, and only what is named is resumed."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        resource = variant(name)
        assert world.scaling.suspended(resource) is None
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        for most in (4, 7):
            world.scaling.register(resource, Bounds(1, most))
            world.scaling.suspend(resource, dict.fromkeys(fakes.ACTIVITIES, True))
        assert world.scaling.suspended(resource) == dict.fromkeys(fakes.ACTIVITIES, True)
        world.scaling.suspend(resource, {fakes.ACTIVITIES[0]: False})
        assert world.scaling.suspended(resource) == {
            each: each != fakes.ACTIVITIES[0] for each in fakes.ACTIVITIES
        }

    def test_a_deleted_endpoint(self, world: World, model: str) -> None:
        """What was deleted is gone, and may be created anew."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        world.endpoints.delete(name)
        eventually(lambda: world.endpoints.get(name) is None)
        assert world.endpoints.create(name, config_name, model) is True


def test_readers_are_subscribed_once(world: World, model: str) -> None:
    """Only the addresses that were not subscribed before are new."""
    one, two = f"{model}@example.com", f"{model}-2@example.com"
    assert list(world.topic.subscribe([one])) == [one]
    assert list(world.topic.subscribe([one, two])) == [two]
    assert list(world.topic.subscribe([two, one])) == []
