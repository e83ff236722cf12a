"""What goes wrong: data, capacity, artefacts, events and handlers. It is told, it heals, and the old version serves."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from stranger import HEADER, Model, Stack, applications, drop_of, table, wait_for

from stack.places import ROOT, python


def trained(stack: Stack, name: str, seed: int = 0, **changes: Any) -> Model:
    model = stack.model(name).configure(**changes)
    model.drop("one", drop_of(150, seed=seed))
    model.wait_for("version_registered")
    return model


def key_of(model: Model, version: int) -> str:
    """Where a version's artefact is, under the model's folder."""
    url = model.package(version)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    return str(url.partition(f"/models/{model.model}/")[2])


def artefact(model: Model, version: int) -> bytes:
    return model.read(key_of(model, version))


def mend(model: Model, version: int, body: bytes) -> None:
    """Overwrite a version's artefact."""
    model.put(key_of(model, version), body)


def spoil(model: Model, version: int) -> None:
    mend(model, version, b"this is no archive")


@contextmanager
def denied(stack: Stack, function: str, action: str, resource: str) -> Iterator[None]:
    """A function's role may not do one thing, for a while."""
    role = stack.resource(f"{function}Role")
    iam = stack.client("iam")
    statement = {"Effect": "Deny", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


def perennial(stack: Stack, *arguments: str) -> str:
    """The operator's command."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PERENNIAL_PYTHON": str(python("tools")),
    }
    command = [ROOT / "cli/perennial", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def wait_for_dead(stack: Stack, model: Model) -> None:
    """For the event of its drop: that the model was due by its configuration may have failed first."""
    event = f"models/{model.model}/drops/one/_SUCCESS"
    wait_for("the drop's dead letter", lambda: event in json.dumps(stack.dead_letters()))


def test_a_failed_training_is_told_with_its_log(stack: Stack) -> None:
    """A job that fails for good ends in one notice with SageMaker's reason, the log's end, and what to do."""
    model = stack.model("misfit").configure(training={"hyperparameters": {"no_such_thing": 1}})
    model.drop("one", drop_of(120))
    failed = model.wait_for("training_failed")
    assert failed.news == "error"
    assert "no_such_thing" in failed.reason
    assert "data or the code" in failed.reason
    assert "no_such_thing" in failed.details["log"]
    assert len(model.jobs()) == 1
    [notice] = wait_for(
        "the notice", lambda: [n for n in model.notices() if n["outcome"] == "training_failed"]
    )
    assert "no_such_thing" in notice["message"]


def test_one_class_is_refused_before_a_training(stack: Stack) -> None:
    """A target with one class only does not cost a training."""
    model = stack.model("oneclass").configure()
    rows = [(*row[:3], "no") for row in applications(120)]
    model.drop("one", {"part.csv": table(HEADER, rows)})
    assert "deny" in model.wait_for("drop_refused").reason
    assert model.jobs() == []


@pytest.mark.parametrize("fault", ["capacity", "internal"])
def test_aws_failures_are_tried_again(stack: Stack, fault: str) -> None:
    """A failure that lies with AWS gets a retry under the next attempt's name, which is registered."""
    name = f"fault-{fault}"
    with stack.fault(fault, f"perennial-{name}-*"):
        model = trained(stack, name)
    first, second = model.jobs()
    assert second == f"{first}-r1"
    assert model.wait_for("training_retried").news == "warning"
    assert model.package(1)["CustomerMetadataProperties"]["training-job"] == second
    assert len(model.versions()) == 1


def test_retries_end(stack: Stack) -> None:
    """When the retries are used up, a person is told."""
    model = stack.model("nocapacity").configure(training={"max_retries": 1})
    with stack.fault("capacity", f"{model.name}-*", times=2):
        model.drop("one", drop_of(120))
        failed = model.wait_for("training_failed")
    assert "the retries are used up (1 of 1)" in failed.reason
    assert len(model.jobs()) == 2


def test_an_interrupted_spot_job_goes_on(stack: Stack) -> None:
    """SageMaker itself resumes an interrupted spot job; it becomes one version."""
    with stack.fault("interruption", "perennial-interrupted-*"):
        model = trained(stack, "interrupted")
    assert len(model.jobs()) == len(model.versions()) == 1


def test_an_artefact_that_cannot_serve(stack: Stack) -> None:
    """An update to it is rolled back and told, the old version serves; as a first version, it makes way for the next."""
    update, creation = stack.model("spoilt"), stack.model("stillborn")
    for seed, model in enumerate((update, creation)):
        model.configure().drop("one", drop_of(150, seed=seed))
    for model in (update, creation):
        model.wait_for("version_registered")
    update.approve(1)
    first = artefact(creation, 1)
    spoil(creation, 1)
    creation.approve(1)
    update.wait_until_serving(1)
    update.drop("two", drop_of(150, seed=7))
    update.wait_for("version_registered", version="2")
    body = artefact(update, 2)
    spoil(update, 2)
    update.approve(2)

    lost = creation.wait_for("rollout_failed", version="1")
    assert lost.news == "error"
    assert "not tried again without a new approval" in lost.reason
    mend(creation, 1, first)
    assert creation.register_again() == 2
    creation.approve(2)
    creation.wait_for("endpoint_deleted")
    creation.wait_until_gone()
    creation.wait_until_serving(2)
    assert len(creation.decided("endpoint_deleted")) == 1, creation.story()

    rolled_back = update.wait_for("rolled_back", version="2")
    assert rolled_back.news == "error"
    assert update.serving() == 1
    assert update.invoke("50,0.95,north").startswith("yes,")
    history = update.package(2)["CustomerMetadataProperties"]
    assert any(
        value.startswith("rolled_back") for key, value in history.items() if key.startswith("deployment-")
    )
    # Approved still, but not tried again by itself.
    stack.sweep()
    assert len(update.decided("rolled_back")) == 1
    assert len(update.decided("endpoint_update_started")) == 1
    mend(update, 2, body)
    update.approve(2)
    update.wait_until_serving(2)


def test_a_failed_endpoint_is_tried_again_after_a_new_approval(stack: Stack) -> None:
    """Its only version was mended and approved again: the broken endpoint goes, and a new one serves it."""
    model = trained(stack, "again", seed=5)
    body = artefact(model, 1)
    spoil(model, 1)
    model.approve(1)
    model.wait_for("rollout_failed", version="1")
    mend(model, 1, body)
    model.approve(1)
    model.wait_for("endpoint_deleted")
    model.wait_until_gone()
    model.wait_until_serving(1)
    assert len(model.decided("endpoint_deleted")) == 1, model.story()
    assert len(model.decided("endpoint_creation_started")) == 2, model.story()


def test_a_handler_that_fails_in_the_middle_heals_by_retry(stack: Stack) -> None:
    """SageMaker refuses the endpoint once, after the rollout was written down: the retry creates it, once."""
    model = trained(stack, "refused-once")
    with stack.fault("limit", model.name):
        model.approve(1)
        model.wait_until_serving(1)
    assert len(model.decided("endpoint_creation_started")) == 1


def test_a_handler_that_keeps_failing_is_healed_by_the_sweep(stack: Stack) -> None:
    """Data pinned and its training never started: a dead letter tells of it, the sweep trains, redriving does no harm."""
    model = stack.model("denied").configure()
    with denied(stack, "StartTraining", "sagemaker:CreateTrainingJob", "*"):
        model.drop("one", drop_of(120))
        wait_for_dead(stack, model)
    assert len(model.decided("dataset_pinned")) == 1
    assert model.jobs() == []
    stack.sweep()
    model.wait_for("version_registered")
    assert "events are being tried again" in perennial(stack, "redrive")
    wait_for(
        "the redriven event's decision",
        lambda: [e for e in model.decided("nothing") if e.fact == "drop one"],
    )
    assert len(model.jobs()) == len(model.versions()) == 1


def test_a_killed_handler_is_redriven(stack: Stack) -> None:
    """Lambda kills a handler in the middle, each time: seen with the command, redriven with it, and done once."""
    model = stack.model("killed").configure()
    functions, name = stack.client("lambda"), stack.resource("StartTraining")
    patience = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=6)
    try:
        # It tries CreateTrainingJob for longer than it may live.
        with stack.fault("throttling", f"{model.name}-*", times=1000):
            model.drop("one", drop_of(120))
            wait_for_dead(stack, model)
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=patience)
    assert model.decided("dataset_pinned")
    assert model.jobs() == []
    shown = perennial(stack, "dead-letters")
    assert "models/killed/drops/one/_SUCCESS" in shown
    assert "StartTraining" in shown
    assert "timed out" in shown

    def all_redriven() -> bool:
        # A sweep in the meantime may have met the same end.
        if stack.dead_letters():
            assert "are being tried again" in perennial(stack, "redrive")
        return bool(model.decided("version_registered")) and not stack.dead_letters()

    wait_for("the redriven drop's version", all_redriven)
    assert len(model.jobs()) == len(model.versions()) == 1
