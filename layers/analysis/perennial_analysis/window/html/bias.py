"""The report's groups: how many rows each has, and how its metrics lie in what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from perennial_analysis.bias.check import Comparison, identity
from perennial_analysis.bias.formulas import POST_TRAINING, STAGES, neutral
from perennial_analysis.bias.report import BiasReport, GroupBias
from perennial_analysis.window.html.charts import interval
from perennial_analysis.window.html.elements import LINE_KEY, NONE, figure, measure, table
from perennial_analysis.window.request import Request
from perennial_analysis.window.summary import BiasFigure
from perennial_analysis.words import counted


def sections(
    request: Request, report: BiasReport, compared: Sequence[Comparison], figures: Sequence[BiasFigure]
) -> str:
    """HTML of all groups."""
    if not report.groups:
        return ""
    held = {(identity(each.facet_value), each.metric): each for each in compared}
    others = f"the group {request.privileged}" if request.privileged is not None else "all others"
    groups = "".join(
        _group(group, others, [each for each in figures if each.group == group.value], held)
        for group in report.groups
    )
    outcome = f"The outcome looked at is {report.label} {report.positive}; intervals hold 99 % of resamples."
    return f'<h2>Groups</h2><p class="soft">{escape(outcome)}</p>{LINE_KEY}{groups}{_all(report)}'


def _group(
    group: GroupBias, others: str, figures: Sequence[BiasFigure], held: dict[tuple[str, str], Comparison]
) -> str:
    note = f'<p class="soft">{escape(group.note)}</p>' if group.note else ""
    rows = "".join(_row(each, held.get((identity(group.value), each.metric))) for each in figures)
    told = counted(group.rows, "row")
    return (
        f"<h3>{escape(group.facet)} {escape(group.value)}</h3>"
        f'<p class="soft">{told}, beside {group.others:,} of {escape(others)}</p>{note}{rows}'
    )


def _row(each: BiasFigure, comparison: Comparison | None) -> str:
    value = math.nan if each.value is None else each.value
    low = math.nan if each.low is None else each.low
    high = math.nan if each.high is None else each.high
    middle = neutral(each.metric)
    marks = [(middle, "ax"), *([(each.baseline, "sb")] if each.baseline is not None else [])]
    allowed = NONE
    if comparison is not None and all(map(math.isfinite, comparison.allowed)):
        marks += [(bound, "sx dash") for bound in comparison.allowed]
        allowed = f"{comparison.allowed[0]:.3f} to {comparison.allowed[1]:.3f}"
    points = [at for at in (value, low, high, *(at for at, _ in marks)) if math.isfinite(at)]
    reach = 1.1 * max(0.1, *(abs(at - middle) for at in points))
    span = (middle - reach, middle + reach)
    drawn = (
        interval(low, value, high, marks=marks, span=span, bad=each.tripped) if math.isfinite(value) else ""
    )
    told = f"{figure(each.value)} ({figure(each.low)} to {figure(each.high)})"
    return measure(POST_TRAINING[each.metric], told, drawn, figure(each.baseline), allowed, bad=each.tripped)


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
