"""Labels, predicted labels and scores in; Model Monitor's model quality statistics.json out.

Every scalar is {"value": x, "standard_deviation": y}. As at AWS, the standard deviation is that of the metric
on 5 random samples of 80 % of the rows (seeded here), and the string "NaN" below 200 rows; a metric that these
rows do not define (recall without a positive row) has the value "NaN" too, since JSON knows no such number.
That standard deviation is only about half of the sampling error (80 % of the same rows cannot differ much),
so `Quality.errors` holds proper standard errors for whoever compares two windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from perennial_analysis.model_quality.confusion import (
    Counts,
    Metrics,
    as_document,
    binary_metrics,
    confusion_counts,
    multiclass_metrics,
    standard_errors,
)
from perennial_analysis.model_quality.labels import (
    Places,
    Values,
    among,
    as_numbers,
    as_scores,
    encode,
    same_length,
    spell_all,
)
from perennial_analysis.model_quality.ranking import area_under_curve, curves
from perennial_analysis.model_quality.regression import regression_errors, regression_metrics

ProblemType = Literal["binary_classification", "multiclass_classification", "regression"]
ROWS_FOR_A_DEVIATION = 200
SAMPLES = 5
SAMPLE_SHARE = 0.8
VERSION = 0.0
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Quality:
    """The metrics of one window. `errors` are sampling errors by metric; NaN where they cannot be told."""

    problem: ProblemType
    rows: int
    values: Mapping[str, float]
    deviations: Mapping[str, float]
    errors: Mapping[str, float]
    shapes: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """statistics.json; without rows the metrics are an empty object."""
        scalars = {
            name: {
                "value": _number(value),
                "standard_deviation": _number(self.deviations.get(name, math.nan)),
            }
            for name, value in self.values.items()
        }
        metrics = {**scalars, **self.shapes} if self.rows else {}
        return {
            "version": VERSION,
            "dataset": {"item_count": self.rows},
            f"{self.problem}_metrics": dict(sorted(metrics.items())),
        }


def binary_quality(
    labels: Values,
    predicted: Values,
    scores: Values | None = None,
    *,
    classes: Sequence[object],
    seed: int = 0,
) -> Quality:
    """Of [rows] each; `classes` are two, the second is the positive one, `scores` its probability.

    Without scores there is no AUC and no curve. Raises ValueError for a missing or unknown label, for scores
    outside 0..1, and for columns of different lengths.
    """
    names = spell_all(classes)
    if len(set(names)) != 2:
        raise ValueError(f"a binary classifier has two classes, not {names}")
    truth, call = among(encode(labels), names), among(encode(predicted), names)
    probability = None if scores is None else as_scores(scores)
    same_length(labels=truth, predictions=call, scores=probability)
    counts = confusion_counts(truth, call, 2)
    errors = standard_errors(counts, binary_metrics, seed=seed) if len(truth) else {}
    shapes: dict[str, Any] = {"confusion_matrix": as_document(counts, names)}
    if probability is not None:
        shapes.update(curves(truth == 1, probability))
        errors["auc"] = area_under_curve(truth == 1, probability)[1]

    def measure(rows: Places | slice) -> dict[str, float]:
        found = _scalars(binary_metrics, confusion_counts(truth[rows], call[rows], 2))
        if probability is not None:
            found["auc"] = area_under_curve(truth[rows] == 1, probability[rows])[0]
        return found

    return _quality("binary_classification", len(truth), measure, errors, shapes, seed)


def multiclass_quality(
    labels: Values, predicted: Values, *, classes: Sequence[object] = (), seed: int = 0
) -> Quality:
    """Of [rows] each. `classes` adds classes that may not occur in these rows; any other that occurs is added."""
    actual, guess = encode(labels), encode(predicted)
    same_length(labels=actual.places, predictions=guess.places)
    declared = spell_all(classes)
    extra = sorted({*actual.names, *guess.names} - set(declared))
    names = [*dict.fromkeys(declared), *extra]
    size = len(names)
    if size > MOST_CLASSES:
        raise ValueError(f"{size} classes are more than {MOST_CLASSES}: numbers to predict are a regression")
    truth, call = among(actual, names), among(guess, names)
    counts = confusion_counts(truth, call, size)
    errors = standard_errors(counts, multiclass_metrics, seed=seed) if len(truth) else {}

    def measure(rows: Places | slice) -> dict[str, float]:
        return _scalars(multiclass_metrics, confusion_counts(truth[rows], call[rows], size))

    shapes = {"confusion_matrix": as_document(counts, names)}
    return _quality("multiclass_classification", len(truth), measure, errors, shapes, seed)


def regression_quality(labels: Values, predicted: Values, *, seed: int = 0) -> Quality:
    """Of [rows] finite numbers each."""
    actual, guess = as_numbers(labels, "labels"), as_numbers(predicted, "predictions")
    same_length(labels=actual, predictions=guess)

    def measure(rows: Places | slice) -> dict[str, float]:
        return regression_metrics(actual[rows], guess[rows])

    return _quality("regression", len(actual), measure, regression_errors(actual, guess), {}, seed)


def _quality(
    problem: ProblemType,
    rows: int,
    measure: Callable[[Places | slice], dict[str, float]],
    errors: Mapping[str, float],
    shapes: Mapping[str, Any],
    seed: int,
) -> Quality:
    if not rows:
        return Quality(problem, 0, {}, {}, {})
    deviations: dict[str, float] = {}
    if rows >= ROWS_FOR_A_DEVIATION:
        sampled = [measure(sample) for sample in _samples(rows, seed)]
        deviations = {
            name: float(np.std([metrics[name] for metrics in sampled], ddof=1)) for name in sampled[0]
        }
    return Quality(problem, rows, measure(slice(None)), deviations, errors, shapes)


def _samples(rows: int, seed: int) -> Iterator[Places]:
    generator = np.random.default_rng(seed)
    for _ in range(SAMPLES):
        yield generator.permutation(rows)[: round(rows * SAMPLE_SHARE)]


def _scalars(metrics: Callable[[Counts], Metrics], counts: Counts) -> dict[str, float]:
    return {name: float(value) for name, value in metrics(counts).items()}


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN"
