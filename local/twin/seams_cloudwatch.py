"""The twin's hold on MiniStack's CloudWatch: its metric store and its alarms."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ministack.services import cloudwatch, eventbridge
from ministack.services.cloudformation import provisioners

from twin import seams
from twin.emf import Datum

# What endpoints measure, and what their containers do: a minute of theirs is 60 / time_scale seconds.
SCALED_NAMESPACES = {"AWS/SageMaker", "/aws/sagemaker/Endpoints"}

Alarm = dict[str, Any]
Points = list[dict[str, Any]]

seams.SEAMS |= {
    "one alarm's evaluation": (cloudwatch, "_evaluate_alarm", ("alarm",)),
    "alarm actions": (cloudwatch, "_dispatch_alarm_actions", ("alarm", "old_state", "new_state", "reason")),
    "composite alarms": (cloudwatch, "_evaluate_parent_alarms", None),
    "alarm statistics": (cloudwatch, "_calc_stats", ("points",)),
    "alarm percentiles": (cloudwatch, "_stat_value", ("stats", "stat_name", "points")),
    "alarm creation": (cloudwatch, "_put_metric_alarm", ("params", "cbor_data", "is_cbor", "is_json")),
    "alarm states": (cloudwatch, "_set_alarm_state", ("params", "cbor_data", "is_cbor", "is_json")),
    "alarms of stacks": (provisioners, "_cw_metric_alarm_record", ("name", "props")),
    "errors of CloudWatch": (cloudwatch, "_error", ("code", "message", "status", "use_json", "use_cbor")),
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


def put_data(namespace: str, data: Iterable[Mapping[str, Any]]) -> None:
    """PutMetricData in the present scope: data in the API's names, a value or a statistic set each."""
    for datum in data:
        dimensions = {one["Name"]: one["Value"] for one in datum.get("Dimensions", ())}
        at, unit = datum["Timestamp"].timestamp(), datum.get("Unit", "None")
        value, statistics = datum.get("Value"), datum.get("StatisticValues")
        cloudwatch._store_datum(
            namespace, datum["MetricName"], dimensions, at, unit, value, None, None, statistics
        )
    cloudwatch._evaluate_all_alarms()


def put_embedded(data: Iterable[Datum], *, of_endpoint: bool) -> None:
    """Store what log lines of the present scope carry; `of_endpoint` ones live in scaled time."""
    stored = list(data)
    for one in stored:
        if of_endpoint:
            SCALED_NAMESPACES.add(one.namespace)
        store(
            one.namespace,
            one.name,
            dict(one.dimensions),
            one.at,
            one.unit,
            one.values,
            [1.0] * len(one.values),
        )
    if stored:
        cloudwatch._evaluate_all_alarms()


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


def refuse_alarms_with(refusal: Callable[[Alarm], str | None]) -> None:
    """Let PutMetricAlarm and CloudFormation refuse what AWS would, and keep metric math, which they drop."""
    put, record = cloudwatch._put_metric_alarm, provisioners._cw_metric_alarm_record
    set_state = cloudwatch._set_alarm_state

    def put_metric_alarm(
        params: dict[str, Any], cbor_data: dict[str, Any], is_cbor: bool, is_json: bool = False
    ) -> Any:
        # In the Query form only an alarm's one metric can be read, as MiniStack does; no SDK sends it any more.
        request = cbor_data if is_json or is_cbor else None
        if request is not None and (told := refusal(request)):
            return cloudwatch._error("ValidationError", told, 400, use_json=is_json, use_cbor=is_cbor)
        answer = put(params, cbor_data, is_cbor, is_json)
        if request is not None and answer[0] == 200:
            alarm = cloudwatch._alarms[request["AlarmName"]]
            _shape(alarm, request)
            cloudwatch._evaluate_alarm(alarm)
        return answer

    def metric_alarm_record(name: str, props: dict[str, Any]) -> Alarm:
        request = {**props, "Metrics": [_typed(one) for one in props.get("Metrics") or []]}
        if told := refusal(request):
            raise ValueError(told)
        placeholder = {"MetricName": "-", "Namespace": "-"} if request["Metrics"] else {}
        alarm: Alarm = record(name, {**props, "Metrics": None, **placeholder})
        _shape(alarm, request)
        return alarm

    def set_alarm_state(
        params: dict[str, Any], cbor_data: dict[str, Any], is_cbor: bool, is_json: bool = False
    ) -> Any:
        if alarm := find_alarm(str(cbor_data.get("AlarmName"))):
            alarm.pop("StateReasonData", None)  # that of the last change
        return set_state(params, cbor_data, is_cbor, is_json)

    cloudwatch._put_metric_alarm = put_metric_alarm
    cloudwatch._set_alarm_state = set_alarm_state
    provisioners._cw_metric_alarm_record = metric_alarm_record


def _shape(alarm: Alarm, request: Alarm) -> None:
    """Leave of an alarm what AWS describes: one metric or several, one kind of statistic."""
    if request.get("Metrics"):
        for member in _OF_ONE_METRIC:
            alarm.pop(member, None)
        alarm["Metrics"] = request["Metrics"]
    elif alarm.get("ExtendedStatistic"):
        alarm.pop("Statistic", None)


_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def _typed(query: Alarm) -> Alarm:
    """A template's metric data query with numbers and truths where a template may have strings."""
    typed = {**query, "ReturnData": str(query.get("ReturnData", True)).lower() == "true"}
    if "MetricStat" in query:
        typed["MetricStat"] = {**query["MetricStat"], "Period": int(query["MetricStat"]["Period"])}
    return typed


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
