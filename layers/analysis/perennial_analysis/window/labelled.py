"""The predictions of all parts beside their labels, in an order that does not depend on how work was split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from perennial_analysis.ground_truth import Event, GroundTruth, Join, join
from perennial_analysis.window.collecting import keep_label
from perennial_analysis.window.part import Names, Part, Predictions, Truth
from perennial_analysis.window.request import Request

Texts = npt.NDArray[np.object_]
COLLECTED = re.compile(r"(?:^|/)(\d{4}/\d{2}/\d{2}/\d{2})/")
"""The hour of collection in the path of a label file."""


@dataclass(frozen=True)
class Labelled:
    """[rows] each: `predicted` and `facet` are None where missing, `scores` NaN; `labels` None where there is none
    yet. `joined` tells of the records behind them."""

    predicted: Texts
    scores: npt.NDArray[np.float64]
    facet: Texts
    labels: Texts
    joined: Join

    def __len__(self) -> int:
        return len(self.scores)


def labelled(parts: Sequence[Part], request: Request) -> Labelled:
    """All answered rows, ordered by the ids of their records. Labels that were collected in an hour after the window's
    were due are late: whoever analyses the window again has them, its first analysis had not."""
    chunks = [chunk for part in parts for chunk in part.predictions]
    events = [event for chunk in chunks for event in chunk.events]
    inferences = [inference for chunk in chunks for inference in chunk.inferences]
    sizes = _concatenated([np.frombuffer(chunk.sizes, "<i8") for chunk in chunks], np.int64)
    order = sorted(range(len(events)), key=lambda place: (events[place], inferences[place] or "", place))
    starts = np.cumsum(sizes) - sizes
    rows = _concatenated([np.arange(starts[k], starts[k] + sizes[k]) for k in order], np.int64)
    found = join(
        _truth(parts),
        [events[k] for k in order for _ in range(sizes[k])],
        [inferences[k] for k in order for _ in range(sizes[k])],
        times=[request.end] * len(rows),
        due=request.label_delay,
    )
    labels = np.full(len(rows), None, dtype=object)
    labels[found.rows] = found.labels
    return Labelled(
        _texts([chunk.predicted for chunk in chunks])[rows],
        _concatenated([np.frombuffer(chunk.scores, "<f8") for chunk in chunks], np.float64)[rows],
        _texts([_facet(chunk) for chunk in chunks])[rows],
        labels,
        found,
    )


def _truth(parts: Sequence[Part]) -> GroundTruth:
    whole = Truth(labels={})
    for part in parts:
        if part.truth is not None:
            for name, label in part.truth.labels.items():
                keep_label(whole, name, label)
            whole.broken += part.truth.broken
            whole.repeated += part.truth.repeated
    events = {name: Event(labels, _collected(file)) for name, (file, labels) in whole.labels.items()}
    return GroundTruth(events, whole.broken, whole.repeated)


def _collected(file: str) -> datetime | None:
    """The beginning of the hour in which a file was collected, if its path tells."""
    found = COLLECTED.search(file)
    try:
        return datetime.strptime(found[1], "%Y/%m/%d/%H").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _facet(chunk: Predictions) -> Names:
    return chunk.facet if chunk.facet is not None else Names(b"\xff" * (len(chunk.scores) // 2), [])


def _texts(columns: Sequence[Names]) -> Texts:
    return np.concatenate([column.values() for column in columns]) if columns else np.empty(0, dtype=object)


def _concatenated(arrays: Sequence[npt.NDArray[np.generic]], dtype: type) -> npt.NDArray[np.generic]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
