"""model.yaml changes, data keeps coming, and things are removed by hand: the loop follows without a restart."""

import time
from itertools import pairwise

import pytest
from stranger import SMALL, Model, Stack, drop_of, wait_for

HYPERPARAMETERS = {"hyperparameters": {"rounds": 10}}


@pytest.fixture(scope="module")
def served(stack: Stack) -> dict[str, Model]:
    """Two models in service, one real-time and one serverless, trained side by side."""
    models = {
        "settings": stack.model("settings").configure(),
        "serverless": stack.model("serverless").configure(
            endpoint={"kind": {"serverless": {"memory_mb": 1024, "max_concurrency": 5}}}
        ),
    }
    for seed, model in enumerate(models.values()):
        model.drop("one", drop_of(150, seed=seed))
    for model in models.values():
        model.wait_for("version_registered")
        model.approve(1)
    for model in models.values():
        model.wait_until_serving(1)
    return models


def scaling(model: Model) -> tuple[list[tuple[int, int]], list[float]]:
    """Bounds and targets registered for the model's endpoint."""
    client, resource = (
        model.stack.client("application-autoscaling"),
        f"endpoint/{model.name}/variant/AllTraffic",
    )
    targets = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    policies = client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)
    return (
        [(target["MinCapacity"], target["MaxCapacity"]) for target in targets["ScalableTargets"]],
        [
            policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
            for policy in policies["ScalingPolicies"]
        ],
    )


def test_scaling_changes_without_a_rollout(served: dict[str, Model]) -> None:
    """A changed `scaling` section changes target and policy, and nothing else."""
    model = served["settings"]
    before = model.endpoint()["EndpointConfigName"]
    model.reconfigure(scaling={"min": 1, "max": 3, "invocations_per_instance": 77})
    model.wait_for("scaling_changed")
    assert scaling(model) == ([(1, 3)], [77.0])
    assert model.endpoint()["EndpointConfigName"] == before
    assert model.decided("endpoint_update_started") == []


def test_another_instance_type_is_rolled_out(served: dict[str, Model]) -> None:
    """Other endpoint settings are the same version under another config; scaling makes way and comes back."""
    model = served["settings"]
    before = model.endpoint()["EndpointConfigName"]
    model.reconfigure(endpoint={**SMALL, "instance": "ml.c5.large"})
    model.wait_for("version_in_service", times=2, version="1")
    config = model.endpoint()["EndpointConfigName"]
    assert config != before
    described = model.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["InstanceType"] == "ml.c5.large"
    assert scaling(model) == ([(1, 2)], [1000.0])
    assert len(model.jobs()) == 1


def test_other_training_settings_train_with_the_next_drop(served: dict[str, Model]) -> None:
    """Changed hyperparameters wait for the next drop; the same data again is one."""
    model = served["settings"]
    model.reconfigure(training=HYPERPARAMETERS, endpoint={**SMALL, "instance": "ml.c5.large"})
    model.put("drops/one/_SUCCESS")
    registered = model.wait_for("version_registered", version="2")
    assert registered.details["dataset"] == model.decided("version_registered")[0].details["dataset"]
    first, second = model.jobs()
    assert first.rpartition("-")[0] == second.rpartition("-")[0]
    assert "rounds=10" in model.package(2)["CustomerMetadataProperties"]["hyperparameters"]


def test_a_serverless_endpoint(served: dict[str, Model]) -> None:
    """A serverless endpoint serves and is renewed; it has no instances, and so no scaling."""
    model = served["serverless"]
    assert scaling(model) == ([], [])
    config = model.sagemaker.describe_endpoint_config(
        EndpointConfigName=model.endpoint()["EndpointConfigName"]
    )
    assert config["ProductionVariants"][0]["ServerlessConfig"] == {
        "MemorySizeInMB": 1024,
        "MaxConcurrency": 5,
    }
    assert model.invoke("50,0.9,north").startswith("yes,")
    version = model.register_again(status="Approved")
    model.wait_until_serving(version)
    assert model.invoke("50,0.1,north").startswith("no,")


def test_a_removed_endpoint_comes_back_while_a_version_is_approved(served: dict[str, Model]) -> None:
    """What is approved serves: an endpoint deleted by hand is created anew, unless its versions were rejected."""
    model = served["settings"]
    started = len(model.decided("endpoint_creation_started"))
    times = len(model.decided("version_in_service"))
    model.sagemaker.delete_endpoint(EndpointName=model.name)
    model.wait_until_gone()
    model.wait_for("endpoint_creation_started", times=started + 1)
    model.wait_for("version_in_service", times=times + 1)
    assert model.invoke("50,0.9,north").startswith("yes,")
    assert scaling(model) == ([(1, 2)], [1000.0])


def test_drops_during_a_training_wait_and_the_newest_is_next(stack: Stack) -> None:
    """Three drops in a row: one training at a time, the newest is the last, and nothing is lost."""
    model = stack.model("queue").configure()
    for number, name in enumerate(("one", "two", "three")):
        model.drop(name, drop_of(150, seed=20 + number))
        second = int(time.time())
        wait_for("S3's next second", lambda since=second: int(time.time()) > since)
    model.wait_for("dataset_pinned", times=3)
    [newest] = [entry for entry in model.decided("dataset_pinned") if entry.fact == "drop three"]
    wait_for(
        "the newest dataset's version",
        lambda: model.decided("version_registered", dataset=newest.details["dataset"]),
    )
    jobs = [model.sagemaker.describe_training_job(TrainingJobName=name) for name in model.jobs()]
    for earlier, later in pairwise(jobs):
        assert earlier["TrainingEndTime"] <= later["CreationTime"], model.story()


def test_the_sweep_alone_turns_the_loop(stack: Stack) -> None:
    """With every event of S3 and SageMaker lost, the sweep brings data to a version in service."""
    model = stack.model("deaf")
    events = stack.client("events")
    rules = [rule["Name"] for page in events.get_paginator("list_rules").paginate() for rule in page["Rules"]]
    assert rules
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        model.drop("one", drop_of(120, seed=9))
        model.put("model.yaml", model.yaml())
        stack.sweep()
        model.wait_for("training_started")
        wait_for("the job's end", lambda: model.job()["TrainingJobStatus"] == "Completed")
        assert model.decided("version_registered") == []
        stack.sweep()
        model.wait_for("version_registered")
        model.approve(1)
        stack.sweep()
        model.wait_for("endpoint_creation_started")
        wait_for("the endpoint", lambda: model.endpoint()["EndpointStatus"] == "InService")
        assert model.decided("version_in_service") == []
        stack.sweep()
        model.wait_until_serving(1)
        assert scaling(model) == ([(1, 2)], [1000.0])
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)
