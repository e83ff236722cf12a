"""The report's metrics beside those of training, and the estimate that stands in for labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from perennial_analysis.model_quality.constraints import BELOW
from perennial_analysis.model_quality.statistics import Quality
from perennial_analysis.window.html.charts import interval, roc
from perennial_analysis.window.html.elements import KEY, LINE_KEY, NONE, figure, measure
from perennial_analysis.window.summary import EstimatedFigure, Labels, QualityFigure
from perennial_analysis.words import counted

CURVE = "receiver_operating_characteristic_curve"
NORMAL_95 = 1.96
FIRST = ("auc", "accuracy", "f1", "precision", "recall", "weighted_f1", "rmse", "mae", "r2")
CAVEAT = (
    "What the metrics should be if scores still mean what they meant at training. "
    "A change in that meaning is not seen before labels come."
)


def sections(
    figures: Mapping[str, QualityFigure],
    estimates: Mapping[str, EstimatedFigure],
    quality: Quality,
    labels: Labels,
    coverage: float | None,
    before: Mapping[str, Any] | None,
) -> str:
    """HTML of metrics, estimate, ROC and labels."""
    measured = estimated = ""
    if figures:
        ordered = sorted(figures.items(), key=lambda item: (not item[1].tripped, rank(item[0]), item[0]))
        shown = [name for name, _ in ordered if rank(name) < len(FIRST)] or [name for name, _ in ordered]
        rows = "".join(_measured(name, figures[name]) for name in shown)
        rest = "".join(_measured(name, each) for name, each in ordered if name not in shown)
        others = counted(len(ordered) - len(shown), "more metric")
        more = f"<details><summary><span>{others}</span></summary>{rest}</details>" if rest else ""
        measured = (
            f"<h2>Measured on {counted(labels.joined, 'labelled prediction')}</h2>{LINE_KEY}{rows}{more}"
        )
    if estimates:
        rows = "".join(_estimated(name, estimates[name]) for name in sorted(estimates, key=rank))
        estimated = f"<h2>Estimated from the scores alone</h2><p class=soft>{CAVEAT}</p>{'' if figures else LINE_KEY}{rows}"
    parts = [measured, estimated]
    current, known = _curve(quality.shapes), _curve((before or {}).get(f"{quality.problem}_metrics") or {})
    if current:
        parts.append(f'<h2>ROC curve</h2>{KEY}<div style="max-width:340px">{roc(current, known)}</div>')
    told = NONE if coverage is None else f"{coverage:.1%}"
    parts.append(
        f"<h2>Labels</h2><p>{told} of predictions have a label: {labels.joined:,} joined, {labels.missing:,} still "
        f"missing; {counted(labels.unmatched, 'label record')} of no prediction of this window."
        f"{f' {labels.late:,} came later than they were due.' if labels.late else ''}</p>"
    )
    return "".join(parts)


def rank(name: str) -> int:
    """The metrics that most people ask for come first."""
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _measured(name: str, each: QualityFigure) -> str:
    noise = each.standard_deviation
    reach = NORMAL_95 * noise if noise is not None else math.nan
    marks = [
        (value, shape)
        for value, shape in ((each.baseline, "sb"), (each.threshold, "sx dash"))
        if value is not None
    ]
    drawn = _line(each.value, each.value - reach, each.value + reach, marks, each.tripped)
    sign = "\u2265" if each.operator == BELOW else "\u2264"
    allowed = NONE if each.threshold is None else f"{sign} {each.threshold:.3f}"
    told = figure(each.value) if noise is None else f"{figure(each.value)} \u00b1 {figure(noise)}"
    return measure(name, told, drawn, figure(each.baseline), allowed, bad=each.tripped)


def _estimated(name: str, each: EstimatedFigure) -> str:
    known = each.low is not None and each.high is not None
    low, high = (each.low or 0.0, each.high or 0.0) if known else (math.nan, math.nan)
    marks = [(each.baseline, "sb")] if each.baseline is not None else []
    told = f"\u2248 {figure(each.value)}"
    expected = f"{low:.3f} to {high:.3f}" if known else NONE
    return measure(
        name, told, _line(each.value, low, high, marks, False), figure(each.baseline), expected, bad=False
    ).replace(">allowed<", ">95 % interval<")


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
