"""The report's metrics beside those of training, and the estimate that stands in for labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from perennial_analysis.model_quality.statistics import Quality
from perennial_analysis.window.html.charts import interval, roc
from perennial_analysis.window.html.elements import KEY, NONE, figure, table
from perennial_analysis.window.summary import EstimatedFigure, Labels, QualityFigure

CURVE = "receiver_operating_characteristic_curve"
NORMAL_95 = 1.96


def sections(
    figures: Mapping[str, QualityFigure],
    estimates: Mapping[str, EstimatedFigure],
    quality: Quality,
    labels: Labels,
    coverage: float | None,
    before: Mapping[str, Any] | None,
) -> str:
    """HTML of metrics, estimate, ROC and labels."""
    parts = []
    if estimates:
        parts.append(
            "<h2>Estimated from the scores alone</h2><p class=soft>What the metrics should be if scores still mean what "
            "they meant at training; a change in that meaning is not seen before labels come.</p>"
        )
        rows = [(_estimated(name, each), False) for name, each in estimates.items()]
        parts.append(table(["metric", "estimate", "95 % interval", "", "at training"], rows, right=(1, 2, 4)))
    if figures:
        parts.append(f"<h2>Measured on {labels.joined:,} labelled predictions</h2>")
        ordered = sorted(figures.items(), key=lambda item: (not item[1].tripped, item[0]))
        rows = [(_measured(name, each), each.tripped) for name, each in ordered]
        parts.append(table(["metric", "value", "± sd", "", "at training", "allowed"], rows, right=(1, 2, 4)))
    current, known = _curve(quality.shapes), _curve((before or {}).get(f"{quality.problem}_metrics") or {})
    if current:
        parts.append(f'<h2>ROC curve</h2>{KEY}<div style="max-width:340px">{roc(current, known)}</div>')
    told = NONE if coverage is None else f"{coverage:.1%}"
    parts.append(
        f"<h2>Labels</h2><p>{told} of predictions have a label: {labels.joined:,} joined, {labels.missing:,} still "
        f"missing; {labels.unmatched:,} label records belong to no prediction of this window.</p>"
    )
    return "".join(parts)


def _measured(name: str, each: QualityFigure) -> list[str]:
    noise = each.standard_deviation
    reach = NORMAL_95 * noise if noise is not None else math.nan
    marks = [
        (value, shape)
        for value, shape in ((each.baseline, "sb"), (each.threshold, "sx dash"))
        if value is not None
    ]
    drawn = _line(each.value, each.value - reach, each.value + reach, marks, each.tripped)
    sign = "≥" if each.operator == "LessThanThreshold" else "≤"
    allowed = NONE if each.threshold is None else f"{sign} {each.threshold:.3f}"
    return [escape(name), figure(each.value), figure(noise), drawn, figure(each.baseline), allowed]


def _estimated(name: str, each: EstimatedFigure) -> list[str]:
    known = each.low is not None and each.high is not None
    low, high = (each.low or 0.0, each.high or 0.0) if known else (math.nan, math.nan)
    marks = [(each.baseline, "sb")] if each.baseline is not None else []
    told = f"{low:.3f} to {high:.3f}" if known else NONE
    return [
        escape(name),
        figure(each.value),
        told,
        _line(each.value, low, high, marks, False),
        figure(each.baseline),
    ]


def _line(value: float, low: float, high: float, marks: list[tuple[float, str]], bad: bool) -> str:
    """Shares from 0 to 1; anything else around its own values."""
    points = [each for each in (value, low, high, *(at for at, _ in marks)) if math.isfinite(each)]
    span = (0.0, 1.0)
    if min(points) < 0 or max(points) > 1:
        reach = (max(points) - min(points)) * 0.15 or 1.0
        span = (min(points) - reach, max(points) + reach)
    return interval(low, value, high, marks=marks, span=span, bad=bad)


def _curve(shapes: Mapping[str, Any]) -> tuple[list[float], list[float]] | None:
    found = shapes.get(CURVE)
    if not isinstance(found, Mapping):
        return None
    return list(found.get("false_positive_rates", ())), list(found.get("true_positive_rates", ()))
