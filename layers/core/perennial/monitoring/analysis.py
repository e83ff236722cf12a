"""What the analysis library is asked and what it answers, in the core's own words: the core knows no numbers.

`Request`, `Datapoint` and `Analyzed` mirror the library's types field by field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from perennial.config import ModelConfig
from perennial.intake.schema import Schema
from perennial.monitoring.baselines import Version
from perennial.monitoring.monitors import MonitorName, monitors_of, schedule_name
from perennial.monitoring.windows import OLDEST, Window
from perennial.names import Names

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
SUMMARY = "summary.json"
REPORT = "report.html"
DATAPOINTS = "datapoints.json"


@dataclass(frozen=True)
class Request:
    """One window of one monitor. `features` are the input columns in the schema's order."""

    model: str
    monitor: MonitorName
    endpoint: str
    schedule: str
    start: datetime
    end: datetime
    problem: str
    features: tuple[str, ...]
    model_version: int | None
    dataset_version: str | None
    settings: Mapping[str, Any]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A file of captured traffic or labels, opened when its turn comes."""

    name: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Datapoint:
    """One value of a CloudWatch metric."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float
    timestamp: datetime
    unit: str | None = None


@dataclass(frozen=True)
class Analyzed:
    """All result files by name, and the metrics."""

    files: Mapping[str, bytes]
    datapoints: Sequence[Datapoint] = field(default=())


def request_of(
    config: ModelConfig,
    monitor: MonitorName,
    window: Window,
    version: Version,
    schema: Schema | None,
    names: Names,
    endpoint: str | None = None,
) -> Request:
    """The analysis of one window, of the version that served then. Without a schema the columns are unknown.

    `endpoint` is where the model serves, by default on its first one."""
    settings = monitors_of(config)[monitor].model_dump(mode="json")
    if settings.get("minimum") is not None or settings.get("maximum") is not None:
        settings["metric"] = config.quality_metric
    if config.problem == "binary_classification" and schema and schema.classes:
        settings["positive"] = schema.classes[-1]
    if schema and monitor == "data_quality":
        settings["ignored"] = sorted({*config.schema_.drop, *schema.drop, schema.target})
    return Request(
        model=config.model,
        monitor=monitor,
        endpoint=endpoint or names.endpoint(config.model),
        schedule=schedule_name(names, config.model, monitor),
        start=window.start,
        end=window.end,
        problem=config.problem,
        features=tuple(feature.name for feature in schema.features) if schema else (),
        model_version=version.number,
        dataset_version=version.dataset,
        settings=settings,
        classes=tuple(schema.classes or ()) if schema else (),
    )


def datapoints_of(document: bytes) -> list[Datapoint]:
    """Read datapoints.json, which the container writes."""
    return [
        Datapoint(**{**found, "timestamp": datetime.fromisoformat(found["timestamp"])})
        for found in json.loads(document)
    ]


def publishable(
    datapoints: Sequence[Datapoint], now: datetime, late: timedelta = timedelta(0)
) -> list[Datapoint]:
    """The metrics that CloudWatch takes: none of the future, none older than two weeks.

    `late` is how long the window waited for its labels. Metrics are dated to when they were due: alarms look back a
    week at most, and would never see those of a window whose labels take longer.
    """
    moved = [replace(point, timestamp=min(point.timestamp + late, now)) for point in datapoints]
    return [point for point in moved if now - point.timestamp < OLDEST]


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
