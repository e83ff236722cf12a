"""A real-time endpoint that scales to zero, as a stranger with boto3 sees it: asleep, refused, woken, and renewed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stranger import SMALL, Model, Stack, drop_of, wait_for
from watched import long_ago

ROW = "50,0.9,north"
LONG = 120.0  # seconds: a machine in use starts containers slowly


@pytest.fixture(scope="module")
def trained(stack: Stack) -> Model:
    """A model whose first version serves on an inference component."""
    model = stack.model("sleeper").configure(
        endpoint={**SMALL, "rollout": {"type": "rolling", "percent": 50, "bake_minutes": 1}},
        scaling={"min": 0, "max": 2, "scale_in_cooldown_seconds": 60},
    )
    model.drop("first", drop_of(200))
    model.wait_for("version_registered")
    model.approve(1)
    swept_until(model, lambda: model.decided("version_in_service"))
    return model


@pytest.fixture
def model(trained: Model) -> Iterator[Model]:
    """Whatever a test does with it, no rollback alarm and no hold on scaling is left."""
    yield trained
    wait_for("the rollout's alarms to go", lambda: not rollback_alarms(trained))
    wait_for("scaling to go on", lambda: not any(target(trained)["SuspendedState"].values()))


def rollback_alarms(model: Model) -> list[str]:
    found = model.stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{model.name}-rollback-")
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


def swept_until(model: Model, done: Callable[[], Any], seconds: float = LONG) -> Any:
    """SageMaker tells nobody about components: only the sweep sees what became of them."""

    def look() -> Any:
        model.stack.sweep()
        return done()

    return model.wait_until(f"what becomes of {model.name}", look, seconds)


def component(model: Model) -> dict[str, Any]:
    found: dict[str, Any] = model.sagemaker.describe_inference_component(InferenceComponentName=model.name)
    return found


def copies(model: Model) -> int:
    return int(component(model)["RuntimeConfig"]["CurrentCopyCount"])


def instances(model: Model) -> int:
    return int(model.endpoint()["ProductionVariants"][0]["CurrentInstanceCount"])


def target(model: Model) -> dict[str, Any]:
    [found] = model.stack.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"inference-component/{model.name}"]
    )["ScalableTargets"]
    return dict(found)


def ask(model: Model) -> str:
    answer = model.stack.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=model.name, InferenceComponentName=model.name, ContentType="text/csv", Body=ROW.encode()
    )
    return str(answer["Body"].read().decode())


def asleep(model: Model) -> bool:
    return (copies(model), instances(model)) == (0, 0)


def refusal(model: Model) -> str:
    try:
        ask(model)
    except ClientError as error:
        return str(error) if error.response["Error"]["Code"] == "ValidationError" else repr(error)
    return ""


def test_idle_it_sleeps_and_a_refused_request_wakes_it(model: Model) -> None:
    """Nobody asks, and copies and instances go; the first request is refused, as AWS words it, and brings them back."""
    wait_for("the endpoint to sleep", lambda: asleep(model), LONG)
    assert model.endpoint()["EndpointStatus"] == "InService"
    assert "has no capacity to process this request" in refusal(model)
    wait_for("an answer", lambda: not refusal(model), LONG)
    assert copies(model) >= 1
    told = model.stack.client("application-autoscaling").describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=f"inference-component/{model.name}"
    )["ScalingActivities"]
    causes = [one["Cause"] for one in told]
    assert any(f"{model.name}-wake-scaling in state ALARM" in cause for cause in causes)


def test_a_version_approved_at_zero_is_tested_and_sleeps_again(model: Model) -> None:
    """An approval at zero starts one copy of the new version, tests it with its own rows, and lets it go again."""
    wait_for("the endpoint to sleep", lambda: asleep(model), LONG)
    version = model.register_again()
    model.approve(version)
    swept_until(model, lambda: model.decided("version_in_service", version=str(version)))
    entry = model.decided("version_in_service", version=str(version))[-1]
    assert "sample rows answered" in entry.details["smoke_test"]
    assert f"-v{version}-" in component(model)["Specification"]["ModelName"]
    wait_for("the endpoint to sleep", lambda: asleep(model), LONG)
    assert "has no capacity" in refusal(model)


def test_a_version_that_answers_nonsense_is_replaced(model: Model) -> None:
    """The smoke test rejects it, and the version before it takes its place on the component."""
    before = component(model)["Specification"]["ModelName"]
    version = model.register_again()
    with model.stack.fault("nonsense", f"{model.name}-v{version}-*", 1_000):
        model.approve(version)
        swept_until(model, lambda: model.decided("rollout_failed", version=str(version)))
    swept_until(model, lambda: component(model)["Specification"]["ModelName"] == before)
    good = before.removeprefix(f"{model.name}-v").partition("-")[0]
    swept_until(model, lambda: len(model.decided("version_in_service", version=good)) >= 2)


def test_a_version_that_never_gets_healthy_at_zero_makes_way(model: Model) -> None:
    """No copy was there to go back to: the component is made anew with the version before."""
    wait_for("the endpoint to sleep", lambda: asleep(model), LONG)
    before = component(model)["Specification"]["ModelName"]
    good = before.removeprefix(f"{model.name}-v").partition("-")[0]
    served = len(model.decided("version_in_service", version=good))
    version = model.register_again()
    with model.stack.fault("unhealthy", f"{model.name}-v{version}-*", 1_000):
        model.approve(version)
        swept_until(model, lambda: model.decided("rollout_failed", version=str(version)))
    swept_until(model, lambda: len(model.decided("version_in_service", version=good)) > served)
    assert component(model)["Specification"]["ModelName"] == before


def test_what_stands_is_what_is_documented(model: Model) -> None:
    """An endpoint config without a model and without a least instance, one component on it, and two policies."""
    config = model.sagemaker.describe_endpoint_config(
        EndpointConfigName=model.endpoint()["EndpointConfigName"]
    )
    [variant] = config["ProductionVariants"]
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    assert "ExecutionRoleArn" in config
    scaling = model.stack.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=f"inference-component/{model.name}"
    )["ScalingPolicies"]
    assert sorted(one["PolicyType"] for one in scaling) == ["StepScaling", "TargetTrackingScaling"]
    assert (target(model)["MinCapacity"], target(model)["MaxCapacity"]) == (0, 2)
    assert json.dumps(model.stack.dead_letters()) == "[]"


def test_instances_that_stay_are_another_kind_of_endpoint(trained: Model) -> None:
    """With scaling.min 1 another endpoint takes the route; then component, endpoint and what scaled them are gone."""
    other = f"{trained.name}-realtime"
    trained.reconfigure(endpoint=SMALL, scaling={"min": 1, "max": 2})
    swept_until(trained, lambda: trained.decided("version_in_service", endpoint=other))
    # Two minutes long somebody may still ask the endpoint that the route has left.
    assert trained.endpoint() is not None
    long_ago(trained, "route", "since")
    swept_until(trained, lambda: trained.endpoint() is None)
    with pytest.raises(ClientError, match="Could not find inference component"):
        component(trained)
    assert trained.sagemaker.describe_endpoint(EndpointName=other)["EndpointStatus"] == "InService"
    targets = trained.stack.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )["ScalableTargets"]
    assert [one["ResourceId"] for one in targets if trained.name in one["ResourceId"]] == [
        f"endpoint/{other}/variant/AllTraffic"
    ]
