"""What an alarm is for. One alarm per model and intent, named `<prefix>-<model>-<intent>`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from perennial.config import ModelConfig
from perennial.monitoring.monitors import MonitorName, delay, label_delay, monitors_of
from perennial.names import Names
from perennial.sections_watching import Reaction
from perennial.words import counted

Intent = Literal[
    "data-quality", "model-quality", "bias", "label-coverage", "silence", "latency", "errors", "backlog"
]
INTENTS: tuple[Intent, ...] = get_args(Intent)
ON_ENDPOINT: frozenset[Intent] = frozenset({"latency", "errors", "backlog"})

_ON_ALARM: Mapping[Intent, str] = {
    "data-quality": "data_quality",
    "model-quality": "model_quality",
    "bias": "bias",
    "label-coverage": "label_coverage",
    "silence": "no_data",
    "latency": "latency",
    "errors": "errors",
    "backlog": "backlog",
}
_MONITOR: Mapping[Intent, MonitorName] = {
    "data-quality": "data_quality",
    "model-quality": "model_quality",
    "label-coverage": "model_quality",
    "bias": "bias",
}


@dataclass(frozen=True)
class AlarmName:
    """An alarm's name, taken apart."""

    model: str
    intent: Intent


def alarm_name(names: Names, model: str, intent: Intent) -> str:
    return f"{names.endpoint(model)}-{intent}"


def alarm_names(names: Names, model: str) -> list[str]:
    """Every name that an alarm of this model may have."""
    return [alarm_name(names, model, intent) for intent in INTENTS]


def parse_alarm(names: Names, name: str) -> AlarmName | None:
    """Take an alarm's name apart; None when it is not one of ours, such as that of a queue or of scaling."""
    rest = names.model_of(name)
    for intent in INTENTS:
        if rest and (model := rest.removesuffix(f"-{intent}")) != rest and model:
            return AlarmName(model, intent)
    return None


def on_alarm_key(intent: Intent) -> str:
    """The key of `on_alarm` in model.yaml that says what follows."""
    return _ON_ALARM[intent]


def reactions(config: ModelConfig, intent: Intent) -> tuple[Reaction, ...]:
    """What model.yaml wants to follow."""
    found: tuple[Reaction, ...] = getattr(config.on_alarm, on_alarm_key(intent))
    return found


def monitor_of(config: ModelConfig, intent: Intent) -> MonitorName | None:
    """The monitor whose metric the alarm watches; None for the endpoint's own metrics, or if it is not configured.

    Silence is heard where most is said: on the data quality monitor, if there is one.
    """
    configured = monitors_of(config)
    if intent == "silence":
        return next(iter(configured), None)
    monitor = _MONITOR.get(intent)
    return monitor if monitor in configured else None


def cadence(config: ModelConfig, intent: Intent) -> tuple[timedelta, timedelta]:
    """How long a window of the alarm's metric is, and how long after its date a datapoint is due: a window that waits
    for labels is dated to when they are due, so that only the delay of capture is left."""
    monitor = monitor_of(config, intent)
    if monitor is None:
        return timedelta(minutes=1), timedelta(0)
    return monitors_of(config)[monitor].period, delay(config, monitor) - label_delay(config, monitor)


def spoken(span: timedelta) -> str:
    """`15 minutes`, `1 hour`, `2 days`."""
    for unit in ("day", "hour", "minute"):
        length = timedelta(**{unit + "s": 1})
        if span >= length and not span % length:
            return counted(span // length, unit)
    return counted(round(span.total_seconds() / 60), "minute")
