"""What a shadow test left behind: captured requests of both variants, and what CloudWatch measured of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from perennial import layout
from perennial.alarms.endpoint_metrics import NAMESPACE
from perennial.config import ModelConfig
from perennial.endpoint_config import VARIANT
from perennial.monitoring.sources import HOUR, hour_prefixes
from perennial.ports import World
from perennial.shadow import VARIANT as SHADOW
from perennial.shadow_answers import Answered, joined, read
from perennial.shadow_comparison import Answers, Interval, Traffic, median_percentiles
from perennial.smoke_test import INFERENCE_ID

MOST_BYTES = 24 << 20  # of each variant's captured requests
ROUND = timedelta(minutes=1)  # metrics are told by the minute


class Reader:
    """Captured requests of one variant, oldest first, as many as fit. `truncated` says afterwards that some did not."""

    def __init__(
        self, endpoint: str, config: ModelConfig, start: datetime, end: datetime, world: World
    ) -> None:
        self._root = f"{layout.capture_prefix(config.model)}/{endpoint}/"
        self._classes = config.problem != "regression"
        self._start, self._end, self._world = start, end, world
        self.truncated = False

    def answered(self, variant: str) -> Iterator[Answered]:
        return read(self._lines(variant), self._start, self._end, self._classes, INFERENCE_ID)

    def _lines(self, variant: str) -> Iterator[bytes]:
        size = 0
        for folder in hour_prefixes(self._start - HOUR, self._end + HOUR):
            for found in sorted(
                self._world.bucket.list(f"{self._root}{variant}/{folder}"), key=lambda one: one.key
            ):
                if found.last_modified < self._start:
                    continue
                if size + found.size > MOST_BYTES:
                    self.truncated = True
                    return
                size += found.size
                yield from (self._world.bucket.read(found.key) or b"").splitlines()


def answers(
    endpoint: str, config: ModelConfig, start: datetime, end: datetime, world: World
) -> tuple[Answers, bool]:
    """Both variants' answers to the same requests; True when not everything was read."""
    reader = Reader(endpoint, config, start, end, world)
    found = Answers.of(joined(reader.answered(VARIANT), reader.answered(SHADOW)))
    return found, reader.truncated


def traffic(
    endpoint: str, config_name: str, variant: str, start: datetime, end: datetime, world: World
) -> Traffic:
    """Of one variant while it served under this endpoint config."""
    dimensions = {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": config_name}

    def look(metric: str, statistics: Sequence[str]) -> dict[str, float]:
        rows = world.metrics.read(NAMESPACE, metric, dimensions, statistics, start - ROUND, end + ROUND)
        return _combined(rows, statistics)

    invocations = look("Invocations", ["Sum"]).get("Sum", 0)
    errors = look("Invocation5XXErrors", ["Sum"]).get("Sum", 0)
    measured = int(look("ModelLatency", ["SampleCount"]).get("SampleCount", 0))
    if not measured:
        return Traffic(int(invocations), int(errors), None, None)
    low, high = (f"p{percentile:.2f}" for percentile in median_percentiles(measured))
    latency = look("ModelLatency", ["SampleCount", "p50", low, high, "p99"])
    if not {"p50", low, high, "p99"} <= set(latency):
        return Traffic(int(invocations), int(errors), None, None)
    median = Interval(latency["p50"] / 1000, latency[low] / 1000, latency[high] / 1000)
    return Traffic(int(invocations), int(errors), median, latency["p99"] / 1000)


def _combined(rows: Sequence[Mapping[str, float]], statistics: Sequence[str]) -> dict[str, float]:
    """Over the periods that CloudWatch cut the time into: counts add up, percentiles are weighted by their counts."""
    found: dict[str, float] = {}
    for name in statistics:
        having = [row for row in rows if name in row]
        if not having:
            continue
        if name in ("Sum", "SampleCount"):
            found[name] = sum(row[name] for row in having)
            continue
        weights = [row.get("SampleCount", 1.0) for row in having]
        found[name] = sum(row[name] * weight for row, weight in zip(having, weights, strict=True)) / sum(
            weights
        )
    return found
