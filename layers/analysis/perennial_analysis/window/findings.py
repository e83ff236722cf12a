"""What a monitor found in a window: all that its summary, its metrics and its report say beyond the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perennial_analysis.window.summary import Status, Violation


@dataclass(frozen=True)
class Findings:
    """`fields` are those of Summary that only this monitor has; `metrics` go to CloudWatch under the two dimensions
    of its schedule, `more_metrics` with further ones; `sections` is the report's HTML below its head."""

    status: Status
    reason: str
    violations: tuple[Violation, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    more_metrics: tuple[tuple[str, Mapping[str, str], float], ...] = ()
    sections: str = ""
