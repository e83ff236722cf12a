"""Inference components, seen by plain boto3: copies and instances that come, go, and are gone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hosted_components import Hosted, gone
from running_twin import eventually, unique
from serving_endpoints import VARIANT, Endpoints

ASLEEP = "Inference Component has no capacity to process this request."


@pytest.fixture
def hosted(endpoints: Endpoints) -> Iterator[Hosted]:
    one = Hosted(endpoints)
    yield one
    one.remove()


def test_a_component_serves_what_names_it(hosted: Hosted) -> None:
    """A component has its copies placed, answers requests that name it, and is described and listed."""
    name = hosted.serving(2, answer="v1")
    described = hosted.describe(name)
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert described["EndpointName"] == hosted.name
    assert described["VariantName"] == VARIANT
    assert hosted.invoke(name)["answer"] == "v1"
    listed = hosted.sagemaker.list_inference_components(EndpointNameEquals=hosted.name)
    assert [one["InferenceComponentName"] for one in listed["InferenceComponents"]] == [name]


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (None, "Inference Component Name header is required"),
        ("nobody", "Inference Component nobody of account 000000000000 not found."),
    ],
)
def test_a_request_has_to_name_a_component(hosted: Hosted, component: str | None, words: str) -> None:
    """An endpoint of components refuses requests that name none, or one that it does not have."""
    more = {"InferenceComponentName": component} if component else {}
    with pytest.raises(ClientError, match=words) as refused:
        hosted.endpoints.invoke(hosted.name, **more)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_an_ordinary_endpoint_takes_no_component_name(endpoints: Endpoints) -> None:
    """An endpoint whose config names a model refuses requests that name a component."""
    name = endpoints.serving(answer="v1")
    with pytest.raises(ClientError, match="Inference Component Name header is not allowed"):
        endpoints.invoke(name, InferenceComponentName="somebody")
    endpoints.sagemaker.delete_endpoint(EndpointName=name)


def test_without_copies_there_is_no_capacity_and_no_instance(hosted: Hosted) -> None:
    """With its last copy goes the last instance; a request meanwhile is told that there is no capacity, and counted."""
    name = hosted.serving(answer="v1")
    hosted.copies(name, 0)
    with pytest.raises(ClientError, match=ASLEEP) as refused:
        hosted.invoke(name)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    eventually(lambda: hosted.instances() == 0)
    assert hosted.endpoints.describe(hosted.name)["EndpointStatus"] == "InService"
    cloudwatch = hosted.endpoints.twin.client("cloudwatch")
    of = [{"Name": "InferenceComponentName", "Value": name}]
    eventually(
        lambda: cloudwatch.list_metrics(MetricName="NoCapacityInvocationFailures", Dimensions=of)["Metrics"]
    )
    hosted.copies(name, 1)
    assert hosted.invoke(name)["answer"] == "v1"
    assert hosted.instances() == 1


def test_copies_share_instances_until_one_is_full(hosted: Hosted) -> None:
    """Two copies of a CPU each fit on an instance with two, three need a second one."""
    name = hosted.serving(2, answer="v1")
    assert hosted.instances() == 1
    hosted.copies(name, 3)
    assert hosted.instances() == 2


@pytest.mark.parametrize(
    ("copies", "needs"),
    [
        (1, {"MinMemoryRequiredInMb": 1 << 20}),
        (9, {"NumberOfCpuCoresRequired": 2, "MinMemoryRequiredInMb": 512}),
    ],
    ids=["larger than an instance", "more than the instances hold"],
)
def test_copies_that_do_not_fit_fail(hosted: Hosted, copies: int, needs: dict[str, Any]) -> None:
    """A component whose copies the instances cannot hold fails with AWS's words for it."""
    failed = hosted.settled(hosted.create(copies, needs))
    assert failed["InferenceComponentStatus"] == "Failed"
    assert "not enough hardware resources" in failed["FailureReason"]


def test_an_update_replaces_the_copies_in_batches(hosted: Hosted) -> None:
    """UpdateInferenceComponent brings up the new model's copies first; no request fails meanwhile."""
    name = hosted.serving(2, answer="v1")
    new = hosted.specification(answer="v2")
    twin = hosted.endpoints.twin
    twin.admin("POST", "faults", fault="long-bake", name=new["ModelName"])
    hosted.sagemaker.update_inference_component(
        InferenceComponentName=name,
        Specification=new,
        DeploymentConfig={
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1},
                "WaitIntervalInSeconds": 60,
            }
        },
    )
    seen = set()

    def both_answer() -> bool:
        seen.add(hosted.invoke(name)["answer"])
        return seen == {"v1", "v2"}

    def updated() -> bool:
        hosted.invoke(name)
        return hosted.describe(name)["InferenceComponentStatus"] == "InService"

    eventually(both_answer)
    assert hosted.describe(name)["InferenceComponentStatus"] == "Updating"
    twin.admin("DELETE", "faults")
    eventually(updated)
    assert hosted.describe(name)["Specification"]["ModelName"] == new["ModelName"]
    assert hosted.invoke(name)["answer"] == "v2"


def test_an_update_that_gets_no_healthy_copy_rolls_back(hosted: Hosted) -> None:
    """When the new model's copies never answer the ping, the component is InService with the old model."""
    name = hosted.serving(answer="v1")
    before = hosted.describe(name)["Specification"]["ModelName"]
    hosted.sagemaker.update_inference_component(
        InferenceComponentName=name, Specification=hosted.specification(exit=3)
    )
    after = hosted.settled(name)
    assert after["InferenceComponentStatus"] == "InService"
    assert after["Specification"]["ModelName"] == before
    assert hosted.invoke(name)["answer"] == "v1"


def test_an_alarm_undoes_an_update(hosted: Hosted) -> None:
    """An alarm of AutoRollbackConfiguration in ALARM while a batch bakes brings the old model back."""
    name, alarm = hosted.serving(answer="v1"), unique("alarm")
    before = hosted.describe(name)["Specification"]["ModelName"]
    cloudwatch = hosted.endpoints.twin.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="Tests",
        MetricName="none",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    hosted.sagemaker.update_inference_component(
        InferenceComponentName=name,
        Specification=hosted.specification(answer="v2"),
        DeploymentConfig={
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1},
                "WaitIntervalInSeconds": 3600,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
        },
    )
    eventually(lambda: hosted.invoke(name)["answer"] == "v2")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    after = hosted.settled(name)
    assert (after["InferenceComponentStatus"], after["Specification"]["ModelName"]) == ("InService", before)
    assert hosted.invoke(name)["answer"] == "v1"


def test_what_is_under_way_is_not_interrupted(hosted: Hosted, tmp_path: Path) -> None:
    """Creating and updating components are neither updated nor deleted; the refusal names AWS's inner state."""
    up = tmp_path / "up"
    name = hosted.create(answer="v1", gate=str(up))
    for change in (
        lambda: hosted.sagemaker.delete_inference_component(InferenceComponentName=name),
        lambda: hosted.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=name, DesiredRuntimeConfig={"CopyCount": 2}
        ),
    ):
        with pytest.raises(ClientError, match="while it is in state CREATE_IN_PROGRESS"):
            change()
    up.touch()
    assert hosted.settled(name)["InferenceComponentStatus"] == "InService"


def test_deleting_the_endpoint_leaves_its_components(endpoints: Endpoints) -> None:
    """Components outlive their endpoint, which nobody can invoke any more, and are deleted by themselves."""
    hosted = Hosted(endpoints)
    name = hosted.serving(answer="v1")
    hosted.sagemaker.delete_endpoint(EndpointName=hosted.name)
    assert hosted.describe(name)["InferenceComponentStatus"] == "InService"
    hosted.sagemaker.delete_inference_component(InferenceComponentName=name)
    eventually(lambda: gone(hosted, name))


@pytest.mark.parametrize(
    ("variant", "more", "words"),
    [
        ({}, {}, "ModelName must be specified"),
        (
            {"ModelName": True, "ManagedInstanceScaling": {"Status": "ENABLED"}},
            {},
            "only supported for inference",
        ),
        (
            {"ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 3, "MaxInstanceCount": 2}},
            {"ExecutionRoleArn": True},
            "less than or equal to MaxInstanceCount",
        ),
    ],
    ids=["no role", "a model with managed scaling", "bounds"],
)
def test_configs_that_are_refused(
    endpoints: Endpoints, variant: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    """A config for components names a role instead of a model; managed instances are for components only."""
    own = {"VariantName": VARIANT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **variant}
    if "ModelName" in variant:
        own["ModelName"] = endpoints.model()
    extra = {"ExecutionRoleArn": endpoints.role} if more else {}
    with pytest.raises(ClientError, match=words):
        endpoints.sagemaker.create_endpoint_config(
            EndpointConfigName=unique("config"), ProductionVariants=[own], **extra
        )


def test_metrics_of_a_component(hosted: Hosted) -> None:
    """Invocations per copy and latencies are published by component name."""
    name = hosted.serving(answer=json.dumps("v1"))
    cloudwatch = hosted.endpoints.twin.client("cloudwatch")
    of = [{"Name": "InferenceComponentName", "Value": name}]

    def measured() -> bool:
        hosted.invoke(name)
        found = cloudwatch.list_metrics(Namespace="AWS/SageMaker", Dimensions=of)["Metrics"]
        wanted = {"Invocations", "InvocationsPerCopy", "ConcurrentRequestsPerCopy", "ModelLatency"}
        return wanted <= {one["MetricName"] for one in found}

    eventually(measured)
