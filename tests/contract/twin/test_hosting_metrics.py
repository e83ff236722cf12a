"""What endpoints publish to CloudWatch, and alarms on it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, Twin, eventually, unique
from serving_endpoints import VARIANT, Endpoints


def statistics(twin: Twin, name: str, dimensions: dict[str, str], *wanted: str) -> dict[str, float]:
    """Statistics over the last ten minutes, or nothing."""
    now = datetime.now(UTC)
    points = twin.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=list(wanted),
    )["Datapoints"]
    return {name: sum(point[name] for point in points) for name in wanted} if points else {}


def test_an_endpoint_publishes_its_traffic(endpoints: Endpoints) -> None:
    """Counts, shares and latencies in microseconds, per variant and once more per endpoint config."""
    name = endpoints.serving(2, delay=0.02)
    for body in (b"1", b"1"):
        endpoints.invoke(name, body)
    for body in (b"bad", b"boom"):
        with pytest.raises(ClientError):
            endpoints.invoke(name, body)
    variant = {"EndpointName": name, "VariantName": VARIANT}
    of_config = {**variant, "EndpointConfigName": endpoints.describe(name)["EndpointConfigName"]}
    for dimensions in (variant, of_config):
        eventually(lambda d=dimensions: statistics(endpoints.twin, "Invocations", d, "Sum") == {"Sum": 4.0})

        def read(metric: str, *wanted: str, at: dict[str, str] = dimensions) -> dict[str, float]:
            return statistics(endpoints.twin, metric, at, *wanted)

        assert read("InvocationsPerInstance", "Sum") == {"Sum": 2.0}
        assert read("Invocation4XXErrors", "Sum", "Average") == {"Sum": 1.0, "Average": 0.25}
        assert read("Invocation5XXErrors", "Sum", "Average") == {"Sum": 1.0, "Average": 0.25}
        assert read("InvocationModelErrors", "Sum") == {"Sum": 2.0}
        latency = read("ModelLatency", "SampleCount", "Minimum")
        assert latency["SampleCount"] == 4.0
        assert latency["Minimum"] >= 20_000
        assert read("OverheadLatency", "SampleCount") == {"SampleCount": 4.0}


@pytest.fixture
def alarm(twin: Twin) -> dict[str, Any]:
    """An alarm on a metric of the test's own, for one of its dimensions."""
    name = unique("alarm")
    request: dict[str, Any] = {
        "AlarmName": name,
        "AlarmDescription": "too much",
        "Namespace": "Own",
        "MetricName": name,
        "Dimensions": [{"Name": "side", "Value": "a"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    twin.client("cloudwatch").put_metric_alarm(**request)
    return request


def put(twin: Twin, alarm: dict[str, Any], side: str, value: float) -> None:
    dimensions = [{"Name": "side", "Value": side}]
    data = {"MetricName": alarm["MetricName"], "Dimensions": dimensions, "Value": value}
    twin.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[data])


def state(twin: Twin, alarm: dict[str, Any]) -> str:
    found = twin.client("cloudwatch").describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"][0]
    return str(found["StateValue"])


def test_an_alarm_looks_at_its_own_dimensions_only(twin: Twin, alarm: dict[str, Any]) -> None:
    """Another dimension's data leave an alarm as it is."""
    put(twin, alarm, "b", 100)
    assert state(twin, alarm) == "INSUFFICIENT_DATA"
    put(twin, alarm, "a", 1)
    assert state(twin, alarm) == "OK"
    put(twin, alarm, "a", 100)
    assert state(twin, alarm) == "ALARM"


def test_an_alarms_change_is_told_to_eventbridge(twin: Twin, alarm: dict[str, Any]) -> None:
    """`CloudWatch Alarm State Change` has both states and the alarm's configuration, dimensions as a map."""
    name = alarm["AlarmName"]
    events = Events.of(twin, "aws.cloudwatch")
    put(twin, alarm, "a", 1)
    put(twin, alarm, "a", 100)
    resource = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    eventually(lambda: len(events.about(resource)) == 2)
    event = events.about(resource)[1]
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    detail = event["detail"]
    assert detail["alarmName"] == name
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")
    assert detail["state"]["reason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints")
    assert '"threshold": 5.0' in detail["state"]["reasonData"]
    assert detail["configuration"] == {
        "description": "too much",
        "metrics": [
            {
                "id": "m1",
                "metricStat": {
                    "metric": {"namespace": "Own", "name": name, "dimensions": {"side": "a"}},
                    "period": 60,
                    "stat": "Average",
                },
                "returnData": True,
            }
        ],
    }


def test_metrics_that_a_container_prints_become_datapoints(endpoints: Endpoints) -> None:
    """A line in the embedded metric format is a log event and a metric; alarms on it live in endpoints' time."""
    mark, cloudwatch = unique("print"), endpoints.twin.client("cloudwatch")
    directive = {
        "Namespace": mark,
        "Dimensions": [["Version"]],
        "Metrics": [{"Name": "Score", "Unit": "Count"}],
    }
    embedded = {"Timestamp": int(datetime.now(UTC).timestamp() * 1000), "CloudWatchMetrics": [directive]}
    name = endpoints.serving(1, say=[{"_aws": embedded, "Version": "7", "Score": [2, 4]}, "no metric"])
    endpoints.invoke(name)

    def average() -> list[float]:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace=mark,
            MetricName="Score",
            Dimensions=[{"Name": "Version", "Value": "7"}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=86400,
            Statistics=["Average"],
        )["Datapoints"]
        return [point["Average"] for point in points]

    eventually(lambda: average() == [3.0])
    logs = endpoints.twin.client("logs").filter_log_events(
        logGroupName=f"/aws/sagemaker/Endpoints/{name}", filterPattern="Score"
    )
    assert json.loads(logs["events"][0]["message"])["Score"] == [2, 4]
