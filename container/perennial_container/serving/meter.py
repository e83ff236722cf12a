"""What the server counts of itself, in Prometheus's text format: SageMaker can scrape `/metrics` on 8080.

The counters are plain numbers, since they are touched by every request; they are put into words when asked for.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Meter:
    """Of one event loop: nothing here is locked."""

    answers: Counter[int] = field(default_factory=Counter)

    def answered(self, status: int) -> None:
        """Count one answer to `/invocations`; 499 is a client that hung up."""
        self.answers[status] += 1

    def text(self, **gauges: int) -> str:
        """Everything, with the gauges that are only known now."""
        return "\n".join([*self._lines(gauges), ""])

    def _lines(self, gauges: dict[str, int]) -> Iterator[str]:
        yield "# HELP perennial_invocations_total Answers to /invocations by HTTP status."
        yield "# TYPE perennial_invocations_total counter"
        for status, count in sorted(self.answers.items()):
            yield f'perennial_invocations_total{{status="{status}"}} {count}'
        for name, value in gauges.items():
            yield f"# TYPE perennial_{name} gauge"
            yield f"perennial_{name} {value}"
