"""Alarms as CloudWatch has them: which are to be put or deleted, and which have never received data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.alarms.intent import Intent, alarm_names, cadence, monitor_of, parse_alarm
from perennial.alarms.wanted import ANALYSIS_TAKES, Request, Wanted
from perennial.config import ModelConfig
from perennial.monitoring.monitors import label_delay
from perennial.names import Names

AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
A_MOMENT = timedelta(seconds=2)
UNDER_WAY = 1  # a window that had begun when the alarm was put is not its first


@dataclass(frozen=True)
class Alarm:
    """An alarm as DescribeAlarms tells it. `since` is when it came into its state, `put_at` when it was last put."""

    name: str
    state: AlarmState
    since: datetime
    put_at: datetime
    reason: str = ""
    reason_data: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """Requests to put, names to delete."""

    put: tuple[Request, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.delete)


def changes(wanted: Wanted, found: Iterable[Alarm], names: Names, model: str) -> Changes:
    """What is different from what is wanted; alarms that are as they should be are left alone."""
    ours = set(alarm_names(names, model))
    standing = {alarm.name: alarm for alarm in found if alarm.name in ours}
    put = [
        request
        for request in wanted.requests.values()
        if (alarm := standing.get(request["AlarmName"])) is None or not same(request, alarm.definition)
    ]
    kept = {request["AlarmName"] for request in wanted.requests.values()}
    return Changes(tuple(put), tuple(sorted(set(standing) - kept)))


def same(request: Request, definition: Mapping[str, Any]) -> bool:
    """Whether an alarm does and says what the request asks. CloudWatch takes tags only when an alarm is new."""
    return all(
        _plain(definition.get(key)) == _plain(value) for key, value in request.items() if key != "Tags"
    )


def _plain(value: Any) -> Any:
    """Without order where order means nothing, and without what CloudWatch leaves out or fills in."""
    if isinstance(value, list | tuple):
        return sorted((_plain(each) for each in value), key=repr)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in sorted(value.items()) if each is not None}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def without_data(
    found: Iterable[Alarm], wanted: Wanted, config: ModelConfig, names: Names, now: datetime
) -> dict[Intent, Alarm]:
    """The wanted alarms that have received no data since they were put, though it was due by now.

    An alarm without data is like no alarm, only nobody knows.
    """
    silent: dict[Intent, Alarm] = {}
    for alarm in found:
        parsed = parse_alarm(names, alarm.name)
        request = wanted.requests.get(parsed.intent) if parsed else None
        if parsed is None or request is None or request["TreatMissingData"] == "notBreaching":
            continue
        due = data_due(alarm, request["EvaluationPeriods"], parsed.intent, config)
        never = alarm.state == "INSUFFICIENT_DATA" and alarm.since <= alarm.put_at + A_MOMENT
        if never and now > due:
            silent[parsed.intent] = alarm
    return silent


def data_due(alarm: Alarm, periods: int, intent: Intent, config: ModelConfig) -> datetime:
    """When an alarm has had data at the latest since it was put, for so many evaluation periods."""
    period, lag = cadence(config, intent)
    windows = periods + UNDER_WAY  # it looks back over those on their way, too
    monitor = monitor_of(config, intent)
    labels = label_delay(config, monitor) if monitor else timedelta(0)
    return alarm.put_at + windows * period + lag % period + labels + ANALYSIS_TAKES


def not_yet_fed(
    alarm: Alarm,
    fed_at: datetime | None,
    reported_until: datetime | None,
    intent: Intent,
    config: ModelConfig,
) -> str | None:
    """Why an alarm that lost its data says nothing yet, if so: what it watches was changed, as to another endpoint, and
    neither data (`fed_at`) nor a report of a window's end came since, nor must they have."""
    due = data_due(alarm, alarm.definition["EvaluationPeriods"], intent, config)
    times = (fed_at or alarm.since, reported_until or alarm.put_at)
    if max(times) > alarm.put_at or alarm.since > due:
        return None
    return f"it was put anew at {alarm.put_at:%Y-%m-%d %H:%M} UTC, and must have data by {due:%Y-%m-%d %H:%M} UTC"
