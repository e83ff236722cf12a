"""The alarms that a configuration wants, as PutMetricAlarm requests. Pure.

A monitor gives one datapoint a window, dated to the window's end, or to when its labels are due, and it arrives late: by
the capture's delay. So an alarm looks back over as many windows as may still be on their way, and asks for 2 of 3 that arrived.
CloudWatch looks back a day, or seven with windows of an hour or more: where three windows do not fit, fewer count.

What is missing is no news (`ignore`: the state stays), other than for `silence`, whose point it is. Endpoint metrics
come every minute, and a minute without a request is a good one (`notBreaching`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from perennial import layout
from perennial.alarms.endpoint_metrics import (
    error_share,
    in_flight,
    in_flight_metric,
    log_group,
    of,
    slowest,
)
from perennial.alarms.intent import (
    INTENTS,
    ON_ENDPOINT,
    Intent,
    alarm_name,
    cadence,
    monitor_of,
    on_alarm_key,
    reactions,
    spoken,
)
from perennial.config import ModelConfig
from perennial.kinds import Route, first
from perennial.monitoring.monitors import NAMESPACES, MonitorName, is_captured, schedule_name
from perennial.names import Names
from perennial.words import counted

HOUR = timedelta(hours=1)
ANALYSIS_TAKES = timedelta(minutes=15)  # from a window being due to its datapoint: the sweep looks every ten
FEW_REQUESTS = 20  # a minute with fewer has no error rate worth waking anybody
LONGEST_DESCRIPTION = 1024

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """`requests` by intent; `impossible` says why CloudWatch cannot hold an alarm that one would expect."""

    requests: Mapping[Intent, Request]
    impossible: Mapping[Intent, str]


@dataclass(frozen=True)
class Evaluation:
    """`judged` windows decide, `breaching` of them must breach; `periods` reaches over those still on their way, too."""

    period: timedelta
    periods: int
    judged: int
    breaching: int


def evaluation(period: timedelta, lag: timedelta, every_one: bool = False) -> Evaluation | None:
    """How an alarm on windows evaluates; None when no datapoint arrives within what CloudWatch looks back over."""
    reach = timedelta(days=7) if period >= HOUR else timedelta(days=1)
    on_their_way = lag // period
    judged = min(3, reach // period - on_their_way)
    if judged < 1:
        return None
    breaching = judged if every_one else min(2, judged)
    # CloudWatch itself looks a little further back than it is told when a datapoint is missing, and takes the newest.
    periods = judged + on_their_way - (1 if on_their_way and judged == 3 else 0)
    return Evaluation(period, periods, judged, breaching)


def wanted(config: ModelConfig, names: Names, bucket: str, route: Route | None = None) -> Wanted:
    """One alarm per intent that the configuration asks for. `route` is where the model is served, by default its first
    endpoint."""
    serving = route or first(config, names)
    requests: dict[Intent, Request] = {}
    impossible: dict[Intent, str] = {}
    for intent in INTENTS:
        if intent in ON_ENDPOINT:
            request = _ON_ENDPOINT[intent](config, serving)
            if request:
                requests[intent] = _complete(intent, request, config, names)
            continue
        monitor = monitor_of(config, intent)
        if monitor is None:
            continue
        if not is_captured(config):
            impossible[intent] = "nothing is captured (capture.percent: 0), so there is nothing to watch"
            continue
        period, lag = cadence(config, intent)
        found = evaluation(period, lag + ANALYSIS_TAKES, every_one=intent == "silence")
        if found is None:
            impossible[intent] = (
                f"windows of {spoken(period)} arrive {spoken(lag)} late, and CloudWatch looks back a day at most (seven with "
                "windows of an hour or more): shorten the delay of capture or choose other windows"
            )
            continue
        requests[intent] = _complete(
            intent, _on_windows(intent, monitor, found, config, names, bucket, serving), config, names
        )
    return Wanted(requests, impossible)


def _complete(intent: Intent, request: Request, config: ModelConfig, names: Names) -> Request:
    follows = ", ".join(reactions(config, intent)) or "nothing"
    description = f"{request['AlarmDescription']} What follows: {follows} (on_alarm.{on_alarm_key(intent)} of model.yaml)."
    return {
        **request,
        "AlarmName": alarm_name(names, config.model, intent),
        "AlarmDescription": description[:LONGEST_DESCRIPTION],
        "Tags": [
            {"Key": "perennial:model", "Value": config.model},
            {"Key": "perennial:intent", "Value": intent},
        ],
    }


def _on_windows(
    intent: Intent,
    monitor: MonitorName,
    found: Evaluation,
    config: ModelConfig,
    names: Names,
    bucket: str,
    serving: Route,
) -> Request:
    metric, statistic, operator, threshold = _rule(intent, config)
    rule = f"{found.breaching} of {counted(found.judged, 'window')} of {spoken(found.period)}"
    reports = f"s3://{bucket}/{layout.reports_prefix(config.model, monitor)}"
    return {
        "AlarmDescription": f"{config.model}: {_meaning(intent, serving)} in {rule}. "
        f"Look at the newest report.html under {reports}.",
        "Namespace": NAMESPACES[monitor],
        "MetricName": metric,
        "Dimensions": [
            {"Name": "Endpoint", "Value": serving.endpoint},
            {"Name": "MonitoringSchedule", "Value": schedule_name(names, config.model, monitor)},
        ],
        "Statistic": statistic,
        "Period": int(found.period.total_seconds()),
        "EvaluationPeriods": found.periods,
        "DatapointsToAlarm": found.breaching,
        "Threshold": threshold,
        "ComparisonOperator": operator,
        "TreatMissingData": "missing" if intent == "silence" else "ignore",
    }


def _rule(intent: Intent, config: ModelConfig) -> tuple[str, str, str, float]:
    """Metric, statistic, operator, threshold. A window that was analysed twice counts once: no sums."""
    if intent == "silence":
        return "records", "Maximum", "LessThanThreshold", 1.0
    if intent == "label-coverage":
        quality = config.monitors.model_quality
        return "label_coverage", "Minimum", "LessThanThreshold", quality.min_coverage if quality else 0.0
    return "violations", "Maximum", "GreaterThanThreshold", 0.0


def _meaning(intent: Intent, serving: Route) -> str:
    endpoint = serving.endpoint
    return {
        "data-quality": f"what endpoint {endpoint} receives is not like the training data (schema, missing cells or drift)",
        "model-quality": f"the predictions of endpoint {endpoint} are worse than they should be, by the labels",
        "bias": f"endpoint {endpoint} treats groups more differently than it should",
        "label-coverage": f"too few predictions of endpoint {endpoint} got a label, so nobody knows how good they are",
        "silence": f"no traffic of endpoint {endpoint} was captured",
    }[intent]


def _latency(config: ModelConfig, serving: Route) -> Request | None:
    limit = config.endpoint.rollback_on.p99_ms
    if limit is None:
        return None
    return {
        "AlarmDescription": f"{config.model}: one request in a hundred takes longer than {limit:g} ms in the model, in 3 of "
        f"5 minutes. Look at ModelLatency of endpoint {serving.endpoint} and at its log.",
        **slowest(of(serving), limit),
        **_MINUTES,
    }


def _errors(config: ModelConfig, serving: Route) -> Request | None:
    limit = config.endpoint.rollback_on.error_percent
    if limit is None:
        return None
    return {
        "AlarmDescription": f"{config.model}: more than {limit:g} % of the requests end in an error of the model (5xx), in 3 "
        f"of 5 minutes with at least {FEW_REQUESTS} requests. Look at the log {log_group(serving)}.",
        **error_share(of(serving), limit, FEW_REQUESTS, ", 0"),
        **_MINUTES,
    }


def _backlog(config: ModelConfig, serving: Route) -> Request | None:
    limit = config.scaling.adjust.backlog
    if limit is None or config.endpoint.serverless:
        return None
    return {
        "AlarmDescription": f"{config.model}: an instance has more than {counted(limit, 'request')} in flight, in 3 of 5 minutes. "
        f"Look at {in_flight_metric(serving)} of endpoint {serving.endpoint}.",
        **in_flight(serving, limit),
        **_MINUTES,
    }


_ON_ENDPOINT: Mapping[Intent, Callable[[ModelConfig, Route], Request | None]] = {
    "latency": _latency,
    "errors": _errors,
    "backlog": _backlog,
}
_MINUTES = {
    "EvaluationPeriods": 5,
    "DatapointsToAlarm": 3,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
