"""Analysis, Processing jobs and metrics in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from perennial.errors import NotAvailable
from perennial.monitoring.analysis import Analyzed, Datapoint, Request, Source
from perennial.monitoring.model_monitor import Definition, Execution, Kind
from perennial.monitoring.processing import ProcessingJob


@dataclass
class InMemoryAnalyst:
    """Counts lines. `broken` makes it fail as a bug would."""

    asked: list[tuple[Request, Mapping[str, bytes], list[str], list[str]]] = field(default_factory=list)
    broken: str = ""

    def document(self, request: Request) -> bytes:
        return json.dumps(asdict(request), default=str).encode()

    def analyze(
        self,
        request: Request,
        baseline: Mapping[str, bytes],
        captures: Iterable[Source],
        labels: Iterable[Source],
    ) -> Analyzed:
        if self.broken:
            raise RuntimeError(self.broken)
        captures, labels = list(captures), list(labels)
        self.asked.append((request, baseline, [c.name for c in captures], [found.name for found in labels]))
        return self._analyzed(request, bool(baseline), sum(_lines(capture) for capture in captures))

    def finish(self, document: bytes, baseline: Mapping[str, bytes], parts: Sequence[bytes]) -> Analyzed:
        known = json.loads(document)
        times = {name: datetime.fromisoformat(known[name]) for name in ("start", "end")}
        request = Request(**{**known, **times, "features": tuple(known["features"])})
        self.asked.append((request, baseline, [], []))
        return self._analyzed(request, bool(baseline), sum(int(part) for part in parts))

    @staticmethod
    def _analyzed(request: Request, known: bool, records: int) -> Analyzed:
        status = ("ok" if known else "no_baseline") if records else "empty"
        summary = {
            "version": 1,
            "model": request.model,
            "monitor": request.monitor,
            "endpoint": request.endpoint,
            "schedule": request.schedule,
            "window": {"start": request.start.isoformat(), "end": request.end.isoformat()},
            "model_version": request.model_version,
            "status": status,
            "reason": f"{records} records",
            "records": records,
        }
        dimensions = {"Endpoint": request.endpoint, "MonitoringSchedule": request.schedule}
        namespace = "aws/sagemaker/Endpoints/data-metrics"
        point = Datapoint(namespace, "records", dimensions, float(records), request.end, "Count")
        return Analyzed({"summary.json": json.dumps(summary).encode(), "report.html": b"<p>"}, [point])


def _lines(source: Source) -> int:
    with source.open() as file:
        return len(file.read().splitlines())


@dataclass
class InMemoryProcessingJobs:
    jobs: dict[str, ProcessingJob] = field(default_factory=dict)
    requests: list[Mapping[str, Any]] = field(default_factory=list)

    def get(self, name: str) -> ProcessingJob | None:
        return self.jobs.get(name)

    def create(self, request: Mapping[str, Any]) -> bool:
        name = request["ProcessingJobName"]
        if name in self.jobs:
            return False
        self.requests.append(request)
        self.jobs[name] = ProcessingJob(name, "InProgress", environment=request.get("Environment", {}))
        return True

    def finish(self, name: str, status: str = "Completed", failure_reason: str = "") -> None:
        """What SageMaker does to a job."""
        self.jobs[name] = replace(self.jobs[name], status=status, failure_reason=failure_reason)


@dataclass
class InMemoryModelMonitor:
    """`closed`: what an account without Model Monitor says."""

    closed: str = "Amazon SageMaker Model Monitor is not available to new customers"
    schedules: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    runs: list[Execution] = field(default_factory=list)
    asked: int = 0

    def ensure(self, wanted: Definition) -> None:
        self.asked += 1
        if self.closed:
            raise NotAvailable(self.closed)
        name = wanted.job["JobDefinitionName"]
        self.definitions[name] = wanted
        self.schedules[wanted.name] = name

    def executions(self, schedule: str, after: datetime) -> Sequence[Execution]:
        return [run for run in self.runs if run.scheduled_at > after]

    def remove(self, kind: Kind, schedule: str, definition: str) -> None:
        self.schedules.pop(schedule, None)
        self.definitions.pop(definition, None)

    def forget(self, kind: Kind, definition: str) -> None:
        self.definitions.pop(definition, None)


@dataclass
class InMemoryMetrics:
    points: list[Datapoint] = field(default_factory=list)

    rows: dict[tuple[str, str, str], Mapping[str, float]] = field(default_factory=dict)

    def put(self, datapoints: Sequence[Datapoint]) -> None:
        self.points += datapoints

    def read(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        statistics: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> Sequence[Mapping[str, float]]:
        """`rows` by namespace, metric and the variant or config; percentiles are all the one given as `p`."""
        of = dimensions.get("VariantName") or dimensions["EndpointConfig"]
        row = self.rows.get((namespace, name, of))
        if row is None:
            return []
        return [{each: row["p" if each.startswith("p") else each] for each in statistics}]
