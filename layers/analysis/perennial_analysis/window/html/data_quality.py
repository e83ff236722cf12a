"""The report's features: those that tripped as cards, the others folded away, most moved first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from perennial_analysis.check import Violation
from perennial_analysis.statistics import Feature, Statistics
from perennial_analysis.window.html.charts import categories, numeric
from perennial_analysis.window.html.elements import KEY, numbers, percent
from perennial_analysis.window.summary import KINDS, FeatureChange

MOST_DRAWN = 300
"""Beyond it features are told in words only, so that a page stays small enough to be opened on a phone."""
WORDS = {"schema": "schema", "drift": "drift", "missing": "missing values", "domain": "unknown values"}


def sections(
    changes: Sequence[FeatureChange],
    violations: Sequence[Violation],
    current: Statistics,
    known: Statistics | None,
) -> str:
    """HTML of all features."""
    if not changes:
        return ""
    by_feature: dict[str, list[Violation]] = {}
    for violation in violations:
        by_feature.setdefault(violation.feature, []).append(violation)
    before: Mapping[str, Feature] = known.features if known else {}
    tripped = [each for each in changes if each.tripped]
    others = [each for each in changes if not each.tripped]
    drawn = {each.name for each in changes[:MOST_DRAWN]}
    parts = []
    if tripped:
        cards = "".join(
            _card(each, by_feature.get(each.name, ()), _chart(each.name, current.features, before, drawn))
            for each in tripped
        )
        parts.append(f'<h2>Out of bounds ({len(tripped):,})</h2>{KEY}<div class="cards">{cards}</div>')
    if others:
        folded = "".join(_folded(each, _chart(each.name, current.features, before, drawn)) for each in others)
        title = "In bounds" if known else "Features"
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


def _card(change: FeatureChange, violations: Sequence[Violation], chart: str) -> str:
    kinds = list(dict.fromkeys(WORDS[KINDS[each.check]] for each in violations))
    told = "".join(f'<p class="told">{escape(each.description)}</p>' for each in violations)
    return (
        f'<section class="card bad"><div class="head"><h3>{escape(change.name)}</h3>'
        f'<span class="tag">{", ".join(kinds)}</span></div>{told}{chart}{_numbers(change)}</section>'
    )


def _folded(change: FeatureChange, chart: str) -> str:
    moved = "" if change.effect is None else f"{change.effect:.3f}"
    allowed = "" if change.threshold is None or not moved else f" of {change.threshold:.3f}"
    return (
        f'<details><summary><span>{escape(change.name)}</span><span class="soft">{moved}{allowed}</span></summary>'
        f"<div>{chart}{_numbers(change)}</div></details>"
    )


def _numbers(change: FeatureChange) -> str:
    moved = None
    if change.effect is not None:
        moved = f"{change.effect:.4g}" + (
            "" if change.threshold is None else f", {change.threshold:.4g} allowed"
        )
    missing = percent(change.missing.current)
    if missing is not None and change.missing.baseline is not None:
        missing = f"{missing}, at baseline {percent(change.missing.baseline)}"
    return numbers(
        [("Moved by", moved), ("Baseline", change.baseline), ("Now", change.current), ("Missing", missing)]
    )
