"""CloudWatch's rules: missing data, metric math, and what PutMetricAlarm refuses."""

from typing import Any

import pytest

from twin.alarm_rules import judge, reason, refusal
from twin.metric_math import MathError
from twin.metric_math_parser import parse

_ = None  # a period without data


def alarm(**more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "EvaluationPeriods": 3,
        "StateValue": "UNCHANGED",
        **more,
    }


# CloudWatch's own two tables ("Configuring how CloudWatch alarms treat missing data"), the newest datapoint first:
# the states for missing, ignore, breaching and notBreaching.
KEPT = "UNCHANGED"


@pytest.mark.parametrize(
    ("needed", "datapoints", "states"),
    [
        pytest.param(3, [9, _, 9, _, 1], ("OK", "OK", "OK", "OK"), id="3 of 3: enough, one below"),
        pytest.param(3, [_, _, _, _, 1], ("OK", "OK", "OK", "OK"), id="3 of 3: one below"),
        pytest.param(3, [_, _, _, _, _], ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK"), id="3 of 3: nothing"),
        pytest.param(3, [9, _, 9, 9, 1], ("ALARM", "ALARM", "ALARM", "ALARM"), id="3 of 3: three above"),
        pytest.param(3, [_, _, 9, _, _], ("ALARM", KEPT, "ALARM", "OK"), id="3 of 3: one above, old enough"),
        pytest.param(3, [9, _, _, _, _], (KEPT, KEPT, "ALARM", "OK"), id="3 of 3: one above, too new"),
        pytest.param(2, [9, _, 9, _, 1], ("ALARM", "ALARM", "ALARM", "ALARM"), id="2 of 3: two above"),
        pytest.param(2, [9, 1, 9, 1, 1], ("ALARM", "ALARM", "ALARM", "ALARM"), id="2 of 3: nothing missing"),
        pytest.param(2, [_, _, 9, _, 1], ("OK", "OK", "ALARM", "OK"), id="2 of 3: one of each"),
        pytest.param(2, [1, _, _, _, _], ("OK", "OK", "ALARM", "OK"), id="2 of 3: one below"),
        pytest.param(2, [_, 9, _, _, _], ("ALARM", KEPT, "ALARM", "OK"), id="2 of 3: one above, old enough"),
    ],
)
def test_missing_data_counts_as_the_alarm_says(
    needed: int, datapoints: list[float | None], states: tuple[str, ...]
) -> None:
    """Each treatment of missing data leads to the state that CloudWatch's documentation gives."""
    treatments = ("missing", "ignore", "breaching", "notBreaching")
    judged = [
        judge(alarm(DatapointsToAlarm=needed, TreatMissingData=one), datapoints).state for one in treatments
    ]
    assert tuple(judged) == states


@pytest.mark.parametrize(
    ("more", "datapoints", "told"),
    [
        pytest.param(
            {"DatapointsToAlarm": 2},
            [9.0, 1.0, 8.0],
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0, 8.0] were greater than the threshold (5.0) "
            "(minimum 2 datapoints for OK -> ALARM transition).",
            id="alarm",
        ),
        pytest.param(
            {},
            [1.0, 9.0, 9.0],
            "Threshold Crossed: 1 out of the last 3 datapoints [1.0] was not greater than the threshold (5.0) "
            "(minimum 1 datapoint for ALARM -> OK transition).",
            id="fine",
        ),
        pytest.param({}, [_, _, _, _, _], "Insufficient Data: 3 datapoints were unknown.", id="nothing"),
        pytest.param(
            {"EvaluationPeriods": 1, "TreatMissingData": "breaching"},
            [_, _, _],
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching].",
            id="silence",
        ),
    ],
)
def test_the_reason_says_what_was_seen(
    more: dict[str, Any], datapoints: list[float | None], told: str
) -> None:
    """The reason is in CloudWatch's words: which datapoints, against what, and how many it takes."""
    assert reason(alarm(**more), judge(alarm(**more), datapoints)) == told


SERIES = {"n": [30.0, 10.0, None, 40.0], "e": [3.0, 5.0, 1.0, None]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100*e/n", [10.0, 50.0, None, None]),
        ("IF(n>=20, 100*e/n, 0)", [10.0, 0.0, None, None]),
        ("IF(FILL(n,0) < 20, 1)", [None, 1.0, 1.0, None]),
        ("FILL(n, REPEAT)", [30.0, 10.0, 40.0, 40.0]),
        ("FILL(e, LINEAR)", [3.0, 5.0, 1.0, None]),
        ("FILL(n, 0) + FILL(e, 0)", [33.0, 15.0, 1.0, 40.0]),
        ("SUM([n, e])", [33.0, 15.0, 1.0, 40.0]),
        ("MAX(n) - MIN(n)", [30.0, 30.0, 30.0, 30.0]),
        ("AVG([n, e])", [16.5, 7.5, 1.0, 40.0]),
        ("n > 20 AND e < 4 || n == 10", [1.0, 1.0, None, None]),
        ("2 + 3 * 2 ^ 2 - -1", [15.0] * 4),
        ("n / 0", [None] * 4),
        ("DIFF(n)", [20.0, None, None, None]),
        ("PERIOD(n) / 60", [60.0] * 4),
        ("ABS(e - n)", [27.0, 5.0, None, None]),
        ("CEIL(n / 4) + FLOOR(n / 4)", [15.0, 5.0, None, 20.0]),
    ],
)
def test_metric_math_is_point_by_point(text: str, expected: list[float | None]) -> None:
    """Operators and functions work on each period; a period that lacks a datapoint has no result."""
    assert parse(text).evaluate(SERIES, 4, period=3600) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("n +", "Unexpected end"),
        ("n e", "Unexpected 'e'"),
        ("(n", r"'\)' expected"),
        ("n $ 2", r"Invalid character at '\$'"),
        ("IF(n)", "Wrong number of arguments to 'IF'"),
        ("__import__(n)", "Unsupported function '__import__'"),
        ("ANOMALY_DETECTION_BAND(n, 2)", "Unsupported function 'ANOMALY_DETECTION_BAND'"),
        ("n + REPEAT(1)", "Unsupported function 'REPEAT'"),
    ],
)
def test_metric_math_refuses_what_it_cannot_do(text: str, told: str) -> None:
    """A broken or unknown expression is refused with its fault."""
    with pytest.raises(MathError, match=told):
        parse(text)


def math(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return alarm(MetricName=None, Namespace=None, Metrics=list(metrics), **more)


def stat(identifier: str, period: int = 60, **more: Any) -> dict[str, Any]:
    metric = {"Metric": {"Namespace": "n", "MetricName": identifier}, "Period": period, "Stat": "Sum"}
    return {"Id": identifier, "MetricStat": metric, "ReturnData": False, **more}


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        pytest.param(alarm(), None, id="one metric"),
        pytest.param(math(stat("n"), {"Id": "r", "Expression": "n * 2"}), None, id="metric math"),
        pytest.param(alarm(Period=3600, EvaluationPeriods=168), None, id="a week of hours"),
        pytest.param(alarm(Period=3600, EvaluationPeriods=169), "more than a week", id="more than a week"),
        pytest.param(alarm(Period=300, EvaluationPeriods=289), "more than a day", id="more than a day"),
        pytest.param(alarm(Period=90), "multiple of 60", id="an odd period"),
        pytest.param(alarm(DatapointsToAlarm=4), "less than or equal to EvaluationPeriods", id="4 of 3"),
        pytest.param(alarm(ComparisonOperator="Near"), "Near is not supported", id="no such operator"),
        pytest.param(alarm(MetricName=None), "must be specified", id="no metric"),
        pytest.param({**math(stat("n")), "MetricName": "m"}, "Exactly one of Metrics", id="both"),
        pytest.param(math(stat("n")), "should return data", id="nothing returned"),
        pytest.param(
            math(stat("n"), stat("e", 300), {"Id": "r", "Expression": "n"}),
            "the same period",
            id="two periods",
        ),
        pytest.param(
            math({"Id": "r", "Expression": "n"}), r"Unknown identifier\(s\) \['n'\]", id="unknown id"
        ),
        pytest.param(
            math({"Id": "r", "Expression": "SPIN(1)"}), "Unsupported function", id="unknown function"
        ),
        pytest.param(
            math({"Id": "r", "Expression": "s"}, {"Id": "s", "Expression": "r", "ReturnData": False}),
            "refer to each other",
            id="a circle",
        ),
    ],
)
def test_put_metric_alarm_refuses_what_could_never_be_evaluated(
    request_: dict[str, Any], told: str | None
) -> None:
    """A request is refused for its first fault, and only for a fault."""
    found = refusal(request_)
    if told is None:
        assert found is None
    else:
        assert found is not None
        with pytest.raises(ValueError, match=told):
            raise ValueError(found)
