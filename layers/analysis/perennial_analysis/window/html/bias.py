"""The report's groups: how many rows each has, and how its metrics lie in what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from perennial_analysis.bias.check import Comparison, identity
from perennial_analysis.bias.formulas import STAGES, neutral
from perennial_analysis.bias.report import BiasReport, GroupBias
from perennial_analysis.window.html.charts import interval
from perennial_analysis.window.html.elements import NONE, figure, table
from perennial_analysis.window.request import Request
from perennial_analysis.window.summary import BiasFigure


def sections(
    request: Request, report: BiasReport, compared: Sequence[Comparison], figures: Sequence[BiasFigure]
) -> str:
    """HTML of all groups."""
    if not report.groups:
        return ""
    held = {(identity(each.facet_value), each.metric): each for each in compared}
    privileged = request.settings.get("privileged")
    others = f"the group {privileged!s}" if privileged is not None else "all others"
    return "".join(
        _group(group, others, [each for each in figures if each.group == group.value], held)
        for group in report.groups
    ) + _all(report)


def _group(
    group: GroupBias, others: str, figures: Sequence[BiasFigure], held: dict[tuple[str, str], Comparison]
) -> str:
    note = f'<p class="soft">{escape(group.note)}</p>' if group.note else ""
    rows = [(_cells(each, held.get((identity(group.value), each.metric))), each.tripped) for each in figures]
    head = ["metric", "value", "99 % interval", "", "at training", "allowed"]
    return (
        f"<h2>{escape(group.facet)} {escape(group.value)}</h2>"
        f'<p class="soft">{group.rows:,} rows, beside {group.others:,} of {escape(others)}</p>{note}'
        f"{table(head, rows, right=(1, 2, 4, 5)) if rows else ''}"
    )


def _cells(each: BiasFigure, comparison: Comparison | None) -> list[str]:
    value = math.nan if each.value is None else each.value
    low = math.nan if each.low is None else each.low
    high = math.nan if each.high is None else each.high
    middle = neutral(each.metric)
    marks = [(middle, "ax"), *([(each.baseline, "sb")] if each.baseline is not None else [])]
    allowed = NONE
    if comparison is not None and all(map(math.isfinite, comparison.allowed)):
        marks += [(bound, "sx dash") for bound in comparison.allowed]
        allowed = f"{comparison.allowed[0]:.3f} to {comparison.allowed[1]:.3f}"
    reach = max(
        [0.1, *(abs(at - middle) for at in (value, low, high, *(at for at, _ in marks)) if math.isfinite(at))]
    )
    span = (middle - 1.1 * reach, middle + 1.1 * reach)
    drawn = (
        interval(low, value, high, marks=marks, span=span, bad=each.tripped) if math.isfinite(value) else ""
    )
    told = f"{low:.3f} to {high:.3f}" if math.isfinite(low) and math.isfinite(high) else NONE
    return [escape(each.metric), figure(each.value), told, drawn, figure(each.baseline), allowed]


def _all(report: BiasReport) -> str:
    """Every metric that could be computed, folded away."""
    rows = []
    for group in report.groups:
        for stage in report.stages:
            for metric, value in sorted(group.metrics.get(stage, {}).items()):
                told = figure(value) if isinstance(value, float) else escape(value)
                rows.append(([escape(group.value), escape(STAGES[stage][0][metric]), told], False))
    return (
        "<h2>All metrics</h2><details><summary><span>Every metric that these rows define</span></summary>"
        f"{table(['group', 'metric', 'value'], rows)}</details>"
    )
