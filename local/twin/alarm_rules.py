"""CloudWatch's rules for alarms: what a request may ask, which state data put an alarm in, and why. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.metric_math import MathError
from twin.metric_math_parser import parse

Alarm = Mapping[str, Any]

OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}
# An alarm looks further back than its evaluation periods, so that a datapoint that comes late is not missing.
LOOK_BACK = 2
DAY, WEEK = 86400, 7 * 86400


@dataclass(frozen=True)
class Judgement:
    """An alarm's state by its data, newest datapoint first; a period without data is None."""

    state: str
    datapoints: tuple[float | None, ...]

    @property
    def latest(self) -> float | None:
        return next((value for value in self.datapoints if value is not None), None)


def judge(alarm: Alarm, datapoints: Iterable[float | None]) -> Judgement:
    """The state that an alarm's last periods (newest first) put it in, by CloudWatch's table of missing data.

    With as many datapoints as evaluation periods in sight, missing ones do not matter: the newest
    decide. With fewer, what is missing counts as the alarm says.
    """
    values = tuple(datapoints)
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    breaches, _ = OPERATORS[alarm["ComparisonOperator"]]
    present = [value for value in values if value is not None]
    if len(present) >= periods:
        seen = present[:periods]
        breaching = sum(breaches(value, alarm["Threshold"]) for value in seen)
        return Judgement("ALARM" if breaching >= needed else "OK", tuple(seen))
    missing: list[None] = [None] * (periods - len(present))
    breaching = sum(breaches(value, alarm["Threshold"]) for value in present)
    treatment = alarm.get("TreatMissingData") or "missing"
    if breaching >= needed or (treatment == "breaching" and breaching + len(missing) >= needed):
        state = "ALARM"
    elif treatment in ("breaching", "notBreaching") or breaching < len(present):
        state = "OK"
    elif not present:
        state = "INSUFFICIENT_DATA" if treatment == "missing" else alarm["StateValue"]
    elif treatment == "missing" and _oldest(values) >= needed:
        state = "ALARM"
    else:
        state = alarm["StateValue"]  # too early to tell: more data may be on their way
    return Judgement(state, values[:periods] if not present else (*present, *missing))


def _oldest(values: tuple[float | None, ...]) -> int:
    """How many periods ago the oldest datapoint is; the newest period is the first."""
    return max(index for index, value in enumerate(values, start=1) if value is not None)


def reason(alarm: Alarm, judgement: Judgement) -> str:
    """CloudWatch's words for a state."""
    values = [value for value in judgement.datapoints if value is not None]
    missing = len(judgement.datapoints) - len(values)
    treatment = alarm.get("TreatMissingData") or "missing"
    if not values and judgement.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_many(missing, 'datapoint')} {_were(missing)} unknown."
    if not values:
        treated = "Breaching" if treatment == "breaching" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_many(missing, 'period')} and "
            f"{_many(missing, 'missing datapoint')} {_were(missing)} treated as [{treated}]."
        )
    breaches, words = OPERATORS[alarm["ComparisonOperator"]]
    alarming = judgement.state == "ALARM"
    told = [value for value in values if breaches(value, alarm["Threshold"]) == alarming] or values
    total = len(judgement.datapoints)
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    enough = needed if alarming else total - needed + 1
    change = "OK -> ALARM" if alarming else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(told)} out of the last {total} datapoints "
        f"[{', '.join(str(value) for value in told)}] {_were(len(told))} {'' if alarming else 'not '}{words} the "
        f"threshold ({alarm['Threshold']}) (minimum {_many(enough, 'datapoint')} for {change} transition)."
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def queries(alarm: Alarm) -> list[dict[str, Any]]:
    """What an alarm looks at as metric data queries: its `Metrics`, or its one metric as `m1`."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric = {
        "Namespace": alarm.get("Namespace"),
        "MetricName": alarm.get("MetricName"),
        "Dimensions": alarm.get("Dimensions") or [],
    }
    stat = {
        "Metric": metric,
        "Period": alarm.get("Period"),
        "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average",
        **({"Unit": alarm["Unit"]} if alarm.get("Unit") else {}),
    }
    return [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]


def period_of(alarm: Alarm) -> int:
    """Seconds of an alarm's periods; all its metrics have the same."""
    found = (one["MetricStat"]["Period"] for one in queries(alarm) if "MetricStat" in one)
    return int(next(found, None) or alarm.get("Period") or 60)


def refusal(request: Alarm) -> str | None:
    """Why PutMetricAlarm refuses a request; None when it does not."""
    operator = request.get("ComparisonOperator")
    if operator not in OPERATORS:
        return f"The comparison operator {operator} is not supported; use one of {', '.join(OPERATORS)}"
    math = request.get("Metrics") or []
    if math and (request.get("MetricName") or request.get("Namespace")):
        return "Exactly one of Metrics and MetricName must be specified"
    if math and (told := _refused_metrics(math)):
        return told
    if not math and not (request.get("MetricName") and request.get("Namespace")):
        return "Metrics or MetricName and Namespace must be specified"
    period, periods = period_of(request), int(request.get("EvaluationPeriods", 1))
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        return "Period must be 10, 20, 30 or a multiple of 60"
    longest = WEEK if period >= 3600 else DAY
    if period * periods > longest:
        span = "a week" if longest == WEEK else "a day"
        return f"Metrics cannot be checked across more than {span} (EvaluationPeriods * Period must be <= {longest})"
    if int(request.get("DatapointsToAlarm") or 1) > periods:
        return "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
    return None


def _refused_metrics(metrics: list[dict[str, Any]]) -> str | None:
    names = [one.get("Id", "") for one in metrics]
    if len(set(names)) < len(names):
        return f"The values for parameter 'Id' in {names} are not unique"
    returning = [one for one in metrics if one.get("ReturnData", True)]
    if len(returning) != 1:
        return "Exactly one element of the metrics list should return data"
    periods = {one["MetricStat"].get("Period") for one in metrics if "MetricStat" in one}
    if len(periods) > 1:
        return "All metrics of an alarm must have the same period"
    for one in metrics:
        if ("MetricStat" in one) == ("Expression" in one):
            return f"Exactly one of MetricStat and Expression must be specified for {one.get('Id')}"
        if "Expression" in one and (told := _refused_expression(one, names)):
            return told
    return _cycle(metrics)


def _refused_expression(query: dict[str, Any], names: list[str]) -> str | None:
    try:
        expression = parse(query["Expression"])
    except MathError as error:
        return f"Error in expression '{query['Id']}': {error}"
    if unknown := expression.names - set(names):
        return f"Error in expression '{query['Id']}': Unknown identifier(s) {sorted(unknown)}"
    return None


def _cycle(metrics: list[dict[str, Any]]) -> str | None:
    left = {one["Id"]: parse(one["Expression"]).names for one in metrics if "Expression" in one}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    return f"Expressions {sorted(left)} refer to each other" if left else None
