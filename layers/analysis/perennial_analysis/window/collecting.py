"""What one worker reads of a window, as a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from perennial_analysis.bias.thresholds import by_threshold
from perennial_analysis.columns import Table, as_text
from perennial_analysis.ground_truth import LabelFile, read_labels
from perennial_analysis.statistics import Statistics, profile_chunks
from perennial_analysis.statistics_file import UnreadableStatistics, read_statistics, write_statistics
from perennial_analysis.window.part import Names, Part, Predictions, Truth
from perennial_analysis.window.request import Request, Source
from perennial_analysis.window.traffic import Batch, read_traffic


def collect(
    request: Request, baseline: Mapping[str, bytes], captures: Iterable[Source], labels: Iterable[Source]
) -> Part:
    """A share of the window's files: any captures, and any labels of the window, in any order. Holds one chunk of
    rows at a time, and of predictions ids, label and score. No content of a file raises; opening one may."""
    part = Part(request.monitor)
    if request.monitor == "data_quality":
        known = known_statistics(baseline)
        kinds = {name: feature.kind for name, feature in known.features.items()} if known else {}
        excluded = tuple(request.settings.get("exclude", ()))
        batches = read_traffic(request, captures, part, kinds=kinds)
        tables = (batch.table(excluded) for batch in batches)
        part.statistics = write_statistics(profile_chunks(_not_empty(tables), known))
        return part
    of_bias = request.monitor == "bias"
    kinds = {request.facet: "String"} if of_bias and request.facet else {}
    for batch in read_traffic(request, captures, part, kinds=kinds, inputs=of_bias):
        part.predictions.append(_predictions(batch, _facet(batch, request) if of_bias else None))
    part.truth = read_truth(labels, part)
    return part


def known_statistics(baseline: Mapping[str, bytes]) -> Statistics | None:
    """The baseline's; None where there is none that can be read."""
    try:
        return read_statistics(baseline["statistics.json"])
    except (KeyError, UnreadableStatistics):
        return None


def read_truth(sources: Iterable[Source], part: Part) -> Truth:
    """The labels of all files, one file at a time."""
    truth = Truth()
    for source in sources:
        with source.open() as file:
            content = file.read()
        found = read_labels([LabelFile(content, name=source.name)])
        for name, event in found.events.items():
            keep_label(truth, name, (source.name, event.labels))
        truth.repeated += found.repeated
        truth.broken += found.broken
        part.broken.count += found.broken - len(found.problems)
        for problem in found.problems:
            part.broken.add(source.name, 0, problem.removeprefix(source.name).lstrip(":, "))
    return truth


def keep_label(
    truth: Truth, name: str, label: tuple[str, tuple[str | int | float | bool | None, ...]]
) -> None:
    """Of two labels for one record the one of the later file, by name, counts."""
    before = truth.labels.get(name)
    truth.repeated += before is not None
    if before is None or label[0] >= before[0]:
        truth.labels[name] = label


def _not_empty(tables: Iterable[Table]) -> Iterator[Table]:
    """A table whose every column was excluded has no rows to tell."""
    return (table for table in tables if table)


def _predictions(batch: Batch, facet: Names | None) -> Predictions:
    return Predictions(
        batch.events,
        batch.inferences,
        np.array(batch.sizes, dtype="<i8").tobytes(),
        batch.scores.astype("<f8").tobytes(),
        Names.of(batch.labels),
        facet,
    )


def _facet(batch: Batch, request: Request) -> Names:
    column = batch.inputs.get(request.facet)
    if column is None:
        return Names.of(np.full(len(batch.labels), None, dtype=object))
    values = column.values if column.kind in ("String", "Unknown") else as_text(column).values
    return Names.of(by_threshold(values, request.facet_threshold) if request.facet_threshold else values)
