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
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twin import seams
from twin import seams_cloudwatch as cloudwatch
from twin.world import World

SCALED_NAMESPACES = frozenset({"AWS/SageMaker", "/aws/sagemaker/Endpoints"})
EVALUATE_EVERY = 60.0  # real seconds between two looks at alarms that no data arrive for

Alarm = dict[str, Any]

_OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}


@dataclass(frozen=True)
class Judgement:
    """An alarm's state by its data, newest datapoint first; a period without data is None."""

    state: str
    datapoints: tuple[float | None, ...]

    @property
    def latest(self) -> float | None:
        return next((value for value in self.datapoints if value is not None), None)


def judge(alarm: Mapping[str, Any], datapoints: Iterable[float | None]) -> Judgement:
    """The state that an alarm's last periods (newest first) put it in. Pure."""
    values = tuple(datapoints)
    breaches, _ = _OPERATORS[alarm["ComparisonOperator"]]
    present = [value for value in values if value is not None]
    missing = len(values) - len(present)
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    breaching = sum(breaches(value, alarm["Threshold"]) for value in present)
    treatment = alarm.get("TreatMissingData", "missing")
    if treatment == "breaching":
        state = "ALARM" if breaching + missing >= needed else "OK"
    elif treatment == "notBreaching":
        state = "ALARM" if breaching >= needed else "OK"
    elif breaching >= needed:
        state = "ALARM"
    elif treatment == "ignore" and len(present) < needed:
        state = alarm["StateValue"]
    elif not present:
        state = "INSUFFICIENT_DATA"
    else:
        state = "ALARM" if breaching >= min(needed, len(present)) else "OK"
    return Judgement(state, values)


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
        if alarm.get("Namespace") not in SCALED_NAMESPACES:
            self._look(alarm, time.time(), 1.0)

    def tick(self, now: float) -> None:
        """Look at every scaled alarm. `now` is the end of a scaled minute."""
        self._look_at_all(lambda namespace: namespace in SCALED_NAMESPACES, now, self._world.time_scale)

    def look_at_real_time(self) -> None:
        """Look at every other alarm: time alone may have changed what its last periods hold."""
        self._look_at_all(lambda namespace: namespace not in SCALED_NAMESPACES, time.time(), 1.0)

    def _look_at_all(self, wanted: Callable[[Any], bool], now: float, scale: float) -> None:
        for account, region in cloudwatch.scopes():
            with seams.scope(account, region):
                for alarm in cloudwatch.alarms():
                    if wanted(alarm.get("Namespace")):
                        self._look(alarm, now, scale)

    def _look(self, alarm: Alarm, now: float, scale: float) -> None:
        if not alarm.get("MetricName") or alarm.get("ComparisonOperator") not in _OPERATORS:
            return
        judgement = judge(alarm, _datapoints(alarm, now, scale))
        self.latest[alarm["AlarmArn"]] = judgement
        if judgement.state != alarm["StateValue"]:
            reason = _reason(alarm, judgement)
            cloudwatch.move_alarm(
                alarm, judgement.state, reason, _reason_data(alarm, judgement, now), time.time()
            )

    def transition(
        self, name: str, old: str, new: str, reason: str, kind: str, reason_data: str | None
    ) -> None:
        """Put `CloudWatch Alarm State Change` for a change that MiniStack has recorded."""
        alarm = cloudwatch.find_alarm(name)
        if alarm is None or old == new:
            return
        state = {"value": new, "reason": reason, "timestamp": _stamp(datetime.now(UTC))}
        if reason_data:
            state["reasonData"] = reason_data
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


def of(world: World) -> Alarms:
    """The world's alarms; the same ones for every service."""
    alarms: Alarms = vars(world).setdefault("alarms", Alarms(world))
    return alarms


def install(world: World) -> None:
    """Take over the evaluation of MiniStack's alarms. Needs the running event loop."""
    alarms = of(world)
    cloudwatch.evaluate_alarms_with(alarms.evaluate)
    seams.on_alarm_transition(alarms.transition)

    async def keep_looking() -> None:
        while True:
            await asyncio.sleep(EVALUATE_EVERY)
            alarms.look_at_real_time()

    vars(world)["alarms_task"] = asyncio.create_task(keep_looking())


def _datapoints(alarm: Alarm, now: float, scale: float) -> list[float | None]:
    """The statistic of each evaluation period, the newest first."""
    period, count = alarm["Period"] / scale, alarm["EvaluationPeriods"]
    dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []}
    recent = [
        point
        for point in cloudwatch.points(alarm["Namespace"], alarm["MetricName"], dimensions)
        if now - period * count <= point["Timestamp"] <= now
        and alarm.get("Unit") in (None, "None", point.get("Unit"))
    ]
    buckets: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for point in recent:
        buckets[min(count - 1, math.floor((now - point["Timestamp"]) / period))].append(point)
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    values = [cloudwatch.statistic(bucket, name) if bucket else None for bucket in buckets]
    factor = scale if name in ("Sum", "SampleCount") else 1.0
    return [None if value is None else value * factor for value in values]


def _reason(alarm: Alarm, judgement: Judgement) -> str:
    values = [value for value in judgement.datapoints if value is not None]
    if not values:
        return f"Insufficient Data: {len(judgement.datapoints)} datapoints were unknown."
    _, words = _OPERATORS[alarm["ComparisonOperator"]]
    breaching, total = judgement.state == "ALARM", len(judgement.datapoints)
    plural = "was" if len(values) == 1 else "were"
    return (
        f"Threshold Crossed: {len(values)} out of the last {total} datapoints "
        f"[{', '.join(str(value) for value in values)}] {plural} {'' if breaching else 'not '}{words} the threshold "
        f"({alarm['Threshold']}) (minimum {alarm.get('DatapointsToAlarm') or total} datapoint"
        f"{'s' if (alarm.get('DatapointsToAlarm') or total) > 1 else ''} for OK -> ALARM transition)."
    )


def _reason_data(alarm: Alarm, judgement: Judgement, now: float) -> str:
    """`reasonData`: AWS sends JSON in a string."""
    values = [value for value in judgement.datapoints if value is not None]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _stamp(datetime.fromtimestamp(now, UTC)),
            "startDate": _stamp(
                datetime.fromtimestamp(now - alarm["Period"] * alarm["EvaluationPeriods"], UTC)
            ),
            "statistic": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
            "period": alarm["Period"],
            "recentDatapoints": values[::-1],
            "threshold": alarm["Threshold"],
        }
    )


def _configuration(alarm: Alarm, kind: str) -> dict[str, Any]:
    if kind == "CompositeAlarm":
        return {"alarmRule": alarm.get("AlarmRule", ""), "description": alarm.get("AlarmDescription", "")}
    metric = {
        "namespace": alarm.get("Namespace"),
        "name": alarm.get("MetricName"),
        "dimensions": {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []},
    }
    stat = {
        "metric": metric,
        "period": alarm.get("Period"),
        "stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
    }
    if alarm.get("Unit"):
        stat["unit"] = alarm["Unit"]
    query = {"id": "m1", "metricStat": stat, "returnData": True}
    return {"description": alarm.get("AlarmDescription", ""), "metrics": [query]}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
