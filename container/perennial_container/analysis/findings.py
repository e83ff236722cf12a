"""What an analysis for Model Monitor leaves: files, metrics, and one sentence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from perennial_analysis.readers.losses import Losses
from perennial_container.analysis.settings import Settings
from perennial_container.errors import AnalysisError

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
VIOLATIONS = "constraint_violations.json"
COMPLETED = "Completed: Job completed successfully with no violations."
VIOLATED = "CompletedWithViolations: Job completed successfully with {count} violations."


@dataclass(frozen=True)
class Metric:
    """One CloudWatch metric of a run: a value, or what is known of many."""

    name: str
    value: float | None = None
    many: Mapping[str, float] = field(default_factory=dict)

    def document(self, settings: Settings) -> dict[str, Any]:
        """A line of cloudwatch_metrics.jsonl; Model Monitor adds the namespace."""
        dimensions = {"Endpoint": settings.endpoint, "MonitoringSchedule": settings.schedule}
        time = settings.end or datetime.now(UTC)
        return {
            "MetricName": self.name,
            "Timestamp": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items() if value],
            **({"StatisticValues": dict(self.many)} if self.many else {"Value": self.value}),
        }


@dataclass(frozen=True)
class Findings:
    """`violations` is None where a baseline was made. `files` are by name."""

    rows: int
    files: Mapping[str, bytes]
    violations: Sequence[Any] | None = None
    metrics: Sequence[Metric] = ()
    notes: Sequence[str] = ()

    def message(self, losses: Losses) -> str:
        """The exit message. It begins as Model Monitor's own do, whatever there is to add."""
        violated = len(self.violations or ())
        sentences = [VIOLATED.format(count=violated) if violated else COMPLETED, *self.notes]
        if self.violations is None:
            sentences.append(f"The baseline is of {self.rows} rows.")
        elif not self.rows:
            sentences.append("There were no records.")
        if losses.count:
            sentences.append(f"{losses.count} could not be read, such as: {losses.examples[0]}")
        return " ".join(sentences)


def nothing_read(settings: Settings, what: str, losses: Losses) -> AnalysisError:
    """A baseline cannot be made of nothing."""
    why = f"; {losses.count} could not be read, such as: {losses.examples[0]}" if losses.count else ""
    return AnalysisError(
        f"no row of dataset_source {str(settings.source)!r} {what}: there is no baseline{why}"
    )


def json_bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()


def metric_lines(metrics: Sequence[Metric], settings: Settings) -> str:
    return "".join(json.dumps(metric.document(settings), ensure_ascii=False) + "\n" for metric in metrics)
