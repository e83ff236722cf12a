"""Application Auto Scaling of inference components on the twin: to none when idle, and back by the step policy."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hosted_components import Hosted
from running_twin import Twin, eventually, unique
from serving_endpoints import Endpoints

TRACKING = {
    "TargetValue": 100.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"
    },
    "ScaleInCooldown": 60,
    "ScaleOutCooldown": 60,
}
WAKING = {
    "AdjustmentType": "ChangeInCapacity",
    "MetricAggregationType": "Maximum",
    "Cooldown": 60,
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
}


@pytest.fixture
def hosted(endpoints: Endpoints) -> Iterator[Hosted]:
    one = Hosted(endpoints)
    yield one
    one.remove()


def key(component: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{component}",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }


def test_an_idle_component_sleeps_and_a_refused_request_wakes_it(twin: Twin, hosted: Hosted) -> None:
    """Target tracking takes the last copy of what nobody asks; the alarm on refused requests brings one back."""
    name, scaling = hosted.serving(answer="v1"), twin.client("application-autoscaling")
    scaling.register_scalable_target(MinCapacity=0, MaxCapacity=2, **key(name))
    scaling.put_scaling_policy(
        PolicyName="copies",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
        **key(name),
    )
    arn = scaling.put_scaling_policy(
        PolicyName="wake", PolicyType="StepScaling", StepScalingPolicyConfiguration=WAKING, **key(name)
    )["PolicyARN"]
    alarm = unique("wake")
    twin.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        AlarmActions=[arn],
        Namespace="AWS/SageMaker",
        MetricName="NoCapacityInvocationFailures",
        Dimensions=[{"Name": "InferenceComponentName", "Value": name}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
    )

    def copies() -> dict[str, Any]:
        found: dict[str, Any] = hosted.describe(name)["RuntimeConfig"]
        return found

    eventually(lambda: copies() == {"DesiredCopyCount": 0, "CurrentCopyCount": 0})
    eventually(lambda: hosted.instances() == 0)
    with pytest.raises(ClientError, match="no capacity"):
        hosted.invoke(name)
    eventually(lambda: copies()["CurrentCopyCount"] >= 1)
    assert hosted.invoke(name)["answer"] == "v1"
    activities = scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=key(name)["ResourceId"]
    )["ScalingActivities"]
    told = [one["Description"] for one in activities]
    assert told[-2:] == ["Setting desired copy count to 1.", "Setting desired copy count to 0."]
    assert f"monitor alarm {alarm} in state ALARM triggered policy wake" in activities[-2]["Cause"]
    scaling.deregister_scalable_target(**key(name))


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("inference-component/nobody", "inference component does not exist"),
        ("endpoint/nobody/variant/AllTraffic", "Unsupported service namespace"),
    ],
)
def test_what_is_no_component_is_not_registered(twin: Twin, resource: str, words: str) -> None:
    """The copies of a component that is not there, or of what is no component, cannot be scaled."""
    with pytest.raises(ClientError, match=words):
        twin.client("application-autoscaling").register_scalable_target(
            MinCapacity=0, MaxCapacity=1, **{**key("nobody"), "ResourceId": resource}
        )


def test_only_metrics_of_components_track_them(twin: Twin, hosted: Hosted) -> None:
    """A metric of variants is refused for the copies of a component."""
    name, scaling = hosted.serving(answer="v1"), twin.client("application-autoscaling")
    scaling.register_scalable_target(MinCapacity=0, MaxCapacity=1, **key(name))
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    with pytest.raises(ClientError, match="is not supported for the scalable dimension"):
        scaling.put_scaling_policy(
            PolicyName="copies",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={**TRACKING, "PredefinedMetricSpecification": metric},
            **key(name),
        )
    scaling.deregister_scalable_target(**key(name))
