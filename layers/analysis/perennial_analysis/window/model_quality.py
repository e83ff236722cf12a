"""The model quality monitor: predictions beside the labels that came, and what to expect until they come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perennial_analysis.model_quality.calibration import Calibration
from perennial_analysis.model_quality.cbpe import Estimate, estimate
from perennial_analysis.model_quality.confusion import CONSTANT
from perennial_analysis.model_quality.constraints import (
    ABOVE,
    BELOW,
    SMALLER_IS_BETTER,
    Comparison,
    compare,
)
from perennial_analysis.model_quality.labels import spell
from perennial_analysis.model_quality.statistics import Quality
from perennial_analysis.window.documents import document, written
from perennial_analysis.window.findings import Findings
from perennial_analysis.window.html.model_quality import rank, sections
from perennial_analysis.window.judged import unjudged
from perennial_analysis.window.labelled import Labelled, labelled
from perennial_analysis.window.measures import measure, probabilities
from perennial_analysis.window.part import Part
from perennial_analysis.window.request import Request
from perennial_analysis.window.summary import (
    EstimatedFigure,
    Labels,
    QualityFigure,
    Status,
    Violation,
    listed,
    rounded,
)
from perennial_analysis.words import counted

NORMAL_95 = 1.96


def model_quality(
    request: Request, baseline: Mapping[str, bytes], parts: Sequence[Part], whole: Part
) -> Findings:
    """Joined parts beside the baseline's metrics; a line of the model's own settings counts as well."""
    rows = labelled(parts, request)
    predicted = _predicted(request, rows)
    usable = predicted & _usable(request, rows)
    found, labelled_rows = int(predicted.sum()), int(usable.sum())
    quality = _measure(request, rows, usable)
    known = document(baseline, "model_quality_constraints.json")
    compared = _compare(quality, known, document(baseline, "errors.json"))
    line = _line(request, quality)
    not_judged = unjudged(request, whole, found, "prediction")
    coverage = labelled_rows / found if found else None
    if not_judged is None and compared is None and line is None and labelled_rows >= request.min_records:
        not_judged = (
            "no_baseline",
            "The model in service has no model quality baseline to compare this window with.",
        )
    expected = _estimate(request, baseline, rows, predicted) if found else None
    if not_judged is None and labelled_rows < request.min_records:
        not_judged = "too_few", _waiting(request, found, labelled_rows, expected)
    judged = not_judged is None
    comparisons = compared or []
    violations = [*(each.violation() for each in comparisons if each.violated)] if judged else []
    if judged and line is not None and _beyond(line):
        violations = [each for each in violations if each["metric_name"] != line.metric]
        violations.insert(
            0, {**line.violation(), "description": f"{_told(line)}, the line set in model.yaml"}
        )
    figures = _figures(quality, comparisons, line, {each["metric_name"] for each in violations})
    baseline_values = _values(document(baseline, "model_quality_statistics.json"), request.problem)
    estimates = _estimates(expected, baseline_values)
    status, reason = not_judged or _verdict(request, violations, figures, found, coverage)
    files = {
        "statistics.json": written(quality.document()),
        "constraint_violations.json": written({"violations": violations}),
        "labels.json": written(
            {**rows.joined.document(), "predictions": found, "labelled": labelled_rows, "coverage": coverage}
        ),
    }
    if known is not None:
        files["constraints.json"] = written(known)
    if expected is not None:
        files["estimate.json"] = written(expected.document())
    metrics = {name: each.value for name, each in figures.items()} if judged else {}
    labels = Labels(labelled_rows, found - labelled_rows, rows.joined.unmatched, rows.joined.late)
    return Findings(
        status,
        reason,
        tuple(
            Violation(each["metric_name"], each["constraint_check_type"], "quality", each["description"])
            for each in violations
        ),
        files,
        {
            "label_coverage": rounded(coverage),
            "labels": labels,
            "quality": figures or None,
            "estimate": estimates or None,
        },
        {**({} if coverage is None else {"label_coverage": coverage}), **metrics},
        sections=sections(
            figures, estimates, quality, labels, coverage, document(baseline, "model_quality_statistics.json")
        ),
    )


def _predicted(request: Request, rows: Labelled) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows with an answer of the problem's kind."""
    if request.problem == "regression":
        return np.isfinite(rows.scores)
    classes = {spell(name) for name in request.classes}
    known = [each is not None and (not classes or each in classes) for each in rows.predicted]
    return np.array(known, dtype=np.bool_)


def _usable(request: Request, rows: Labelled) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows with a label of the problem's kind."""
    if request.problem == "regression":
        return np.array([_is_number(each) for each in rows.labels], dtype=np.bool_)
    classes = {spell(name) for name in request.classes}
    spelled = {each: spell(each) for each in set(rows.labels.tolist())}
    known = [
        spelled[each] is not None and (not classes or spelled[each] in classes)
        for each in rows.labels.tolist()
    ]
    return np.array(known, dtype=np.bool_)


def _is_number(value: object) -> bool:
    try:
        return value is not None and math.isfinite(float(str(value)))
    except ValueError:
        return False


def _measure(request: Request, rows: Labelled, usable: np.ndarray[Any, np.dtype[np.bool_]]) -> Quality:
    labels: Any = rows.labels[usable]
    if request.problem == "regression":
        labels = [float(str(each)) for each in labels]
    if request.problem == "binary_classification" and len(request.classes) != 2:
        return Quality(request.problem, 0, {}, {}, {})
    return measure(request.problem, labels, rows.predicted[usable], rows.scores[usable], request.classes)


def _compare(
    quality: Quality, known: Mapping[str, Any] | None, errors: Mapping[str, Any] | None
) -> list[Comparison] | None:
    """None where there is no baseline of this kind of problem."""
    try:
        return None if known is None else compare(quality, known, errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _line(request: Request, quality: Quality) -> Comparison | None:
    """The threshold that a person set, if the window has its metric."""
    metric = request.settings.get("metric")
    value = quality.values.get(str(metric), math.nan)
    for key, operator in (("minimum", BELOW), ("maximum", ABOVE)):
        limit = request.settings.get(key)
        if limit is not None and math.isfinite(value):
            return Comparison(
                str(metric), value, float(limit), operator, quality.errors.get(str(metric), math.nan)
            )
    return None


def _beyond(line: Comparison) -> bool:
    """A person's line is taken at its word."""
    return line.value < line.threshold if line.operator == BELOW else line.value > line.threshold


def _told(line: Comparison) -> str:
    noise = f" +/- {line.error:.3g}" if math.isfinite(line.error) else ""
    return f"Metric {line.metric} with {line.value}{noise} was {line.operator} {line.threshold}"


def _figures(
    quality: Quality, compared: Sequence[Comparison], line: Comparison | None, tripped: set[str]
) -> dict[str, QualityFigure]:
    by_name = {each.metric: each for each in compared}
    figures = {}
    for name, value in sorted(quality.values.items()):
        if name.endswith(CONSTANT) or not math.isfinite(value):
            continue
        comparison = by_name.get(name)
        figure = QualityFigure(
            value,
            rounded(quality.errors.get(name)),
            comparison.threshold if comparison else None,
            _allowed(comparison) if comparison else None,
            comparison.operator if comparison else ABOVE if name in SMALLER_IS_BETTER else BELOW,
            name in tripped,
        )
        if line is not None and line.metric == name:
            strict = max if line.operator == BELOW else min
            lines = [line.threshold, *([] if figure.threshold is None else [figure.threshold])]
            figure = replace(figure, threshold=strict(lines), operator=line.operator)
        figures[name] = replace(figure, value=float(f"{value:.6g}"), baseline=rounded(figure.baseline))
    return figures


def _allowed(comparison: Comparison) -> float | None:
    """The value at which the comparison trips."""
    if math.isnan(comparison.error):
        return rounded(comparison.threshold)
    slack = comparison.sigmas * comparison.error
    return rounded(comparison.threshold + (-slack if comparison.operator == BELOW else slack))


def _estimate(
    request: Request,
    baseline: Mapping[str, bytes],
    rows: Labelled,
    predicted: np.ndarray[Any, np.dtype[np.bool_]],
) -> Estimate | None:
    """Of a binary problem whose baseline knows what its scores are worth."""
    found = document(baseline, "calibration.json")
    scores = probabilities(rows.scores[predicted])
    if found is None or scores is None or request.problem != "binary_classification" or not request.classes:
        return None
    try:
        calibration = Calibration.from_document(found)
    except (KeyError, TypeError, ValueError):
        return None
    called = rows.predicted[predicted] == spell(request.classes[-1])
    return estimate(scores, predicted=called, calibration=calibration)


def _estimates(expected: Estimate | None, baseline: Mapping[str, float]) -> dict[str, EstimatedFigure]:
    if expected is None:
        return {}
    found = {}
    for name, value in sorted(expected.values.items()):
        if math.isfinite(value):
            reach = NORMAL_95 * expected.errors.get(name, math.nan)
            low, high = rounded(max(0.0, value - reach)), rounded(min(1.0, value + reach))
            told = None if math.isnan(reach) else (low, high)
            found[name] = EstimatedFigure(
                float(f"{value:.6g}"), *(told or (None, None)), rounded(baseline.get(name))
            )
    return found


def _values(statistics: Mapping[str, Any] | None, problem: str) -> dict[str, float]:
    """The scalars of a model quality statistics.json."""
    metrics = (statistics or {}).get(f"{problem}_metrics") or {}
    scalars = {name: each.get("value") for name, each in metrics.items() if isinstance(each, dict)}
    return {name: float(value) for name, value in scalars.items() if isinstance(value, int | float)}


def _waiting(request: Request, found: int, labels: int, expected: Estimate | None) -> str:
    told = f"{labels:,} of {counted(found, 'prediction')} have a label; at least {request.min_records:,} are needed to judge."
    if expected is None or not expected.values:
        return told
    name = "auc" if math.isfinite(expected.values.get("auc", math.nan)) else "accuracy"
    return f"{told} Estimated from scores alone: {name} {expected.values[name]:.3f}."


def _verdict(
    request: Request,
    violations: Sequence[Mapping[str, str]],
    figures: Mapping[str, QualityFigure],
    found: int,
    coverage: float | None,
) -> tuple[Status, str]:
    labels = f"{coverage or 0:.0%} of {counted(found, 'prediction')} have a label"
    wanted = request.settings.get("metric")
    absent = (
        f" This window has no metric {wanted!r} to hold to its line."
        if wanted and wanted not in figures
        else ""
    )
    if not violations:
        return "ok", f"No metric is worse than at training by more than chance explains; {labels}.{absent}"
    names = sorted(
        (each["metric_name"] for each in violations), key=lambda name: (name != wanted, rank(name), name)
    )
    first = figures[names[0]]
    was = f" (at training {first.baseline:.3f})" if first.baseline is not None else ""
    also = f"; so are {listed(names[1:])}" if names[1:] else ""
    return (
        "violations",
        f"{names[0]} is {first.value:.3f}{was}, beyond {first.threshold:.3f}{also}; {labels}.{absent}",
    )
