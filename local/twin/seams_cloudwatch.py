"""The twin's hold on MiniStack's CloudWatch: its metric store and its alarms."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ministack.services import cloudwatch, eventbridge

from twin import seams

Alarm = dict[str, Any]
Points = list[dict[str, Any]]

seams.SEAMS |= {
    "one alarm's evaluation": (cloudwatch, "_evaluate_alarm", ("alarm",)),
    "alarm actions": (cloudwatch, "_dispatch_alarm_actions", ("alarm", "old_state", "new_state", "reason")),
    "composite alarms": (cloudwatch, "_evaluate_parent_alarms", None),
    "alarm statistics": (cloudwatch, "_calc_stats", ("points",)),
    "alarm percentiles": (cloudwatch, "_stat_value", ("stats", "stat_name", "points")),
    "alarm creation": (cloudwatch, "_put_metric_alarm", ("params", "cbor_data", "is_cbor", "is_json")),
    "cron fields": (eventbridge, "_parse_cron_fields", ("expr",)),
    "cron": (eventbridge, "_cron_next_fire", ("fields", "after_dt")),
}


def store(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    at: float,
    unit: str,
    values: Iterable[float],
    counts: Iterable[float],
) -> None:
    """Store `values` with their `counts` in the present scope, without evaluating any alarm."""
    cloudwatch._store_datum(
        namespace, name, dict(dimensions), at, unit, None, list(values), list(counts), None
    )


def points(namespace: str, name: str, dimensions: Mapping[str, str]) -> Points:
    """The datums of one metric of the present scope, with exactly these dimensions."""
    return cloudwatch._metrics.get((namespace, name, cloudwatch._dims_key(dict(dimensions)))) or []


def forget_before(namespace: str, at: float) -> None:
    """Drop the present scope's datums of a namespace that are older than `at`."""
    for key, stored in cloudwatch._metrics.items():
        if key[0] == namespace and stored and stored[0]["Timestamp"] < at:
            stored[:] = [point for point in stored if point["Timestamp"] >= at]


def statistic(of: Points, name: str) -> float | None:
    """`Sum`, `Average`, `p99`...: None when the points do not allow it."""
    value = cloudwatch._stat_value(cloudwatch._calc_stats(of), name, of)
    return None if value is None else float(value)


def scopes() -> set[tuple[str, str]]:
    """Every account and region that has a metric alarm."""
    return {(account, region) for account, region, _ in list(cloudwatch._alarms._data)}


def alarms() -> list[Alarm]:
    """The metric alarms of the present scope."""
    return list(cloudwatch._alarms.values())


def find_alarm(name: str) -> Alarm | None:
    """A metric or composite alarm of the present scope."""
    alarm: Alarm | None = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    return alarm


def put_alarm(request: Alarm) -> Alarm:
    """PutMetricAlarm in the present scope."""
    cloudwatch._put_metric_alarm({}, request, False, is_json=True)
    alarm: Alarm = cloudwatch._alarms[request["AlarmName"]]
    return alarm


def delete_alarm(name: str) -> None:
    """DeleteAlarms for one metric alarm; none is fine."""
    cloudwatch._alarms.pop(name, None)


def evaluate_alarms_with(evaluate: Callable[[Alarm], None]) -> None:
    """Replace MiniStack's evaluation, which overlooks dimensions, periods and missing data."""
    cloudwatch._evaluate_alarm = evaluate


def move_alarm(alarm: Alarm, state: str, reason: str, reason_data: str, at: float) -> None:
    """Change an alarm's state with everything that follows: history, actions, composite alarms."""
    old = alarm["StateValue"]
    alarm.update(
        StateValue=state, StateReason=reason, StateReasonData=reason_data, StateUpdatedTimestamp=int(at)
    )
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason, "MetricAlarm", reason_data)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def next_cron(expression: str, after: datetime) -> datetime | None:
    """When an AWS `cron(...)` expression next matches, in `after`'s own time zone; None for never."""
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        raise ValueError(expression)
    found: datetime | None = eventbridge._cron_next_fire(fields, after)
    return found
