"""The outside world, as the analysis of traffic needs it beside `perennial.ports`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from perennial.monitoring.analysis import Analyzed, Datapoint, Request, Source
from perennial.monitoring.model_monitor import Definition, Execution, Kind
from perennial.monitoring.processing import ProcessingJob


class Analyst(Protocol):
    """The analysis library, in the functions that have its layer."""

    def document(self, asked: Request) -> bytes:
        """request.json, as the container's `analyze` reads it."""

    def analyze(
        self,
        asked: Request,
        baseline: Mapping[str, bytes],
        captures: Iterable[Source],
        labels: Iterable[Source],
    ) -> Analyzed: ...
    def finish(self, document: bytes, baseline: Mapping[str, bytes], parts: Sequence[bytes]) -> Analyzed:
        """The parts that a job's instances left, put together; `document` is the job's request.json."""


class ProcessingJobs(Protocol):
    """SageMaker's Processing jobs."""

    def get(self, name: str) -> ProcessingJob | None: ...
    def create(self, request: Mapping[str, Any]) -> bool:
        """Start a job. False when one of that name exists: somebody was faster, which is a success."""


class ModelMonitor(Protocol):
    """SageMaker Model Monitor, where the account has it."""

    def ensure(self, wanted: Definition) -> None:
        """Create what is missing and move the schedule on. Raises NotAvailable."""

    def executions(self, schedule: str, after: datetime) -> Sequence[Execution]: ...
    def remove(self, kind: Kind, schedule: str, definition: str) -> None: ...
    def forget(self, kind: Kind, definition: str) -> None: ...


class CloudWatchMetrics(Protocol):
    """CloudWatch's metrics: ours to put, anybody's to read."""

    def put(self, datapoints: Sequence[Datapoint]) -> None: ...
    def read(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        statistics: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> Sequence[Mapping[str, float]]:
        """The statistics (`Sum`, `p99` ...) of a metric from start to end, in as few periods as CloudWatch cuts that
        into; empty when it has no data."""
