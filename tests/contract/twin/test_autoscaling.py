"""Application Auto Scaling on the twin: targets, policies, schedules, and real instances."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, allow, eventually, unique
from serving_endpoints import VARIANT, Endpoints

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def key(endpoint: str, variant: str = VARIANT) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": DIMENSION,
    }


def tracking(target: float, **more: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": target,
            "PredefinedMetricSpecification": metric,
            "ScaleInCooldown": 60,
            "ScaleOutCooldown": 60,
            **more,
        },
    }


@pytest.fixture
def scaling(twin: Twin) -> Any:
    return twin.client("application-autoscaling")


@pytest.fixture
def endpoint(endpoints: Endpoints) -> str:
    """An endpoint in service with one instance."""
    return endpoints.serving(1)


def test_registering_is_an_upsert(scaling: Any, endpoint: str) -> None:
    """What a second registration does not name stays as it was; the ARN stays too."""
    arn = scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **key(endpoint))["ScalableTargetARN"]
    again = scaling.register_scalable_target(
        MaxCapacity=3, SuspendedState={"DynamicScalingInSuspended": True}, **key(endpoint)
    )
    assert again["ScalableTargetARN"] == arn
    ids = [key(endpoint)["ResourceId"]]
    target = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=ids)[
        "ScalableTargets"
    ][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }


def test_registering_brings_the_count_within_the_bounds(
    scaling: Any, endpoints: Endpoints, endpoint: str
) -> None:
    """A minimum above the present count adds instances, with an activity that says why."""
    scaling.register_scalable_target(MinCapacity=2, MaxCapacity=4, **key(endpoint))
    eventually(lambda: endpoints.count(endpoint) == 2)

    def activity() -> dict[str, Any]:
        found = scaling.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=key(endpoint)["ResourceId"]
        )
        return dict(found["ScalingActivities"][0])

    eventually(lambda: activity()["StatusCode"] == "Successful")
    assert activity()["Description"] == "Setting desired instance count to 2."
    assert activity()["Cause"] == "minimum capacity was set to 2"
    assert activity()["StatusMessage"] == (
        "Successfully set desired instance count to 2. Change successfully fulfilled by sagemaker."
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        pytest.param({"ResourceId": "endpoint/none/variant/v"}, "does not exist", id="no such endpoint"),
        pytest.param(
            {"ResourceId": "table/x"},
            "Unsupported service namespace, resource type or scalable dimension",
            id="not an endpoint",
        ),
        pytest.param(
            {"MinCapacity": 4, "MaxCapacity": 1},
            "Maximum capacity cannot be less than minimum capacity",
            id="bounds",
        ),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    scaling: Any, endpoint: str, request_: dict[str, Any], message: str
) -> None:
    """Unknown resources and bounds that contradict each other are ValidationExceptions."""
    with pytest.raises(ClientError, match=message) as caught:
        scaling.register_scalable_target(**{"MinCapacity": 1, "MaxCapacity": 2, **key(endpoint), **request_})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_what_is_not_registered_is_not_found(scaling: Any, endpoint: str) -> None:
    """ObjectNotFoundException names the target, the policy or the action that is missing."""
    where = (
        f"service namespace: sagemaker, resource ID: {key(endpoint)['ResourceId']}, "
        f"scalable dimension: {DIMENSION}"
    )
    missing = [
        (
            lambda: scaling.put_scaling_policy(PolicyName="p", **tracking(10), **key(endpoint)),
            f"No scalable target registered for {where}",
        ),
        (
            lambda: scaling.deregister_scalable_target(**key(endpoint)),
            f"No scalable target found for {where}",
        ),
        (
            lambda: scaling.delete_scaling_policy(PolicyName="p", **key(endpoint)),
            f"No scaling policy found for {where}, policy name: p",
        ),
        (
            lambda: scaling.delete_scheduled_action(ScheduledActionName="s", **key(endpoint)),
            f"No scheduled action found for {where}, scheduled action name: s",
        ),
    ]
    for call, message in missing:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"] == {"Code": "ObjectNotFoundException", "Message": message}


def test_target_tracking_follows_the_traffic(scaling: Any, endpoints: Endpoints, endpoint: str) -> None:
    """Traffic above the target adds instances up to the maximum; without traffic they go again."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=3, **key(endpoint))
    put = scaling.put_scaling_policy(PolicyName="track", **tracking(300), **key(endpoint))
    names = [alarm["AlarmName"] for alarm in put["Alarms"]]
    prefix = f"TargetTracking-{key(endpoint)['ResourceId']}-Alarm"
    assert [name.removeprefix(prefix).partition("-")[0] for name in names] == ["High", "Low"]
    alarms = endpoints.twin.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert {(alarm["Threshold"], alarm["EvaluationPeriods"]) for alarm in alarms} == {(300.0, 3), (270.0, 15)}
    with endpoints.traffic(endpoint, threads=2, pause=0.02) as traffic:
        eventually(lambda: endpoints.count(endpoint) == 3)
    assert not traffic.failures
    eventually(lambda: endpoints.count(endpoint) == 1)
    found = scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=key(endpoint)["ResourceId"]
    )
    causes = [activity["Cause"] for activity in found["ScalingActivities"]]
    assert f"monitor alarm {names[0]} in state ALARM triggered policy track" in causes
    assert f"monitor alarm {names[1]} in state ALARM triggered policy track" in causes


def test_a_suspended_target_is_left_alone(scaling: Any, endpoints: Endpoints, endpoint: str) -> None:
    """While scaling out is suspended an alarm adds nothing; once resumed it does."""
    suspended = {"DynamicScalingOutSuspended": True}
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, SuspendedState=suspended, **key(endpoint))
    put = scaling.put_scaling_policy(PolicyName="track", **tracking(60), **key(endpoint))
    name, cloudwatch = put["Alarms"][0]["AlarmName"], endpoints.twin.client("cloudwatch")

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    with endpoints.traffic(endpoint, threads=2, pause=0.02):
        eventually(lambda: state() == "ALARM")
        assert endpoints.count(endpoint) == 1
        resumed = {"DynamicScalingOutSuspended": False}
        scaling.register_scalable_target(SuspendedState=resumed, **key(endpoint))
        eventually(lambda: endpoints.count(endpoint) == 2)


def test_a_step_policy_acts_when_its_alarm_fires(scaling: Any, endpoints: Endpoints, endpoint: str) -> None:
    """An alarm of the user's own, with the policy as its action, takes the step that the breach falls into."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=5, **key(endpoint))
    policy = scaling.put_scaling_policy(
        PolicyName="step",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
                {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
            ],
            "Cooldown": 3600,
        },
        **key(endpoint),
    )["PolicyARN"]
    cloudwatch, name = endpoints.twin.client("cloudwatch"), unique("backlog")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Own",
        MetricName=name,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[policy],
    )
    cloudwatch.put_metric_data(Namespace="Own", MetricData=[{"MetricName": name, "Value": 20}])
    eventually(lambda: endpoints.count(endpoint) == 3)
    shown = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["step"])
    assert [a["AlarmName"] for a in shown["ScalingPolicies"][0]["Alarms"]] == [name]


def test_a_scheduled_action_moves_the_bounds_at_its_time(
    scaling: Any, endpoints: Endpoints, endpoint: str
) -> None:
    """at() is read in the action's time zone, on the wall clock."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **key(endpoint))
    zone = timedelta(hours=9)  # Asia/Tokyo, without daylight saving
    due = datetime.now(UTC) + timedelta(seconds=3)
    scaling.put_scheduled_action(
        ScheduledActionName="morning",
        Schedule=f"at({(due + zone).strftime('%Y-%m-%dT%H:%M:%S')})",
        Timezone="Asia/Tokyo",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
        **key(endpoint),
    )
    eventually(lambda: endpoints.count(endpoint) == 2)
    assert datetime.now(UTC) >= due.replace(microsecond=0)
    ids = [key(endpoint)["ResourceId"]]
    target = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=ids)[
        "ScalableTargets"
    ][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)


def test_a_schedule_that_nobody_can_read_is_refused(scaling: Any, endpoint: str) -> None:
    """The error says which part is wrong; a cron expression in AWS's own form is taken."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **key(endpoint))
    action = {"ScheduledActionName": "s", "ScalableTargetAction": {"MinCapacity": 1}, **key(endpoint)}
    with pytest.raises(ClientError, match="Invalid schedule expression"):
        scaling.put_scheduled_action(Schedule="cron(every day)", **action)
    with pytest.raises(ClientError, match="Invalid time zone"):
        scaling.put_scheduled_action(Schedule="cron(0 8 ? * MON-FRI *)", Timezone="Moon/Base", **action)
    scaling.put_scheduled_action(Schedule="cron(0 8 ? * MON-FRI *)", Timezone="Europe/Berlin", **action)
    shown = scaling.describe_scheduled_actions(
        ServiceNamespace="sagemaker", ResourceId=key(endpoint)["ResourceId"]
    )["ScheduledActions"]
    assert [(one["Schedule"], one["Timezone"]) for one in shown] == [
        ("cron(0 8 ? * MON-FRI *)", "Europe/Berlin")
    ]


def test_deregistering_takes_policies_alarms_and_actions_along(
    scaling: Any, endpoints: Endpoints, endpoint: str
) -> None:
    """Nothing of a target is left behind."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, Tags={"team": "x"}, **key(endpoint))
    alarms = scaling.put_scaling_policy(PolicyName="track", **tracking(10), **key(endpoint))["Alarms"]
    scaling.deregister_scalable_target(**key(endpoint))
    where = {"ServiceNamespace": "sagemaker", "ResourceId": key(endpoint)["ResourceId"]}
    assert scaling.describe_scaling_policies(**where)["ScalingPolicies"] == []
    names = [alarm["AlarmName"] for alarm in alarms]
    assert endpoints.twin.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] == []


@pytest.mark.parametrize(
    "changed", [{"InstanceType": "ml.c5.large"}, {"VariantName": "Other"}], ids=["type", "variant"]
)
def test_a_scalable_variant_keeps_its_name_and_instance_type(
    scaling: Any, endpoints: Endpoints, endpoint: str, changed: dict[str, str]
) -> None:
    """An update that changes either is refused until the target is deregistered; another model is not."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **key(endpoint))
    config = endpoints.config(endpoints.model(), **changed)
    with pytest.raises(ClientError, match="registered as a scalable target") as caught:
        endpoints.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    model = endpoints.config(endpoints.model())
    endpoints.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=model)
    assert endpoints.settled(endpoint)["EndpointConfigName"] == model
    scaling.deregister_scalable_target(**key(endpoint))
    endpoints.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    assert endpoints.settled(endpoint)["EndpointConfigName"] == config


def test_deleting_a_scaled_endpoint_needs_the_right_to_deregister_it(
    twin: Twin, scaling: Any, endpoint: str
) -> None:
    """DeleteEndpoint deregisters the variants with the caller's own rights."""
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **key(endpoint))
    with pytest.raises(ClientError, match="does not have application-autoscaling:DeregisterScalableTarget"):
        twin.acting_as("sagemaker", allow("sagemaker:*")).delete_endpoint(EndpointName=endpoint)
    twin.client("sagemaker").delete_endpoint(EndpointName=endpoint)
    ids = [key(endpoint)["ResourceId"]]
    assert (
        scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=ids)["ScalableTargets"]
        == []
    )
