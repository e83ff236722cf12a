"""Traffic with its labels, as the reactions need it beside `perennial.ports`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from perennial.monitoring.analysis import Source


@dataclass
class Joined:
    """What is asked: these columns of the traffic in [start, end), UTC. The counts grow while rows are drawn.

    `classes` is empty for regression. `records` are invocations, `unlabelled` those without a label, `unusable` what
    could not be read or has a label that is no class.
    """

    features: Sequence[str]
    classes: Sequence[str]
    start: datetime
    end: datetime
    records: int = 0
    unlabelled: int = 0
    unusable: int = 0
    examples: Sequence[str] = ()


class LabelledTraffic(Protocol):
    """The analysis library's readers, in the function that has its layer."""

    def rows(
        self, captures: Iterator[Source], labels: Iterator[Source], wanted: Joined
    ) -> Iterator[Sequence[str]]:
        """Cells in the order of the features, the label last."""
