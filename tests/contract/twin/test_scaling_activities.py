"""Scaling policies and schedules on the twin, and what DescribeScalingActivities tells of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, eventually, unique
from serving_endpoints import VARIANT, Endpoints

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


class Scaled:
    """An endpoint with one instance that is a scalable target."""

    def __init__(self, endpoints: Endpoints, maximum: int, **behaviour: Any) -> None:
        self.endpoints, self.name = endpoints, endpoints.serving(1, **behaviour)
        self.scaling = endpoints.twin.client("application-autoscaling")
        self.cloudwatch = endpoints.twin.client("cloudwatch")
        self.key = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self.name}/variant/{VARIANT}",
            "ScalableDimension": DIMENSION,
        }
        self.scaling.register_scalable_target(MinCapacity=1, MaxCapacity=maximum, **self.key)

    @property
    def count(self) -> int:
        return self.endpoints.count(self.name)

    @property
    def bounds(self) -> tuple[int, int]:
        found = self.scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[self.key["ResourceId"]]
        )["ScalableTargets"][0]
        return found["MinCapacity"], found["MaxCapacity"]

    def activities(self, **more: Any) -> list[dict[str, Any]]:
        """The newest first."""
        found = self.scaling.describe_scaling_activities(**self.key, **more)["ScalingActivities"]
        return list(found)

    def reasons(self) -> list[dict[str, Any]]:
        """Why nothing was done, the newest first."""
        found = self.activities(IncludeNotScaledActivities=True)
        return [reason for one in found for reason in one.get("NotScaledReasons", [])]

    def steps(self, adjustments: list[dict[str, Any]], **more: Any) -> str:
        """A step policy, run by an alarm above 10 on a metric of its own; the alarm's name."""
        config = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": adjustments, **more}
        name = unique("step")
        arn = self.scaling.put_scaling_policy(
            PolicyName=name, PolicyType="StepScaling", StepScalingPolicyConfiguration=config, **self.key
        )["PolicyARN"]
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Own",
            MetricName=name,
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=10,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[arn],
        )
        return name

    def put(self, metric: str, value: float) -> None:
        self.cloudwatch.put_metric_data(Namespace="Own", MetricData=[{"MetricName": metric, "Value": value}])


# Also told of an alarm that still rings while what it asked for is on its way, which depends on the machine.
BUSY = {"Code": "TargetServicePutResourceAsUnscalable"}
STEPS = [
    {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
]


def test_a_larger_step_adds_only_the_difference_while_the_first_cools_down(endpoints: Endpoints) -> None:
    """What a scale-out added counts as part of the next one until its cooldown is over."""
    scaled = Scaled(endpoints, 5)
    metric = scaled.steps(STEPS, Cooldown=3600)
    scaled.put(metric, 15)
    eventually(lambda: scaled.count == 2)
    scaled.put(metric, 25)
    eventually(lambda: scaled.count == 3)
    assert [one for one in scaled.reasons() if one != BUSY] == []
    done = scaled.activities()
    eventually(lambda: scaled.activities()[0]["StatusCode"] == "Successful")
    assert [one["Description"] for one in done] == [
        "Setting desired instance count to 3.",
        "Setting desired instance count to 2.",
    ]
    assert {one["Cause"] for one in done} == {
        f"monitor alarm {metric} in state ALARM triggered policy {metric}"
    }


def test_what_was_not_scaled_is_told_on_request(endpoints: Endpoints) -> None:
    """An alarm that fires at the maximum leaves an activity with its reason, once, for whoever asks for such."""
    scaled = Scaled(endpoints, 2)
    metric = scaled.steps(STEPS, Cooldown=0)
    scaled.put(metric, 30)
    at_most = {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 2}
    eventually(lambda: [one for one in scaled.reasons() if one != BUSY] == [at_most])
    assert [one["Description"] for one in scaled.activities()] == ["Setting desired instance count to 2."]
    told = scaled.activities(IncludeNotScaledActivities=True)[0]
    assert (told["Description"], told["StatusCode"]) == (
        "Attempting to scale due to alarm triggered",
        "Failed",
    )


def test_an_alarm_during_an_update_scales_nothing(endpoints: Endpoints) -> None:
    """While the endpoint is updated it is unscalable; the alarm that still fires afterwards is followed."""
    scaled = Scaled(endpoints, 3)
    metric = scaled.steps(STEPS)
    bake = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 180}
    config = endpoints.config(endpoints.model())
    endpoints.twin.admin("POST", "faults", fault="long-bake", name=config)
    endpoints.sagemaker.update_endpoint(
        EndpointName=scaled.name,
        EndpointConfigName=config,
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": bake}},
    )
    scaled.put(metric, 15)
    eventually(lambda: scaled.reasons() == [BUSY])
    assert endpoints.describe(scaled.name)["EndpointStatus"] == "Updating"
    endpoints.twin.admin("DELETE", "faults")
    eventually(lambda: scaled.count >= 2)


def test_the_high_resolution_metric_scales_out_within_a_minute(endpoints: Endpoints) -> None:
    """Concurrency is published every ten seconds, and three of them above the target add instances."""
    scaled = Scaled(endpoints, 3, delay=0.2)
    metric = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    put = scaled.scaling.put_scaling_policy(
        PolicyName="concurrency",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 2.0,
            "PredefinedMetricSpecification": metric,
            "ScaleInCooldown": 60,
            "ScaleOutCooldown": 60,
        },
        **scaled.key,
    )
    names = [alarm["AlarmName"] for alarm in put["Alarms"]]
    alarms = {
        one["AlarmName"]: one for one in scaled.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    }
    assert [(alarms[name]["Period"], alarms[name]["EvaluationPeriods"]) for name in names] == [
        (10, 3),
        (60, 15),
    ]
    with endpoints.traffic(scaled.name, threads=4) as traffic:
        eventually(lambda: scaled.count >= 2)
    assert not traffic.failures
    now = datetime.now(UTC)
    points = scaled.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ConcurrentRequestsPerModel",
        Dimensions=[
            {"Name": "EndpointName", "Value": scaled.name},
            {"Name": "VariantName", "Value": VARIANT},
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert 3.0 < points[0]["Maximum"] <= 4.5, "four requests at a time"
    eventually(lambda: scaled.count == 1)


def test_a_target_may_be_tracked_by_metric_math(endpoints: Endpoints) -> None:
    """A customized metric of several is watched by alarms of the same expression."""
    scaled = Scaled(endpoints, 3)
    dimensions = [{"Name": "EndpointName", "Value": scaled.name}, {"Name": "VariantName", "Value": VARIANT}]
    invocations = {"Namespace": "AWS/SageMaker", "MetricName": "Invocations", "Dimensions": dimensions}
    put = scaled.scaling.put_scaling_policy(
        PolicyName="math",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 100.0,
            "CustomizedMetricSpecification": {
                "Metrics": [
                    {"Id": "i", "MetricStat": {"Metric": invocations, "Stat": "Sum"}, "ReturnData": False},
                    {"Id": "r", "Expression": "i / 2"},
                ]
            },
        },
        **scaled.key,
    )
    names = [alarm["AlarmName"] for alarm in put["Alarms"]]
    alarms = scaled.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert all(one["Metrics"][1]["Expression"] == "i / 2" for one in alarms)
    with endpoints.traffic(scaled.name, threads=1, pause=0.02):
        eventually(lambda: scaled.count >= 2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param({"AdjustmentType": "ChangeInCapacity"}, "must be specified", id="no steps"),
        pytest.param(
            {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [
                    {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 5, "ScalingAdjustment": 1},
                    {"MetricIntervalLowerBound": 6, "ScalingAdjustment": 2},
                ],
            },
            "must not have a gap",
            id="gap",
        ),
        pytest.param(
            {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [
                    {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1},
                    {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 2},
                ],
            },
            "must not overlap",
            id="overlap",
        ),
        pytest.param(
            {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
                "MinAdjustmentMagnitude": 2,
            },
            "PercentChangeInCapacity only",
            id="magnitude of no percentage",
        ),
    ],
)
def test_steps_that_make_no_sense_are_refused(
    endpoints: Endpoints, config: dict[str, Any], message: str
) -> None:
    """PutScalingPolicy answers ValidationException and keeps nothing."""
    scaled = Scaled(endpoints, 2)
    with pytest.raises(ClientError, match=message) as caught:
        scaled.scaling.put_scaling_policy(
            PolicyName="p", PolicyType="StepScaling", StepScalingPolicyConfiguration=config, **scaled.key
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert (
        scaled.scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["p"])[
            "ScalingPolicies"
        ]
        == []
    )


@pytest.fixture
def clock(twin: Twin) -> Any:
    """Moves the clock of schedules to a time; it goes back with the test."""

    def to(at: datetime) -> None:
        twin.admin("POST", "schedule-clock", offset_seconds=(at - datetime.now(UTC)).total_seconds())

    yield to
    twin.admin("POST", "schedule-clock", offset_seconds=0)


def tomorrow(hour: int, zone: str) -> datetime:
    """That hour of the next day, where the zone is."""
    day = datetime.now(ZoneInfo(zone)) + timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def test_schedules_follow_the_clock_of_their_time_zone(endpoints: Endpoints, clock: Any) -> None:
    """A cron expression in Berlin raises the floor in its morning and lowers it in its evening."""
    scaled = Scaled(endpoints, 4)
    for name, hour, low in (("morning", 8, 2), ("evening", 20, 1)):
        scaled.scaling.put_scheduled_action(
            ScheduledActionName=name,
            Schedule=f"cron(0 {hour} * * ? *)",
            Timezone="Europe/Berlin",
            ScalableTargetAction={"MinCapacity": low, "MaxCapacity": 3},
            **scaled.key,
        )
    clock(tomorrow(7, "Europe/Berlin"))
    clock(tomorrow(8, "Europe/Berlin") - timedelta(seconds=1))
    eventually(lambda: scaled.count == 2)
    assert scaled.bounds == (2, 3)
    clock(tomorrow(20, "Europe/Berlin"))
    eventually(lambda: scaled.bounds == (1, 3))
    told = {(one["Description"], one["Cause"], one["StatusCode"]) for one in scaled.activities()}
    assert (
        "Setting min capacity to 2 and max capacity to 3",
        "scheduled action name morning was triggered",
        "Successful",
    ) in told
    assert ("Setting desired instance count to 2.", "minimum capacity was set to 2", "Successful") in told


def test_a_schedule_keeps_to_its_first_and_last_day(endpoints: Endpoints, clock: Any) -> None:
    """Before StartTime and after EndTime nothing happens; an end before the start is refused."""
    scaled = Scaled(endpoints, 4)
    start, end = tomorrow(10, "UTC"), tomorrow(12, "UTC")
    action = {"ScheduledActionName": "s", "ScalableTargetAction": {"MaxCapacity": 2}, **scaled.key}
    with pytest.raises(ClientError, match="end time must be later"):
        scaled.scaling.put_scheduled_action(Schedule="rate(1 hour)", StartTime=end, EndTime=start, **action)
    scaled.scaling.put_scheduled_action(Schedule="rate(1 hour)", StartTime=start, EndTime=end, **action)
    clock(start - timedelta(minutes=1))
    assert scaled.bounds == (1, 4)
    clock(start)
    eventually(lambda: scaled.bounds == (1, 2))
    clock(end + timedelta(minutes=1))
    scaled.scaling.register_scalable_target(MaxCapacity=4, **scaled.key)
    clock(end + timedelta(days=2))
    assert scaled.bounds == (1, 4)


def test_a_suspended_schedule_changes_nothing(endpoints: Endpoints, clock: Any) -> None:
    """ScheduledScalingSuspended holds a schedule back; afterwards its next time counts."""
    scaled = Scaled(endpoints, 4)
    scaled.scaling.register_scalable_target(SuspendedState={"ScheduledScalingSuspended": True}, **scaled.key)
    scaled.scaling.put_scheduled_action(
        ScheduledActionName="hourly",
        Schedule="cron(0 * * * ? *)",
        ScalableTargetAction={"MaxCapacity": 2},
        **scaled.key,
    )
    clock(tomorrow(6, "UTC"))
    assert scaled.bounds == (1, 4)
    scaled.scaling.register_scalable_target(SuspendedState={"ScheduledScalingSuspended": False}, **scaled.key)
    clock(tomorrow(7, "UTC"))
    eventually(lambda: scaled.bounds == (1, 2))


def test_a_scale_out_that_aws_has_no_instances_for_fails_with_the_reason(endpoints: Endpoints) -> None:
    """The activity is Failed, the endpoint goes on with what it has, and the next try may succeed."""
    scaled = Scaled(endpoints, 3)
    config = endpoints.describe(scaled.name)["EndpointConfigName"]
    endpoints.twin.admin("POST", "faults", fault="no-instances", name=config)
    scaled.scaling.register_scalable_target(MinCapacity=2, **scaled.key)
    eventually(lambda: scaled.activities()[0]["StatusCode"] == "Failed")
    assert "InsufficientInstanceCapacity" in scaled.activities()[0]["StatusMessage"]
    assert endpoints.settled(scaled.name)["EndpointStatus"] == "InService"
    assert scaled.count == 1
    scaled.scaling.register_scalable_target(MinCapacity=2, **scaled.key)
    eventually(lambda: scaled.count == 2)
