"""The newest reports of a model, read from the bucket's folders by time without listing them all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from pydantic import ValidationError

from perennial import layout
from perennial.alarms.intent import Intent, monitor_of
from perennial.alarms.reports import A_DAY, A_WEEK, Report, Reports, changed_since, silent
from perennial.config import ModelConfig
from perennial.monitoring.monitors import MonitorName, monitors_of
from perennial.monitoring.summary import Summary
from perennial.ports import World

logger = logging.getLogger(__name__)
FEW = 3
MOST = 48  # reports that are looked through for what happened at the same time


def newest(model: str, monitor: MonitorName, world: World) -> Iterator[Report]:
    """Newest window first. A summary that cannot be read is left out; the log says why."""
    for folder in _folders(layout.reports_prefix(model, monitor), 4, world):
        body = world.bucket.read(folder + "summary.json")
        if body is None:
            continue
        summary = _summary(body)
        if summary is not None:
            yield Report(folder, summary)


def _summary(body: bytes) -> Summary | None:
    try:
        return Summary.model_validate_json(body)
    except ValidationError as error:
        logger.warning("a summary.json cannot be read: %s", error)
        return None


def reports_for(intent: Intent, config: ModelConfig, world: World) -> Reports:
    """What a diagnosis reads: a few of each monitor, and for lost quality the inputs of the same time."""
    model = config.model
    found = {monitor: list(islice(newest(model, monitor, world), FEW)) for monitor in monitors_of(config)}
    quality = found.get("model_quality", [])
    if intent == "model-quality" and quality and "data_quality" in found:
        since = min(report.summary.window.start for report in quality)
        found["data_quality"] = list(_since(since, model, world))
    heard = monitor_of(config, intent) if intent == "silence" else None
    earlier: dict[datetime, int] = {}
    if heard is not None:
        found[heard] = list(_until_traffic(model, heard, world))
        earlier = _earlier(model, heard, silent(found[heard]), world)
    return Reports(
        data_quality=found.get("data_quality", ()),
        model_quality=found.get("model_quality", ()),
        bias=found.get("bias", ()),
        earlier=earlier,
    )


def _until_traffic(model: str, monitor: MonitorName, world: World) -> Iterator[Report]:
    """At least a few, and back to the newest window with traffic."""
    for place, report in enumerate(islice(newest(model, monitor, world), MOST)):
        yield report
        if report.summary.records and place + 1 >= FEW:
            return


def _earlier(
    model: str, monitor: MonitorName, stretch: Sequence[Report], world: World
) -> dict[datetime, int]:
    """The records of the same hours a day and a week before, where there are reports."""
    found = {}
    for report in stretch:
        for back in (A_DAY, A_WEEK):
            start = report.summary.window.start - back
            body = world.bucket.read(layout.report_prefix(model, monitor, start) + "summary.json")
            summary = _summary(body) if body else None
            if summary is not None:
                found[start] = summary.records
    return found


def traffic_changed_since(config: ModelConfig, world: World) -> datetime | None:
    """When the inputs became what they are now, by the data quality reports; None if they are as they were."""
    if config.monitors.data_quality is None:
        return None
    return changed_since(islice(newest(config.model, "data_quality", world), MOST))


def newest_folder(intent: Intent, config: ModelConfig, world: World) -> str | None:
    """Where the newest report of an alarm's monitor lies, without reading it."""
    monitor = monitor_of(config, intent)
    if monitor is None:
        return None
    return next(_folders(layout.reports_prefix(config.model, monitor), 4, world), None)


def _since(start: datetime, model: str, world: World) -> Iterator[Report]:
    for report in islice(newest(model, "data_quality", world), MOST):
        if report.summary.window.end <= start:
            return
        yield report


def _folders(prefix: str, depth: int, world: World) -> Iterator[str]:
    """yyyy/mm/dd/hhmm/ below the prefix, newest first; what people put there by other names is passed by."""
    for name in sorted(world.bucket.names_under(prefix), reverse=True):
        if not name[:1].isdigit():
            continue
        folder = f"{prefix}{name}/"
        if depth == 1:
            yield folder
        else:
            yield from _folders(folder, depth - 1, world)
