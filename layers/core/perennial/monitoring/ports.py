"""The outside world, as the analysis of traffic needs it beside `perennial.ports`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from perennial.monitoring.analysis import Analyzed, Datapoint, Request, Source
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


class CloudWatchMetrics(Protocol):
    """CloudWatch's custom metrics."""

    def put(self, datapoints: Sequence[Datapoint]) -> None: ...
