"""What the analysis of a window gives: files, CloudWatch datapoints, and a summary for whoever reacts to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from perennial_analysis.window.summary import Summary


@dataclass(frozen=True)
class Datapoint:
    """One value of a CloudWatch metric, in the names that the alarms of AWS's own samples use."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float
    timestamp: datetime
    unit: str | None = None


@dataclass(frozen=True)
class Analysis:
    """`files` are all results by file name, summary.json and report.html among them: the same window gives the
    same bytes."""

    files: Mapping[str, bytes]
    datapoints: tuple[Datapoint, ...]
    summary: Summary
