"""How each feature of a window moved, most moved first."""

from __future__ import annotations

import math

from perennial_analysis.check import Report
from perennial_analysis.check_drift import Comparison
from perennial_analysis.constraints import Constraints
from perennial_analysis.statistics import Feature, Statistics
from perennial_analysis.window.summary import FeatureChange, Missing, rounded
from perennial_analysis.words import counted

MOST_WORDS = 3
LONGEST_WORD = 24


def feature_changes(
    current: Statistics, known: Statistics | None, constraints: Constraints | None, report: Report
) -> tuple[FeatureChange, ...]:
    """Every feature of either side: tripped ones first, then by how much of what is allowed they moved."""
    before = known.features if known else {}
    watched = constraints.features if constraints else before
    names = [*current.features, *(name for name in watched if name not in current.features)]
    tripped = {each.feature for each in report.violations}
    names += sorted(tripped - set(names))
    changes = [
        _change(
            name, current.features.get(name), before.get(name), report.comparisons.get(name), name in tripped
        )
        for name in names
    ]
    return tuple(sorted(changes, key=_order))


def told(feature: Feature | None) -> str | None:
    """A distribution in a few words; None where there is none."""
    if feature is None or not feature.present:
        return None
    if feature.numbers:
        return f"mean {feature.numbers.mean:.4g}, sd {feature.numbers.std_dev:.4g}"
    if not feature.words or not feature.words.counts:
        return counted(feature.words.distinct, "different value") if feature.words else None
    most = list(feature.words.counts.items())
    shown = ", ".join(
        f"{word[:LONGEST_WORD]} {count / feature.present:.1%}" for word, count in most[:MOST_WORDS]
    )
    return f"{shown} …" if len(most) > MOST_WORDS else shown


def _change(
    name: str, after: Feature | None, before: Feature | None, comparison: Comparison | None, tripped: bool
) -> FeatureChange:
    known = after if after is not None and after.present else before
    effect, threshold = _effect(comparison)
    return FeatureChange(
        name,
        known.kind if known else "Unknown",
        rounded(effect),
        rounded(threshold),
        tripped,
        told(before),
        told(after),
        Missing(
            rounded(1 - before.completeness) if before else None,
            rounded(1 - after.completeness) if after else None,
        ),
    )


def _effect(comparison: Comparison | None) -> tuple[float, float]:
    """The measure that a violation tells of, else the method's own distance."""
    if comparison is None:
        return math.nan, math.nan
    if comparison.findings:
        worst = max(comparison.findings, key=lambda each: (bool(each.what), each.distance))
        return worst.distance, worst.threshold
    return comparison.distance, comparison.threshold


def _order(change: FeatureChange) -> tuple[bool, float, str]:
    if change.effect is None or change.threshold is None:
        return not change.tripped, -math.inf if change.tripped else 0.0, change.name
    return not change.tripped, -change.effect / max(change.threshold, 1e-9), change.name
