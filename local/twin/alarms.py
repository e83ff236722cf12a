"""CloudWatch alarms as CloudWatch evaluates them, and their state changes on EventBridge.

MiniStack evaluates alarms when data arrive, over all dimensions at once. Here each alarm looks at its own
metric, period by period, treats missing data as it says, and is looked at again when time has passed.

Alarms on what endpoints measure live in the twin's scaled time, as the endpoints do: their minute is
60 / time_scale seconds, and a Sum over it is what a whole minute at that rate would have.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from twin import seams
from twin import seams_cloudwatch as cloudwatch
from twin.alarm_rules import LOOK_BACK, WEEK, Judgement, judge, period_of, queries, reason, refusal
from twin.metric_math import Series
from twin.metric_math_parser import parse
from twin.world import World

IN_ORDER = frozenset({"AWS/SageMaker", "/aws/sagemaker/Endpoints"})  # nobody but the twin puts data there
EVALUATE_EVERY = 60.0  # real seconds between two looks at alarms that no data arrive for

Alarm = dict[str, Any]


def firing(names: Iterable[str]) -> list[str]:
    """Those of the named alarms of the present scope that are in ALARM."""
    found = ((name, cloudwatch.find_alarm(name)) for name in names)
    return [name for name, alarm in found if alarm and alarm["StateValue"] == "ALARM"]


class Alarms:
    """The evaluator. `tick` is called once per scaled minute, after endpoints have published."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, dict[str, str]] = {}  # ARN -> the state before the present one
        self.latest: dict[str, Judgement] = {}  # ARN -> its last judgement
        self.on_alarm: list[Callable[[Alarm], None]] = []

    def evaluate(self, alarm: Alarm) -> None:
        """Look at an alarm because data arrived or it was put; scaled ones wait for their minute."""
        if not _scaled(alarm):
            self._look(alarm, _end_of_minute(), 1.0)

    def tick(self, now: float, *, high_resolution: bool = False) -> None:
        """Look at every scaled alarm, or only at those of less than a minute. `now` ends a scaled period."""
        self._look_at_all(True, now, self._world.time_scale, 30 if high_resolution else WEEK)

    def look_at_real_time(self) -> None:
        """Look at every other alarm: time alone may have changed what its last periods hold."""
        self._look_at_all(False, _end_of_minute(), 1.0, WEEK)

    def _look_at_all(self, scaled: bool, now: float, scale: float, longest: int) -> None:
        for account, region in cloudwatch.scopes():
            with seams.scope(account, region):
                for alarm in cloudwatch.alarms():
                    if _scaled(alarm) == scaled and period_of(alarm) <= longest:
                        self._look(alarm, now, scale)

    def _look(self, alarm: Alarm, now: float, scale: float) -> None:
        if not (alarm.get("MetricName") or alarm.get("Metrics")):
            return  # it is being put, and gets its metrics at once
        judgement = judge(alarm, datapoints(alarm, now, scale))
        self.latest[alarm["AlarmArn"]] = judgement
        if judgement.state != alarm["StateValue"]:
            data = _reason_data(alarm, judgement, now)
            cloudwatch.move_alarm(alarm, judgement.state, reason(alarm, judgement), data, time.time())

    def transition(self, name: str, old: str, new: str, why: str, kind: str, reason_data: str | None) -> None:
        """Put `CloudWatch Alarm State Change` for a change that MiniStack has recorded."""
        alarm = cloudwatch.find_alarm(name)
        if alarm is None or old == new:
            return
        state = {"value": new, "reason": why, "timestamp": _stamp(datetime.now(UTC))}
        # Set by hand, it is kept with the alarm only.
        if data := reason_data or alarm.get("StateReasonData"):
            state["reasonData"] = data
        arn = alarm["AlarmArn"]
        previous = self._known.get(arn, {"value": old, "reason": "Unchecked: Initial alarm creation"})
        self._known[arn] = state
        detail = {
            "alarmName": name,
            "state": state,
            "previousState": {**previous, "value": old},
            "configuration": _configuration(alarm, kind),
        }
        self._world.events.put("CloudWatch Alarm State Change", detail, [arn], source="aws.cloudwatch")
        if new == "ALARM":
            for react in self.on_alarm:
                react(alarm)


def _scaled(alarm: Alarm) -> bool:
    """Whether all that an alarm looks at is what endpoints measure."""
    stats = [one["MetricStat"] for one in queries(alarm) if "MetricStat" in one]
    return bool(stats) and all(one["Metric"]["Namespace"] in cloudwatch.SCALED_NAMESPACES for one in stats)


def _end_of_minute() -> float:
    """CloudWatch's periods end with a minute; the one that runs belongs to the newest."""
    return math.ceil(time.time() / 60) * 60


def of(world: World) -> Alarms:
    """The world's alarms; the same ones for every service."""
    alarms: Alarms = vars(world).setdefault("alarms", Alarms(world))
    return alarms


def install(world: World) -> None:
    """Take over the evaluation of MiniStack's alarms. Needs the running event loop."""
    alarms = of(world)
    cloudwatch.evaluate_alarms_with(alarms.evaluate)
    cloudwatch.refuse_alarms_with(refusal)
    seams.on_alarm_transition(alarms.transition)

    async def keep_looking() -> None:
        while True:
            await asyncio.sleep(EVALUATE_EVERY)
            alarms.look_at_real_time()

    vars(world)["alarms_task"] = asyncio.create_task(keep_looking())


def datapoints(alarm: Alarm, now: float, scale: float) -> Series:
    """What the alarm compares with its threshold, period by period up to `now`, the newest first.

    A datapoint belongs to the period that its timestamp falls into, whenever it was put.
    """
    count = alarm["EvaluationPeriods"] + LOOK_BACK
    asked = queries(alarm)
    series = {
        one["Id"]: _metric(one["MetricStat"], count, now, scale) for one in asked if "MetricStat" in one
    }
    expressions = {one["Id"]: parse(one["Expression"]) for one in asked if "Expression" in one}
    while expressions:
        ready = [name for name, one in expressions.items() if one.names <= series.keys()]
        for name in ready:
            series[name] = expressions.pop(name).evaluate(series, count, period_of(alarm))
    return next(series[one["Id"]] for one in asked if one.get("ReturnData", True))


def _metric(stat: Mapping[str, Any], count: int, now: float, scale: float) -> Series:
    """One metric's statistic of each of `count` periods."""
    metric, period, name = stat["Metric"], stat["Period"] / scale, stat["Stat"]
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}
    buckets: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    ours = metric["Namespace"] in IN_ORDER
    for point in reversed(cloudwatch.points(metric["Namespace"], metric["MetricName"], dimensions)):
        age = now - point["Timestamp"]
        if ours and age > period * count:
            break
        if 0 <= age <= period * count and stat.get("Unit") in (None, "None", point.get("Unit")):
            buckets[max(0, math.ceil(age / period) - 1)].append(point)
    values = [cloudwatch.statistic(bucket, name) if bucket else None for bucket in buckets]
    factor = scale if name in ("Sum", "SampleCount") else 1.0
    return [None if value is None else value * factor for value in values]


def _reason_data(alarm: Alarm, judgement: Judgement, now: float) -> str:
    """`reasonData`: AWS sends JSON in a string."""
    values = [value for value in judgement.datapoints if value is not None]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _stamp(datetime.fromtimestamp(now, UTC)),
            "startDate": _stamp(
                datetime.fromtimestamp(now - period_of(alarm) * alarm["EvaluationPeriods"], UTC)
            ),
            **_told_of_one(alarm),
            "period": period_of(alarm),
            "recentDatapoints": values[::-1],
            "threshold": alarm["Threshold"],
        }
    )


def _told_of_one(alarm: Alarm) -> dict[str, Any]:
    """The statistic, for an alarm on one metric."""
    return {} if alarm.get("Metrics") else {"statistic": queries(alarm)[0]["MetricStat"]["Stat"]}


def _configuration(alarm: Alarm, kind: str) -> dict[str, Any]:
    if kind == "CompositeAlarm":
        return {"alarmRule": alarm.get("AlarmRule", ""), "description": alarm.get("AlarmDescription", "")}
    metrics = [_query(one) for one in queries(alarm)]
    return {"description": alarm.get("AlarmDescription", ""), "metrics": metrics}


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A metric data query as events spell it."""
    told = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Label" in query:
        told["label"] = query["Label"]
    if "Expression" in query:
        return {**told, "expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {one["Name"]: one["Value"] for one in stat["Metric"].get("Dimensions") or []},
    }
    unit = {"unit": stat["Unit"]} if stat.get("Unit") else {}
    return {**told, "metricStat": {"metric": metric, "period": stat["Period"], "stat": stat["Stat"], **unit}}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
