"""Where a window is analysed: in a Lambda, or by a Processing job when it is larger than that should take."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.config import ModelConfig
from perennial.monitoring.monitors import MonitorName
from perennial.sections_watching import DataQualityMonitor

MEGABYTE = 1_000_000
SHARE = 8  # an instance takes so many times what a Lambda takes
MOST_INSTANCES = 10
DEATHS = 2  # of Lambdas by time or memory, before a job is tried


@dataclass(frozen=True)
class Size:
    """`instances` is 0 for a Lambda."""

    instances: int
    reason: str


def size(config: ModelConfig, monitor: MonitorName, captured: int, files: int, died: int = 0) -> Size:
    """`captured` is the bytes of the window's capture files; `died` counts Lambdas killed by it. A job has no more instances than there are files.

    Statistics of columns are small, whatever the window. Model quality and bias keep every prediction for its
    label, which a Lambda should not put together: one instance does all of it.
    """
    limit = (config.monitors.data_quality or DataQualityMonitor()).processing_above_mb
    told = f"{captured / MEGABYTE:.1f} MB of captured traffic"
    if files and died >= DEATHS:
        return Size(1, f"{told} were too much for {died} Lambdas: a Processing job on one instance")
    if captured <= limit * MEGABYTE:
        return Size(0, f"{told} fit a Lambda")
    shared = monitor == "data_quality" and limit > 0
    wanted = -(-captured // (limit * SHARE * MEGABYTE)) if shared else 1
    instances = max(1, min(wanted, files, MOST_INSTANCES))
    hosts = f"{instances} instances" if instances > 1 else "one instance"
    return Size(instances, f"{told} are more than {limit} MB: a Processing job on {hosts}")
