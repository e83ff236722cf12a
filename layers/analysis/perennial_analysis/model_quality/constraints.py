"""Thresholds suggested from a baseline, and a later window held against them.

The constraints file is Model Monitor's: each threshold is the baseline's own value. Taken literally, every
second unchanged window would violate it. The baseline's standard errors are kept in a file beside it, and a
window violates a threshold only when it is worse by more standard errors of the difference (baseline's and window's
together) than chance gives any of its metrics: FALSE_ALARMS of unchanged windows violate something, however many
metrics there are. A threshold set by hand has no error of its own: only the window's counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from perennial_analysis.model_quality.confusion import CONSTANT
from perennial_analysis.model_quality.statistics import VERSION, Quality

BELOW, ABOVE = "LessThanThreshold", "GreaterThanThreshold"
SMALLER_IS_BETTER = frozenset({"false_positive_rate", "false_negative_rate", "mae", "mse", "rmse"})
FALSE_ALARMS = 0.005
"""The share of unchanged windows in which a metric may violate its threshold."""
FEWEST_SIGMAS = 3.0


@dataclass(frozen=True)
class Comparison:
    """One metric of a window beside its threshold; `error` is that of the difference between the two.

    `excess` says by how many errors the window is worse: negative when it is better, NaN when it cannot be told.
    By more than `sigmas` it violates the threshold.
    """

    metric: str
    value: float
    threshold: float
    operator: str
    error: float
    sigmas: float = FEWEST_SIGMAS

    @property
    def excess(self) -> float:
        worse = self.threshold - self.value if self.operator == BELOW else self.value - self.threshold
        if self.error:
            return worse / self.error
        return 0.0 if worse == 0 else math.copysign(math.inf, worse)

    @property
    def violated(self) -> bool:
        return self.excess > self.sigmas

    def violation(self) -> dict[str, str]:
        return {
            "constraint_check_type": self.operator,
            "description": f"Metric {self.metric} with {self.value} was {self.operator} {self.threshold}",
            "metric_name": self.metric,
        }


def sigmas(metrics: int) -> float:
    """How many standard errors chance may give the worst of so many metrics (Bonferroni)."""
    return max(FEWEST_SIGMAS, -NormalDist().inv_cdf(FALSE_ALARMS / max(1, metrics)))


def suggest(baseline: Quality) -> dict[str, Any]:
    """constraints.json: a threshold for every metric that the baseline defines, but for the constants' twins."""
    return {
        "version": VERSION,
        f"{baseline.problem}_constraints": {
            name: {
                "threshold": baseline.values[name],
                "comparison_operator": ABOVE if name in SMALLER_IS_BETTER else BELOW,
            }
            for name in _judged(baseline)
        },
    }


def suggest_errors(baseline: Quality) -> dict[str, Any]:
    """The file beside constraints.json: how sure each threshold is, null where that cannot be told."""
    return {
        "version": 1,
        "problem": baseline.problem,
        "rows": baseline.rows,
        "metrics": {
            name: {
                "threshold": baseline.values[name],
                "standard_error": _known(baseline.errors, name),
                "standard_deviation": _known(baseline.deviations, name),
            }
            for name in _judged(baseline)
        },
    }


def compare(
    window: Quality, constraints: Mapping[str, Any], errors: Mapping[str, Any] | None = None
) -> list[Comparison]:
    """Every constraint whose metric the window defines, in the order of metric names.

    Raises ValueError when the constraints are those of another kind of problem or have an unknown operator.
    A threshold that was changed by hand since the baseline is taken at its word, without an error.
    """
    section = f"{window.problem}_constraints"
    if section not in constraints:
        found = ", ".join(sorted(constraints)) or "nothing"
        raise ValueError(f"the constraints hold no {section}, but {found}")
    found_at_baseline = (errors or {}).get("metrics", {})
    compared = []
    beyond = sigmas(len(constraints[section] or {}))
    for name, constraint in sorted((constraints[section] or {}).items()):
        threshold, operator = float(constraint["threshold"]), constraint["comparison_operator"]
        if operator not in (BELOW, ABOVE):
            raise ValueError(f"{name}: {operator!r} is neither {BELOW} nor {ABOVE}")
        value = window.values.get(name, math.nan)
        if math.isnan(value):
            continue
        known = found_at_baseline.get(name, {})
        of_baseline = known.get("standard_error") if known.get("threshold") == threshold else None
        error = math.hypot(window.errors.get(name, math.nan), of_baseline or 0.0)
        compared.append(Comparison(name, value, threshold, operator, error, beyond))
    return compared


def check(
    window: Quality, constraints: Mapping[str, Any], errors: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """constraint_violations.json of a window; a window without rows violates nothing."""
    if not window.rows:
        return {"violations": []}
    compared = compare(window, constraints, errors)
    return {"violations": [comparison.violation() for comparison in compared if comparison.violated]}


def _judged(quality: Quality) -> list[str]:
    defined = (name for name, value in quality.values.items() if math.isfinite(value))
    return sorted(name for name in defined if not name.endswith(CONSTANT))


def _known(values: Mapping[str, float], name: str) -> float | None:
    value = values.get(name, math.nan)
    return value if math.isfinite(value) else None
