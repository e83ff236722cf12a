"""The alarms that a configuration wants: on what is emitted, within CloudWatch's limits, fit for late datapoints."""

import json
from datetime import timedelta

import pytest
from fakes import NAMES, NOW, config
from hypothesis import given
from hypothesis import strategies as st

from perennial.alarms.wanted import evaluation, wanted
from perennial.kinds import Route
from perennial.monitoring.analysis import Datapoint, publishable
from perennial.monitoring.monitors import delay
from perennial.monitoring.monitors import label_delay as late
from twin.alarm_rules import LOOK_BACK, judge

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1d", "min_coverage": 0.6},
    "bias": {"every": "1d", "facet": "afam", "privileged": "no"},
}


def alarms(**changes):
    return wanted(config(**changes), NAMES, "data").requests


def test_one_alarm_per_configured_intent():
    """A model with all monitors has seven alarms, named by model and intent."""
    found = alarms(monitors=ALL)
    assert {
        "data-quality",
        "model-quality",
        "bias",
        "label-coverage",
        "silence",
        "latency",
        "errors",
    } == set(found)
    assert all(f"perennial-mortgage-{intent}" == request["AlarmName"] for intent, request in found.items())


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        pytest.param({}, {"model-quality", "label-coverage", "bias"}, id="only the default monitor"),
        pytest.param({"monitors": {"data_quality": None}}, {"data-quality", "silence"}, id="no monitor"),
        pytest.param({"endpoint": {"rollback_on": {"p99_ms": None}}}, {"latency"}, id="no limit of latency"),
        pytest.param(
            {"endpoint": {"rollback_on": {"error_percent": None}}}, {"errors"}, id="no limit of errors"
        ),
        pytest.param({"capture": {"percent": 0}}, {"data-quality", "silence"}, id="nothing is captured"),
        pytest.param(
            {"endpoint": {"kind": "serverless"}, "capture": {"percent": 0}},
            {"data-quality", "silence"},
            id="nothing is captured of a serverless endpoint",
        ),
    ],
)
def test_what_is_not_configured_has_no_alarm(changes, absent):
    """No alarm exists whose metric nothing emits."""
    assert not absent & set(alarms(**changes))


def test_silence_is_heard_on_another_monitor():
    """Without a data quality monitor the next one tells whether anything was captured."""
    found = alarms(monitors={"data_quality": None, "model_quality": {"every": "1d"}})["silence"]
    assert ("aws/sagemaker/Endpoints/model-metrics", "records") == (found["Namespace"], found["MetricName"])


def test_monitors_metrics_are_named_exactly():
    """An alarm on another spelling or another set of dimensions would never fire."""
    found = alarms(monitors=ALL)
    expected = {
        "data-quality": ("data-metrics", "violations", "data-quality"),
        "model-quality": ("model-metrics", "violations", "model-quality"),
        "bias": ("bias-metrics", "violations", "bias"),
        "label-coverage": ("model-metrics", "label_coverage", "model-quality"),
        "silence": ("data-metrics", "records", "data-quality"),
    }
    for intent, (namespace, metric, schedule) in expected.items():
        request = found[intent]
        assert f"aws/sagemaker/Endpoints/{namespace}" == request["Namespace"]
        assert metric == request["MetricName"]
        dimensions = {each["Name"]: each["Value"] for each in request["Dimensions"]}
        assert {
            "Endpoint": "perennial-mortgage",
            "MonitoringSchedule": f"perennial-mortgage-{schedule}",
        } == dimensions


@pytest.mark.parametrize(
    ("intent", "operator", "threshold"),
    [
        ("data-quality", "GreaterThanThreshold", 0),
        ("label-coverage", "LessThanThreshold", 0.6),
        ("silence", "LessThanThreshold", 1),
        ("latency", "GreaterThanThreshold", 500_000),
        ("errors", "GreaterThanThreshold", 1),
    ],
)
def test_thresholds(intent, operator, threshold):
    """Latency is in microseconds, errors in percent; a window without violations and with records is quiet."""
    found = alarms(monitors=ALL)[intent]
    assert (operator, threshold) == (found["ComparisonOperator"], found["Threshold"])


def test_the_endpoints_own_metrics():
    """Errors are a share, of enough requests; three of five minutes have to breach, and a quiet minute is a good one."""
    found = alarms()
    latency, errors = found["latency"], found["errors"]
    assert ("p99", 60) == (latency["ExtendedStatistic"], latency["Period"])
    stats = {query["Id"]: query for query in errors["Metrics"]}
    assert "IF(invocations >= 20, 100 * errors / invocations, 0)" == stats["share"]["Expression"]
    names = {stats[each]["MetricStat"]["Metric"]["MetricName"] for each in ("errors", "invocations")}
    assert {"Invocation5XXErrors", "Invocations"} == names
    for request in (latency, errors):
        assert (5, 3) == (request["EvaluationPeriods"], request["DatapointsToAlarm"])
        assert "notBreaching" == request["TreatMissingData"]


def test_a_late_datapoint_changes_nothing():
    """What is missing keeps an alarm as it is; only silence has it as its point."""
    treatments = {intent: request["TreatMissingData"] for intent, request in alarms(monitors=ALL).items()}
    assert "missing" == treatments.pop("silence")
    assert "ignore" == treatments["data-quality"] == treatments["label-coverage"] == treatments["bias"]


@pytest.mark.parametrize(
    ("period", "lag", "expected"),
    [
        pytest.param(HOUR, 15 * MINUTE, (3, 3, 2), id="an hour: 2 of 3"),
        pytest.param(5 * MINUTE, 15 * MINUTE, (5, 3, 2), id="three windows are always on their way"),
        pytest.param(DAY, 15 * MINUTE, (3, 3, 2), id="a day"),
        pytest.param(3 * DAY, 15 * MINUTE, (2, 2, 2), id="two windows fit in a week"),
        pytest.param(7 * DAY, 15 * MINUTE, (1, 1, 1), id="one window fits in a week"),
        pytest.param(
            30 * MINUTE, 25 * HOUR, None, id="nothing arrives in the day that CloudWatch looks back"
        ),
    ],
)
def test_windows_that_fit(period, lag, expected):
    """Two of three windows that have arrived; fewer where CloudWatch does not look back so far."""
    found = evaluation(period, lag)
    assert expected == (found and (found.periods, found.judged, found.breaching))


@given(
    st.sampled_from([5, 10, 15, 20, 30, 60, 120, 360, 720, *(day * 1440 for day in range(1, 8))]),
    st.integers(0, 1440),
    st.booleans(),
)
def test_always_within_cloudwatchs_limits(period, delay, every_one):
    """Periods are whole minutes, and all of them together at most a day, or seven with an hour and more."""
    found = evaluation(period * MINUTE, delay * MINUTE, every_one)
    if found is None:
        return
    reach = 7 * DAY if period >= 60 else DAY
    assert found.periods * found.period <= reach
    assert 1 <= found.breaching <= found.judged <= found.periods
    # What is still on its way leaves room for two that are judged, or for the only one.
    assert found.periods >= min(2, found.judged) + delay // period


@pytest.mark.parametrize("label_delay", ["5m", "1d", "6d", "7d", "30d"])
@pytest.mark.parametrize("every", ["1h", "1d"])
def test_labels_may_take_any_time(label_delay, every):
    """An alarm sees lost quality however late the labels: its datapoints are dated to when those were due."""
    settings = config(monitors={"model_quality": {"every": every, "label_delay": label_delay}})
    request = wanted(settings, NAMES, "data").requests["model-quality"]
    period = timedelta(seconds=request["Period"])
    waits = late(settings, "model_quality")
    points = []
    for window in range(3):
        end = NOW + window * period
        point = Datapoint(request["Namespace"], request["MetricName"], {}, 1.0, end)
        analyzed_at = end + delay(settings, "model_quality") + 15 * MINUTE
        points += publishable([point], analyzed_at, waits)
    seen = [None] * (request["EvaluationPeriods"] + LOOK_BACK)
    for point in points:
        seen[(analyzed_at - point.timestamp) // period] = point.value
    assert "ALARM" == judge({**request, "StateValue": "OK"}, seen).state


def test_what_cannot_be_is_told():
    """An alarm that one would expect and that CloudWatch cannot hold is named with the reason."""
    found = wanted(
        config(monitors={"data_quality": {"every": "5m"}}, capture={"delay_minutes": 1440}), NAMES, "data"
    )
    assert "shorten the delay" in found.impossible["data-quality"]
    assert "nothing is captured" in wanted(config(capture={"percent": 0}), NAMES, "d").impossible["silence"]


def test_a_person_at_three_in_the_morning():
    """A description says what it means, where to look, and what follows, in what CloudWatch takes."""
    for intent, request in alarms(monitors=ALL).items():
        text = request["AlarmDescription"]
        assert "mortgage" in text
        assert "Look at" in text
        assert "on_alarm." in text
        assert len(text) <= 1024, intent
    assert "2 of 3 windows of 1 hour" in alarms()["data-quality"]["AlarmDescription"]
    assert "s3://data/models/mortgage/reports/data_quality/" in alarms()["data-quality"]["AlarmDescription"]


def test_a_serverless_endpoint_is_watched():
    """The API captures what it is asked to predict, so a serverless endpoint has the alarms of any other."""
    assert set(alarms()) == set(alarms(endpoint={"kind": "serverless"}))


def test_alarms_follow_the_route():
    """After a change of kind the same alarms watch the endpoint that serves."""
    moved = Route("perennial-mortgage-realtime", "realtime")
    for request in wanted(config(), NAMES, "data", moved).requests.values():
        text = json.dumps(request)
        assert "perennial-mortgage-realtime" in text
        assert '"Value": "perennial-mortgage"}' not in text
