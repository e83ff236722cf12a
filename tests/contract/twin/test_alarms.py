"""Alarms on the twin: metric math, percentiles, hours, late data, stacks; and their events."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, Twin, eventually, unique

NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"


class Watched:
    """An alarm and the metrics it looks at; every name is fresh."""

    def __init__(self, twin: Twin) -> None:
        self.cloudwatch, self.name = twin.client("cloudwatch"), unique("alarm")
        self.dimensions = [
            {"Name": "Endpoint", "Value": self.name},
            {"Name": "MonitoringSchedule", "Value": self.name},
        ]

    def put(self, **more: Any) -> None:
        request = {
            "AlarmName": self.name,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "missing",
            **more,
        }
        if "Metrics" not in request:
            one = {"Namespace": NAMESPACE, "MetricName": "drifted_features", "Dimensions": self.dimensions}
            statistic = {} if "ExtendedStatistic" in more else {"Statistic": "Maximum"}
            request = {"Period": 3600, **statistic, **one, **request}
        self.cloudwatch.put_metric_alarm(**request)

    def stat(self, identifier: str) -> dict[str, Any]:
        metric = {"Namespace": NAMESPACE, "MetricName": identifier, "Dimensions": self.dimensions}
        return {
            "Id": identifier,
            "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }

    def data(self, name: str = "drifted_features", ago: float = 0, **value: Any) -> None:
        """Put a datum, `ago` hours back."""
        at = datetime.now(UTC) - timedelta(hours=ago)
        datum = {"MetricName": name, "Dimensions": self.dimensions, "Timestamp": at, **value}
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    def values(self, **values: float) -> None:
        """Put a value of each metric at one moment: in one period, wherever a minute ends."""
        at = datetime.now(UTC)
        data = [
            {"MetricName": name, "Dimensions": self.dimensions, "Timestamp": at, "Value": value}
            for name, value in values.items()
        ]
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def described(self) -> dict[str, Any]:
        (alarm,) = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        found: dict[str, Any] = alarm
        return found

    @property
    def state(self) -> str:
        return str(self.described()["StateValue"])


@pytest.fixture
def watched(twin: Twin) -> Watched:
    """An alarm of this test alone."""
    return Watched(twin)


@pytest.fixture(scope="module")
def changes(twin: Twin) -> Callable[[str], list[dict[str, Any]]]:
    """The `CloudWatch Alarm State Change` events about an alarm, in the order sent."""
    events = Events.of(twin, "aws.cloudwatch")
    alarms = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm"
    return lambda alarm: [event["detail"] for event in events.about(f"{alarms}:{alarm}")]


RATE = "IF(n >= 20, 100 * e / n, 0)"


@pytest.mark.parametrize(
    ("requests", "errors", "state"),
    [
        pytest.param(100, 3, "ALARM", id="3 % of a hundred"),
        pytest.param(100, 1, "OK", id="1 % of a hundred"),
        pytest.param(10, 9, "OK", id="too few to judge"),
    ],
)
def test_an_alarm_on_metric_math(
    watched: Watched,
    changes: Callable[[str], list[dict[str, Any]]],
    requests: float,
    errors: float,
    state: str,
) -> None:
    """An expression over several metrics is evaluated, described, and told in the event."""
    rate = {"Id": "rate", "Expression": RATE, "Label": "errors in percent", "ReturnData": True}
    watched.put(Metrics=[watched.stat("n"), watched.stat("e"), rate])
    described = watched.described()
    assert [one["Id"] for one in described["Metrics"]] == ["n", "e", "rate"]
    assert "MetricName" not in described
    watched.values(e=errors, n=requests)
    assert watched.state == state
    (change,) = eventually(lambda: changes(watched.name))[-1:]
    assert change["state"]["value"] == state
    metrics = change["configuration"]["metrics"]
    assert metrics[0]["metricStat"]["metric"]["dimensions"]["Endpoint"] == watched.name
    assert metrics[2] == {
        "id": "rate",
        "expression": RATE,
        "label": "errors in percent",
        "returnData": True,
    }


@pytest.mark.parametrize(
    ("expression", "told"),
    [("SPIN(n)", "Unsupported function 'SPIN'"), ("n + m", "Unknown identifier"), ("n +", "Unexpected end")],
)
def test_an_expression_that_makes_no_sense_is_refused(watched: Watched, expression: str, told: str) -> None:
    """PutMetricAlarm answers ValidationError with the fault, and keeps nothing."""
    with pytest.raises(ClientError, match=told) as caught:
        watched.put(Metrics=[watched.stat("n"), {"Id": "r", "Expression": expression, "ReturnData": True}])
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert watched.cloudwatch.describe_alarms(AlarmNames=[watched.name])["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("value", "state"),
    [
        pytest.param({"Values": [1.0, 900.0], "Counts": [95.0, 5.0]}, "ALARM", id="slow ones among many"),
        pytest.param({"Values": [1.0, 900.0], "Counts": [9999.0, 1.0]}, "OK", id="one slow one"),
        pytest.param(
            {"StatisticValues": {"SampleCount": 9, "Sum": 4500, "Minimum": 500, "Maximum": 500}},
            "ALARM",
            id="a statistic set of equal values",
        ),
        pytest.param(
            {"StatisticValues": {"SampleCount": 9, "Sum": 900, "Minimum": 1, "Maximum": 500}},
            "INSUFFICIENT_DATA",
            id="a statistic set that hides its values",
        ),
    ],
)
def test_an_alarm_on_a_percentile(watched: Watched, value: dict[str, Any], state: str) -> None:
    """p99 is taken of values with their counts; of a statistic set only when all its values are equal."""
    watched.put(ExtendedStatistic="p99", Threshold=100.0, Period=60)
    assert "Statistic" not in watched.described()
    watched.data(**value)
    assert watched.state == state


def test_data_count_in_the_period_of_their_timestamp(watched: Watched) -> None:
    """Three hours put within a second are three periods: two of three bring an alarm, whatever came last."""
    watched.put(EvaluationPeriods=3, DatapointsToAlarm=2)
    assert watched.state == "INSUFFICIENT_DATA"
    watched.data(ago=0, Value=0)
    assert watched.state == "OK"
    watched.data(ago=1.01, Value=4)
    assert watched.state == "OK"
    watched.data(ago=2.02, Value=4)
    assert watched.state == "ALARM"


def test_data_too_old_do_not_count(watched: Watched) -> None:
    """What lies before the periods in sight is as good as nothing, unless the alarm says otherwise."""
    watched.put(EvaluationPeriods=1)
    watched.data(ago=5, Value=9)
    assert watched.state == "INSUFFICIENT_DATA"
    watched.put(EvaluationPeriods=1, TreatMissingData="breaching")
    assert watched.state == "ALARM"
    assert "no datapoints were received for 1 period" in watched.described()["StateReason"]


def test_days_are_periods_too(watched: Watched) -> None:
    """A daily metric is judged by days."""
    watched.put(Period=86400, EvaluationPeriods=2)
    watched.data(ago=3, Value=5)
    watched.data(ago=27, Value=5)
    assert watched.state == "ALARM"


def test_a_state_that_is_set_is_told(
    watched: Watched, changes: Callable[[str], list[dict[str, Any]]]
) -> None:
    """SetAlarmState sends the event that a real change sends, with the reason and data given."""
    watched.put(TreatMissingData="ignore")
    watched.cloudwatch.set_alarm_state(
        AlarmName=watched.name, StateValue="ALARM", StateReason="fire drill", StateReasonData='{"drill": "7"}'
    )
    (change,) = eventually(lambda: changes(watched.name))
    assert change["state"]["value"] == "ALARM"
    assert change["state"]["reason"] == "fire drill"
    assert change["state"]["reasonData"] == '{"drill": "7"}'
    assert change["previousState"]["value"] == "INSUFFICIENT_DATA"


def test_alarms_of_a_stack_may_use_metric_math(twin: Twin, watched: Watched) -> None:
    """CloudFormation makes, and refuses, alarms as PutMetricAlarm does."""
    cloudformation = twin.client("cloudformation")

    def deployed(stack: str, expression: str) -> str:
        alarm = {
            "AlarmName": watched.name,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Metrics": [watched.stat("n"), {"Id": "r", "Expression": expression, "ReturnData": True}],
        }
        template = {"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))

        def status() -> str:
            return str(cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

        eventually(lambda: status() not in ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"))
        return status()

    assert deployed(unique("stack"), "SPIN(n)") == "ROLLBACK_COMPLETE"
    assert deployed(unique("stack"), "n * 2") == "CREATE_COMPLETE"
    watched.data("n", Value=1)
    assert watched.state == "ALARM"


def test_alarms_are_tagged_listed_in_pages_and_deleted(twin: Twin) -> None:
    """Prefix and pages find all alarms of ours; tags stay with them; what is deleted is gone."""
    cloudwatch, prefix = twin.client("cloudwatch"), unique("many")
    for number in range(5):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{prefix}-{number}",
            Namespace=NAMESPACE,
            MetricName="records",
            Statistic="Sum",
            Period=3600,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            Tags=[{"Key": "model", "Value": "mortgage"}],
        )

    def found() -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2}
        )
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]

    assert found() == [f"{prefix}-{number}" for number in range(5)]
    arn = cloudwatch.describe_alarms(AlarmNames=[f"{prefix}-0"])["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "intent", "Value": "silence"}])
    tags = {one["Key"]: one["Value"] for one in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    assert tags == {"model": "mortgage", "intent": "silence"}
    cloudwatch.delete_alarms(AlarmNames=[f"{prefix}-0", f"{prefix}-3"])
    assert found() == [f"{prefix}-{number}" for number in (1, 2, 4)]
