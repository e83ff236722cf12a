"""The baseline files of a model, made at training time: what later windows are held against.

statistics.json, constraints.json           inputs of all training rows; outputs as predicted for the holdout
model_quality_statistics.json, model_quality_constraints.json      the holdout's metrics, and thresholds
calibration.json                            binary scores as probabilities, for estimates without labels
bias_analysis.json                          the groups of a facet, on the holdout
errors.json                                 how sure each of those figures is, for comparisons that allow for it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from perennial_analysis.bias.report import BiasReport
from perennial_analysis.columns import Column, Table, numbers, rows, texts
from perennial_analysis.constraints import suggest, write_constraints
from perennial_analysis.model_quality.calibration import calibrate
from perennial_analysis.model_quality.constraints import suggest as suggest_thresholds
from perennial_analysis.model_quality.constraints import suggest_errors
from perennial_analysis.model_quality.labels import Values, encode, spell
from perennial_analysis.statistics import Statistics, profile, profile_chunks
from perennial_analysis.statistics_file import write_statistics
from perennial_analysis.window.canonical import canonical
from perennial_analysis.window.groups import groups_report
from perennial_analysis.window.measures import measure
from perennial_analysis.window.request import LABEL, SCORE, Problem

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
QUALITY_STATISTICS = "model_quality_statistics.json"
QUALITY_CONSTRAINTS = "model_quality_constraints.json"
BIAS, ERRORS, CALIBRATION = "bias_analysis.json", "errors.json", "calibration.json"


@dataclass(frozen=True)
class Holdout:
    """Rows that training did not see, [rows] each: what they are, and what the new model says of them.

    Of a classification `labels` and `predicted` are names of classes, and `scores` as the endpoint answers them:
    the probability of the positive class, or with more than two classes that of the predicted one. Of a regression
    `labels` and `scores` are numbers and `predicted` is None. `facet` is the bias monitor's column, None where a
    row has no value.
    """

    labels: Values
    predicted: Values | None
    scores: Values
    facet: Values | None = None


def baseline(
    training: Statistics | Table | Iterable[Table],
    holdout: Holdout | None,
    *,
    problem: Problem,
    target: str,
    classes: Sequence[str] = (),
    facet: str | None = None,
    privileged: str | None = None,
    seed: int = 0,
) -> dict[str, bytes]:
    """All baseline files that the data allow, by name; the same data give the same bytes.

    `training` has the model's input columns under their own names, of all training rows (one table, chunks of it, or
    what `profile_inputs` made of them). Of `classes`, in the order of the schema, the last is a binary problem's
    positive class. An empty holdout is none: then there is only what the inputs tell. Without a `privileged` group
    each group is compared with all others. Raises ValueError for columns of different lengths and for labels that
    are not among the classes.
    """
    inputs = training if isinstance(training, Statistics) else profile_inputs(training)
    outputs: dict[str, Column] = {}
    files: dict[str, bytes] = {}
    if holdout is not None and len(holdout.scores):
        outputs = _outputs(holdout)
        files = _of_holdout(holdout, problem, target, list(classes), facet, privileged, seed)
    answers = profile(outputs)
    statistics = Statistics(inputs.rows or rows(outputs), {**answers.features, **inputs.features})
    return {
        STATISTICS: write_statistics(statistics),
        CONSTRAINTS: write_constraints(suggest(statistics)),
        **files,
    }


def profile_inputs(training: Table | Iterable[Table]) -> Statistics:
    """The statistics of training rows, for a trainer that reads them once and keeps none."""
    return profile_chunks(map(canonical, [training] if isinstance(training, Mapping) else training))


def _outputs(holdout: Holdout) -> dict[str, Column]:
    scores = numbers(SCORE, np.asarray(holdout.scores, dtype=np.float64))
    if holdout.predicted is None:
        return {SCORE: scores}
    predicted = np.asarray(holdout.predicted, dtype=object).tolist()
    return {LABEL: texts(LABEL, map(spell, predicted)), SCORE: scores}


def _of_holdout(
    holdout: Holdout,
    problem: Problem,
    target: str,
    classes: list[str],
    facet: str | None,
    privileged: str | None,
    seed: int,
) -> dict[str, bytes]:
    quality = measure(problem, holdout.labels, holdout.predicted, holdout.scores, classes, seed)
    errors: dict[str, Any] = suggest_errors(quality)
    files = {QUALITY_STATISTICS: quality.document(), QUALITY_CONSTRAINTS: suggest_thresholds(quality)}
    if problem == "binary_classification":
        truth = encode(holdout.labels)
        positive = np.array([*(name == spell(classes[-1]) for name in truth.names), False])[truth.places]
        if positive.any() and not positive.all():
            files[CALIBRATION] = calibrate(holdout.scores, positive).document()
    report = _bias(holdout, target, classes, facet, privileged, seed)
    if report is not None and report.groups:
        files[BIAS] = report.analysis()
        errors["bias"] = report.intervals()
    files[ERRORS] = errors
    return {name: msgspec.json.encode(document, order="sorted") for name, document in files.items()}


def _bias(
    holdout: Holdout,
    target: str,
    classes: list[str],
    facet: str | None,
    privileged: str | None,
    seed: int,
) -> BiasReport | None:
    if facet is None or holdout.facet is None or holdout.predicted is None or not classes:
        return None
    return groups_report(
        facet,
        holdout.facet,
        privileged,
        target,
        classes[-1],
        labels=holdout.labels,
        predicted=holdout.predicted,
        seed=seed,
    )
