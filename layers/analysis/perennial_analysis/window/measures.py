"""The metrics of a window or a holdout, by the kind of problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial_analysis.model_quality.labels import Values, as_scores
from perennial_analysis.model_quality.statistics import (
    Quality,
    binary_quality,
    multiclass_quality,
    regression_quality,
)
from perennial_analysis.window.request import Problem


def measure(
    problem: Problem,
    labels: Values,
    predicted: Values | None,
    scores: Values | None,
    classes: Sequence[str],
    seed: int = 0,
) -> Quality:
    """Of [rows] each, all labelled. Scores that are no probabilities are left out of a binary problem.

    Raises ValueError for labels or predictions that are not of the problem.
    """
    if problem == "regression":
        return regression_quality(labels, scores if scores is not None else [], seed=seed)
    if problem == "multiclass_classification":
        return multiclass_quality(labels, _given(predicted), classes=classes, seed=seed)
    return binary_quality(labels, _given(predicted), probabilities(scores), classes=classes, seed=seed)


def probabilities(scores: Values | None) -> Values | None:
    """The scores if all of them are probabilities, else None."""
    if scores is None:
        return None
    try:
        return as_scores(np.asarray(scores, dtype=np.float64))
    except ValueError:
        return None


def _given(predicted: Values | None) -> Values:
    return [] if predicted is None else predicted
