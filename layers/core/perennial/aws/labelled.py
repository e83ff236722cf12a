"""The analysis library's join of traffic and labels behind the core's port. Needs the analysis layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perennial.monitoring.analysis import Source
from perennial.retraining.ports import Joined
from perennial_analysis.traffic_rows import Counts, labelled_rows


class LabelledTrafficLibrary:
    """Implements `perennial.retraining.ports.LabelledTraffic`."""

    def rows(
        self, captures: Iterator[Source], labels: Iterator[Source], wanted: Joined
    ) -> Iterator[Sequence[str]]:
        counts = Counts()
        found = labelled_rows(
            (source.open for source in captures),
            ((source.name, source.open) for source in labels),
            wanted.features,
            wanted.classes,
            wanted.start,
            wanted.end,
            counts,
        )
        for row in found:
            yield row
            _copy(counts, wanted)
        _copy(counts, wanted)


def _copy(counts: Counts, wanted: Joined) -> None:
    wanted.records, wanted.unlabelled = counts.records, counts.unlabelled
    wanted.unusable = counts.losses.count + counts.unknown_labels
    wanted.examples = tuple(counts.losses.examples)
