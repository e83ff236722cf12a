"""The report's features: those that tripped as cards, the others folded away, most moved first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from perennial_analysis.check import Report, Violation
from perennial_analysis.check_drift import Comparison
from perennial_analysis.statistics import Feature, Statistics
from perennial_analysis.window.html.charts import categories, gauge, numeric
from perennial_analysis.window.html.elements import KEY, numbers, percent, readable
from perennial_analysis.window.summary import KINDS, FeatureChange, plain

MOST_DRAWN = 300
"""Beyond it features are told in words only, so that a page stays small enough to be opened on a phone."""
WORDS = {"schema": "schema", "drift": "drift", "missing": "missing values", "domain": "unknown values"}


def sections(
    changes: Sequence[FeatureChange],
    report: Report,
    current: Statistics,
    known: Statistics | None,
) -> str:
    """HTML of all features."""
    if not changes:
        return ""
    by_feature: dict[str, list[Violation]] = {}
    for violation in report.violations:
        by_feature.setdefault(violation.feature, []).append(violation)
    before: Mapping[str, Feature] = known.features if known else {}
    tripped = [each for each in changes if each.tripped]
    others = [each for each in changes if not each.tripped]
    drawn = {each.name for each in changes[:MOST_DRAWN]}
    parts = []
    if tripped:
        cards = "".join(
            _card(
                each,
                by_feature.get(each.name, ()),
                report.comparisons.get(each.name),
                _chart(each.name, current.features, before, drawn),
            )
            for each in tripped
        )
        parts.append(f'<h2>Out of bounds ({len(tripped):,})</h2>{KEY}<div class="cards">{cards}</div>')
    if others:
        folded = "".join(
            _folded(
                each, report.comparisons.get(each.name), _chart(each.name, current.features, before, drawn)
            )
            for each in others
        )
        title = "In bounds" if report.comparisons else "Features"
        parts.append(f"<h2>{title} ({len(others):,})</h2>{'' if tripped else KEY}{folded}")
    return "".join(parts)


def _chart(name: str, current: Mapping[str, Feature], before: Mapping[str, Feature], drawn: set[str]) -> str:
    if name not in drawn:
        return ""
    now, was = current.get(name), before.get(name)
    if (now and now.numbers) or (was and was.numbers):
        return numeric(was.numbers if was else None, now.numbers if now else None)
    counts = [each.words.counts if each and each.words else None for each in (was, now)]
    return categories(*counts)


def _card(
    change: FeatureChange, violations: Sequence[Violation], comparison: Comparison | None, chart: str
) -> str:
    kinds = list(dict.fromkeys(WORDS[KINDS[each.check]] for each in violations))
    told = "".join(f'<p class="told">{escape(readable(each.description))}</p>' for each in violations)
    return (
        f'<section class="card bad"><div class="head"><h3>{_name(change)}</h3>'
        f'<span class="tag">{", ".join(kinds)}</span></div>{told}{chart}{_numbers(change, comparison)}</section>'
    )


def _folded(change: FeatureChange, comparison: Comparison | None, chart: str) -> str:
    moved = ""
    if change.effect is not None and change.threshold:
        drawn = gauge(change.effect / change.threshold)
        moved = f'<span class="moved">{drawn}<span class="soft">{change.effect / change.threshold:.0%} of bound</span></span>'
    return (
        f"<details><summary><span>{_name(change)}</span>{moved}</summary>"
        f"<div>{chart}{_numbers(change, comparison)}</div></details>"
    )


def _name(change: FeatureChange) -> str:
    told = plain(change.name)
    return escape(change.name if told == change.name else f"{told[0].upper()}{told[1:]}")


def _numbers(change: FeatureChange, comparison: Comparison | None) -> str:
    moved = None
    if change.effect is not None:
        moved = f"{change.effect:.3g}" + (
            "" if change.threshold is None else f", up to {change.threshold:.3g} allowed"
        )
    missing = percent(change.missing.current)
    if missing is not None and change.missing.baseline is not None:
        missing = f"{missing}, at baseline {percent(change.missing.baseline)}"
    return numbers(
        [
            ("Baseline", change.baseline),
            ("Now", change.current),
            ("Missing", missing),
            ("Moved by", None if change.tripped else moved),
            ("Effect sizes", _effects(comparison)),
        ]
    )


def _effects(comparison: Comparison | None) -> str | None:
    if comparison is None:
        return None
    sizes = (
        ("PSI", comparison.psi),
        ("L\u221e", comparison.l_infinity),
        ("Wasserstein/sd", comparison.wasserstein),
    )
    return " \u00b7 ".join(f"{name} {value:.3g}" for name, value in sizes if math.isfinite(value)) or None
