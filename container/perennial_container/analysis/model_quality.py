"""Model quality for Model Monitor: predictions beside labels, of a dataset or of merged capture records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from perennial_analysis.columns import Column, Table
from perennial_analysis.ground_truth import LabelFile, join, read_labels
from perennial_analysis.model_quality import constraints as thresholds
from perennial_analysis.model_quality.labels import encode, spell_all
from perennial_analysis.model_quality.statistics import (
    Quality,
    binary_quality,
    multiclass_quality,
    regression_quality,
)
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.payloads import Row, UnreadablePayload, rows_of
from perennial_container.analysis.datasets import find_files, read_tables, records
from perennial_container.analysis.findings import (
    CONSTRAINTS,
    STATISTICS,
    VIOLATIONS,
    Findings,
    Metric,
    json_bytes,
    nothing_read,
)
from perennial_container.analysis.settings import Settings
from perennial_container.errors import AnalysisError

ERRORS = "errors.json"
"""Beside constraints.json: how sure each threshold is."""


@dataclass
class Judged:
    """Labelled rows; a list is empty where its attribute is not named."""

    labels: list[Any] = field(default_factory=list)
    predicted: list[Any] = field(default_factory=list)
    scores: list[Any] = field(default_factory=list)


def model_quality(settings: Settings, losses: Losses) -> Findings:
    """Raises AnalysisError for attributes that name nothing, and for what is not of the problem's kind."""
    if settings.attributes.prediction is None and settings.attributes.probability is None:
        raise AnalysisError("name what the model predicts: inference_attribute or probability_attribute")
    judged = (_captured if settings.format.kind == "capture" else _dataset)(settings, losses)
    try:
        quality = _measure(judged, settings)
        if settings.makes_baseline:
            return _suggested(quality, settings, losses)
        constraints, errors = _read(settings)
        violations = thresholds.check(quality, constraints, errors)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnalysisError(f"model quality cannot be measured: {error}") from error
    files = {
        STATISTICS: json_bytes(quality.document()),
        CONSTRAINTS: json_bytes(constraints),
        VIOLATIONS: json_bytes(violations),
    }
    metrics = [Metric(name, value) for name, value in quality.values.items() if isfinite(value)]
    metrics += [Metric("records", quality.rows), Metric("violations", len(violations["violations"]))]
    return Findings(quality.rows, files, violations["violations"], metrics)


def _suggested(quality: Quality, settings: Settings, losses: Losses) -> Findings:
    if not quality.rows:
        raise nothing_read(settings, "has both label and prediction", losses)
    files = {
        STATISTICS: json_bytes(quality.document()),
        CONSTRAINTS: json_bytes(thresholds.suggest(quality)),
        ERRORS: json_bytes(thresholds.suggest_errors(quality)),
    }
    return Findings(quality.rows, files)


def _read(settings: Settings) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The baseline's thresholds, and how sure they are if the file beside them tells."""
    if settings.constraints is None:
        raise AnalysisError("model quality is held against baseline_constraints, which is not given")
    beside = settings.constraints.with_name(ERRORS)
    errors = json.loads(beside.read_bytes()) if beside.is_file() else None
    return json.loads(settings.constraints.read_bytes()), errors


def _measure(judged: Judged, settings: Settings) -> Quality:
    labels, scores = judged.labels, judged.scores
    if settings.problem == "regression":
        return regression_quality(labels, judged.predicted or scores)
    if settings.problem == "multiclass_classification":
        if not judged.predicted and labels:
            raise AnalysisError("more than two classes need inference_attribute: the predicted label")
        return multiclass_quality(labels, judged.predicted)
    classes = _two_classes(labels, judged.predicted)
    probability = [float(score) for score in scores] if scores else None
    predicted = judged.predicted
    if not predicted and probability is not None:
        predicted = [classes[score >= settings.attributes.threshold] for score in probability]
    return binary_quality(labels, predicted, probability, classes=classes)


def _two_classes(labels: Sequence[Any], predicted: Sequence[Any]) -> list[str]:
    """The later of the two in the order of their names is the positive one, as 1 is of 0 and 1."""
    names = sorted({*encode(labels).names, *encode(predicted).names})
    if len(names) < 2 and set(names) <= {"0", "1"}:
        return ["0", "1"]
    if len(names) < 2 and set(names) <= {"False", "True"}:
        return ["False", "True"]
    if len(names) != 2:
        raise AnalysisError(f"a binary problem has two classes, these rows have {names[:10]}")
    return spell_all(names)


def _dataset(settings: Settings, losses: Losses) -> Judged:
    judged, wanted = Judged(), settings.attributes
    if wanted.label is None:
        raise AnalysisError("name the label: ground_truth_attribute")
    for table in read_tables(settings, {}, losses):
        columns = [
            None if attribute is None else _column(table, attribute)
            for attribute in (wanted.label, wanted.prediction, wanted.probability)
        ]
        known = ~np.logical_or.reduce([each.missing for each in columns if each is not None])
        losses.add("a row lacks its label or its prediction", int((~known).sum()))
        for found, column in zip((judged.labels, judged.predicted, judged.scores), columns, strict=True):
            if column is not None:
                found.extend(column.values[known].tolist())
    return judged


def _column(table: Table, attribute: str) -> Column:
    names = list(table)
    for name in (attribute, _last(attribute)):
        if name in table:
            return table[name]
    if attribute.isdigit() and int(attribute) < len(names):
        return table[names[int(attribute)]]
    raise AnalysisError(f"the dataset has no column {attribute!r}; it has {names[:50]}")


def _captured(settings: Settings, losses: Losses) -> Judged:
    """Merged records carry their labels; each file is read as traffic, and again as labels."""
    wanted, answers = settings.attributes, Judged()
    events: list[str] = []
    others: list[str | None] = []
    for batch in records(settings, losses):
        for record in batch:
            side = record.capture_data.output
            try:
                found = [
                    (_cell(row, wanted.prediction), _cell(row, wanted.probability))
                    for row in (rows_of(side)[0] if side else [])
                ]
            except (UnreadablePayload, AnalysisError) as error:
                losses.add(f"record {record.event_metadata.event_id}: {error}")
                continue
            answers.predicted.extend(prediction for prediction, _ in found)
            answers.scores.extend(score for _, score in found)
            events.extend([record.event_metadata.event_id] * len(found))
            others.extend([record.event_metadata.inference_id] * len(found))
    files = (LabelFile(path.read_bytes(), name=path.name) for path in find_files(settings.source))
    truth = read_labels(files, wanted.label if not (wanted.label or "").isdigit() else None)
    losses.add("; ".join(truth.problems), truth.broken)
    joined = join(truth, events, others)
    kept = joined.rows.tolist()
    return Judged(
        joined.labels.tolist(),
        [answers.predicted[row] for row in kept] if wanted.prediction else [],
        [answers.scores[row] for row in kept] if wanted.probability else [],
    )


def _cell(row: Row, attribute: str | None) -> Any:
    """None for an attribute that is not asked for."""
    if attribute is None:
        return None
    if isinstance(row, dict):
        for name in (attribute, _last(attribute)):
            if name in row:
                return row[name]
    elif attribute.isdigit() and int(attribute) < len(row):
        return row[int(attribute)]
    raise AnalysisError(f"an answer has no {attribute!r}: {str(row)[:80]}")


def _last(attribute: str) -> str:
    """Of a JMESPath such as `predictions[*].score` the last part counts."""
    return attribute.rsplit(".", 1)[-1]
