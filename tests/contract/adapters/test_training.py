"""Training jobs and the model registry do on memory what they do on a twin."""

import fakes
import pytest
from memory_and_twin import NAMES, World
from running_twin import unique

from perennial.errors import QuotaReached
from perennial.training import Dataset, job_request


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

    def test_a_job_beyond_the_quota(self, world: World, model: str) -> None:
        """AWS's words are kept, with the job that they are about; none was made."""
        world.refuse(model)
        with pytest.raises(QuotaReached, match=r"refused training job .*account-level service limit"):
            self.start(world, model)
        assert list(world.jobs.of_model(model)) == []

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
        assert world.registry.ensure_group(model, "versions of\nmany\tlines and\x1b[1m colours") is True
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
