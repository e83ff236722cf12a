"""The bias monitor: how differently a window's answers treat groups, beside the holdout of training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perennial_analysis.bias.check import Comparison, compare, identity
from perennial_analysis.bias.report import VERSION, BiasReport
from perennial_analysis.model_quality.labels import encode, spell
from perennial_analysis.window.documents import document, written
from perennial_analysis.window.findings import Findings
from perennial_analysis.window.groups import groups_report
from perennial_analysis.window.html.bias import sections
from perennial_analysis.window.judged import unjudged
from perennial_analysis.window.labelled import Labelled, Texts, labelled
from perennial_analysis.window.part import Part
from perennial_analysis.window.request import Request
from perennial_analysis.window.summary import BiasFigure, Labels, Status, Violation, listed, rounded
from perennial_analysis.words import counted

METRICS = ("DPPL", "DI", "AD")
INFINITY = 2.348543e108
"""What Clarify publishes in place of infinity."""
STAGES = {"pre_training": "Pre-training", "post_training": "Post-Training"}


def bias(request: Request, baseline: Mapping[str, bytes], parts: Sequence[Part], whole: Part) -> Findings:
    """Joined parts beside the baseline's bias_analysis.json."""
    rows = labelled(parts, request)
    known = document(baseline, "bias_analysis.json")
    usable = np.array(
        [a is not None and b is not None for a, b in zip(rows.facet, rows.predicted, strict=True)],
        dtype=np.bool_,
    )
    found = int(usable.sum())
    not_judged = unjudged(request, whole, found, f"answered row with a value of {request.facet}")
    if not_judged is None and (known is None or request.positive is None):
        not_judged = "no_baseline", "The model in service has no bias baseline to compare this window with."
    report, with_label = _report(request, rows, usable, _target(known))
    compared = _compare(request, report, known, document(baseline, "errors.json"))
    tripped = [] if not_judged else [each for each in compared if each.violated]
    figures = _figures(request, report, compared, tripped)
    status, reason = not_judged or _verdict(
        _too_small(rows.facet[usable], report, compared), report, tripped, found
    )
    violations = tuple(Violation(each.metric, "bias_drift_check", "bias", _told(each)) for each in tripped)
    labels = Labels(with_label, found - with_label, rows.joined.unmatched, rows.joined.late)
    return Findings(
        status,
        reason,
        violations,
        {
            "analysis.json": written(report.analysis()),
            "intervals.json": written(report.intervals()),
            "constraint_violations.json": written(
                {"version": VERSION, "violations": [each.violation() for each in tripped]}
            ),
        },
        {"bias": figures, "labels": labels, "label_coverage": rounded(with_label / found) if found else None},
        more_metrics=() if not_judged else tuple(_metrics(request, report)),
        sections=sections(request, report, compared, figures),
    )


def _target(known: Mapping[str, Any] | None) -> str:
    """The label's name, which only the baseline knows."""
    return str(((known or {}).get("post_training_bias_metrics") or {}).get("label", "label"))


def _report(
    request: Request, rows: Labelled, usable: np.ndarray[Any, np.dtype[np.bool_]], target: str
) -> tuple[BiasReport, int]:
    """Metrics of predictions from all rows; those that need labels from the rows that have one."""
    facet, positive = request.facet, request.positive
    if positive is None:
        return BiasReport(target, "", [], ["post_training"], [facet], {facet: 0}), 0
    group = request.privileged
    everyone = groups_report(
        facet, rows.facet[usable], group, target, positive, labels=None, predicted=rows.predicted[usable]
    )
    classes = {spell(name) for name in request.classes}
    known = np.array([spell(each) in classes for each in rows.labels.tolist()], dtype=np.bool_) & usable
    if not known.any():
        return everyone, 0
    some = groups_report(
        facet,
        rows.facet[known],
        group,
        target,
        positive,
        labels=rows.labels[known],
        predicted=rows.predicted[known],
    )
    by_value = {each.value: each for each in some.groups}
    merged = []
    for each in everyone.groups:
        other = by_value.get(each.value)
        metrics: dict[str, Mapping[str, Any]] = {
            "post_training": each.metrics["post_training"],
            "pre_training": {},
        }
        intervals: dict[str, Mapping[str, Any]] = {
            "post_training": each.intervals["post_training"],
            "pre_training": {},
        }
        if other is not None and other.note is None:
            for mine, theirs in ((metrics, other.metrics), (intervals, other.intervals)):
                mine["post_training"] = {**theirs["post_training"], **mine["post_training"]}
                mine["pre_training"] = theirs["pre_training"]
        merged.append(replace(each, metrics=metrics, intervals=intervals))
    return replace(everyone, groups=merged, stages=some.stages), int(known.sum())


def _compare(
    request: Request, report: BiasReport, known: Mapping[str, Any] | None, errors: Mapping[str, Any] | None
) -> list[Comparison]:
    """The watched metrics, each allowed to be `tolerance` farther from neutral than at training."""
    tolerance = float(request.settings.get("tolerance", 0.0))
    watched = set(request.settings.get("metrics", METRICS))
    try:
        compared = compare(report, known or {}, (errors or {}).get("bias"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    return [
        replace(each, allowed=(each.allowed[0] - tolerance, each.allowed[1] + tolerance))
        for each in compared
        if each.metric in watched and each.facet == request.facet
    ]


def _figures(
    request: Request, report: BiasReport, compared: Sequence[Comparison], tripped: Sequence[Comparison]
) -> tuple[BiasFigure, ...]:
    """The watched metrics of every group."""
    held = {(identity(each.facet_value), each.metric): each for each in compared}
    figures = []
    for group in report.groups:
        for metric in request.settings.get("metrics", METRICS):
            value = group.metrics["post_training"].get(metric)
            comparison = held.get((identity(group.value), metric))
            low, high = group.intervals["post_training"].get(metric, (math.nan, math.nan))
            if isinstance(value, float):
                figures.append(
                    BiasFigure(
                        group.facet,
                        group.value,
                        metric,
                        rounded(value),
                        rounded(comparison.baseline) if comparison else None,
                        rounded(low),
                        rounded(high),
                        comparison in tripped if comparison else False,
                    )
                )
    return tuple(sorted(figures, key=lambda each: (not each.tripped, each.group, each.metric)))


def _told(each: Comparison) -> str:
    low, high = each.interval or (math.nan, math.nan)
    return (
        f"{each.metric} of {each.facet} {each.facet_value} is {each.value:.3f} ({low:.3f} to {high:.3f}); "
        f"at training it was {each.baseline:.3f}, and {each.allowed[0]:.3f} to {each.allowed[1]:.3f} is allowed."
    )


def _too_small(facet: Texts, report: BiasReport, compared: Sequence[Comparison]) -> list[str]:
    """Groups with too few rows, and those of training that have none."""
    there = {identity(name) for name in encode(facet).names}
    absent = {each.facet_value for each in compared if identity(each.facet_value) not in there}
    return sorted({*(group.value for group in report.groups if group.note), *absent})


def _verdict(
    small: Sequence[str], report: BiasReport, tripped: Sequence[Comparison], found: int
) -> tuple[Status, str]:
    told = f" Too small to judge: {listed(small)}." if small else ""
    if tripped:
        first = tripped[0]
        more = f"; {counted(len(tripped) - 1, 'more metric')} out of bounds" if tripped[1:] else ""
        return "violations", (
            f"{first.metric} of {first.facet} {first.facet_value} is {first.value:.3f}, "
            f"at training {first.baseline:.3f}{more}.{told}"
        )
    if all(group.note for group in report.groups):
        return "too_few", f"No group is large enough to judge in {counted(found, 'row')}.{told}"
    return "ok", f"No group is treated more differently than at training, in {counted(found, 'row')}.{told}"


def _metrics(request: Request, report: BiasReport) -> list[tuple[str, Mapping[str, str], float]]:
    """Clarify's names and dimensions, of the watched metrics."""
    found: list[tuple[str, Mapping[str, str], float]] = []
    for group in report.groups:
        for stage in report.stages:
            for metric, value in sorted(group.metrics.get(stage, {}).items()):
                if metric in request.settings.get("metrics", METRICS) and isinstance(value, float):
                    dimensions = {
                        "BiasStage": STAGES[stage],
                        "Label": report.label,
                        "LabelValue": report.positive,
                        "Facet": group.facet,
                        "FacetValue": group.value,
                    }
                    published = math.copysign(INFINITY, value) if math.isinf(value) else value
                    found.append((f"bias_metric_{metric}", dimensions, published))
    return found
