"""Compare a window with its baseline: constraint_violations.json, and how far everything moved.

The six kinds of violation are Model Monitor's, and descriptions end as its messages do where AWS's samples parse
them ("Baseline drift distance: 0.3 exceeds threshold: 0.1"). Constraints that name Model Monitor's methods are
evaluated as it does; those that say Calibrated, by the rules of `calibrated`. Both see statistics only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from perennial_analysis.calibrated import Excess, share_excess
from perennial_analysis.check_drift import Comparison, compare
from perennial_analysis.columns import NUMERIC
from perennial_analysis.constraints import Constraints, FeatureConstraints
from perennial_analysis.statistics import Feature, Statistics

MOST_EXAMPLES = 3
LONGEST_EXAMPLE = 40


@dataclass(frozen=True)
class Violation:
    """`check` is Model Monitor's `constraint_check_type`."""

    feature: str
    check: str
    description: str


@dataclass(frozen=True)
class Report:
    """`comparisons` has every feature that both sides know, violated or not, in the order of the constraints."""

    rows: int
    violations: tuple[Violation, ...]
    comparisons: Mapping[str, Comparison]

    @property
    def drifted_features(self) -> list[str]:
        return [each.feature for each in self.violations if each.check == "baseline_drift_check"]


def check(current: Statistics, constraints: Constraints, baseline: Statistics | None = None) -> Report:
    """Every violation of the constraints by a window. Without rows there is none; without a baseline no drift.

    `current` is best profiled with the same baseline: see `statistics.profile`.
    """
    if not current.rows:
        return Report(0, (), {})
    known = baseline.features if baseline else {}
    compared = [name for name in constraints.features if name in current.features]
    comparisons: dict[str, Comparison] = {}
    violations: list[Violation] = []
    for name, constraint in constraints.features.items():
        feature = current.features.get(name)
        if feature is None:
            if constraint.monitoring.evaluate_constraints:
                violations.append(
                    Violation(
                        name, "missing_column_check", "The column is in the baseline but not in the data."
                    )
                )
            continue
        tail = constraint.monitoring.significance_level / len(compared)
        before = known.get(name)
        if before:
            comparisons[name] = compare(feature, before, constraint.monitoring, tail)
        if constraint.monitoring.evaluate_constraints:
            violations.extend(_of_feature(feature, constraint, before, comparisons.get(name), tail))
    if constraints.monitoring.evaluate_constraints:
        violations.extend(
            Violation(name, "extra_column_check", "The column is in the data but not in the baseline.")
            for name in current.features
            if name not in constraints.features
        )
    return Report(current.rows, tuple(violations), comparisons)


def write_violations(report: Report) -> bytes:
    """constraint_violations.json: the same report gives the same bytes."""
    found = [
        {
            "feature_name": each.feature,
            "constraint_check_type": each.check,
            "description": each.description,
        }
        for each in report.violations
    ]
    return msgspec.json.encode({"violations": found}, order="sorted")


def write_comparisons(report: Report) -> bytes:
    """The sidecar: per feature the effect sizes, whether a baseline was exceeded or not; null where undefined."""
    features = [
        {
            "name": name,
            "completeness": each.completeness,
            "baseline_completeness": each.baseline_completeness,
            "psi": _number(each.psi),
            "l_infinity": _number(each.l_infinity),
            "wasserstein": _number(each.wasserstein),
            "method": each.method,
            "distance": _number(each.distance),
            "threshold": _number(each.threshold),
            "findings": [
                {"what": found.what, "distance": found.distance, "threshold": found.threshold}
                for found in each.findings
            ],
        }
        for name, each in report.comparisons.items()
    ]
    return msgspec.json.encode({"version": 1, "rows": report.rows, "features": features}, order="sorted")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _of_feature(
    feature: Feature,
    constraint: FeatureConstraints,
    before: Feature | None,
    comparison: Comparison | None,
    tail: float,
) -> Iterator[Violation]:
    for kind, description in (
        ("data_type_check", _types(feature, constraint, before, tail)),
        ("completeness_check", _completeness(feature, constraint, before, tail)),
        ("categorical_values_check", _domain(feature, constraint, before, tail)),
        ("baseline_drift_check", _drift(comparison)),
    ):
        if description:
            yield Violation(feature.name, kind, description)


def _types(
    feature: Feature, constraint: FeatureConstraints, before: Feature | None, tail: float
) -> str | None:
    """An integer is a fractional number too; everything is text. Calibrated takes 3.0 for an integer."""
    if constraint.kind not in NUMERIC or not feature.present:
        return None
    threshold = constraint.monitoring.datatype_check_threshold
    calibrated = constraint.monitoring.comparison_method == "Calibrated"
    matching = _matching(feature, constraint.kind, whole_floats=calibrated)
    other = before.present - _matching(before, constraint.kind, whole_floats=True) if before else 0
    if not _short(matching, feature, threshold, other, before, calibrated, tail):
        return None
    return (
        f"Data type match requirement is not met. Expected data type: {constraint.kind}, "
        f"Expected match: {threshold * 100}%. "
        f"Observed: Only {matching / feature.present * 100}% of data is {constraint.kind}."
    )


def _matching(feature: Feature, kind: str, *, whole_floats: bool) -> int:
    integral, fractional = feature.types.get("Integral", 0), feature.types.get("Fractional", 0)
    if kind == "Fractional":
        return integral + fractional
    if whole_floats and fractional and feature.numbers:
        sketch = feature.numbers.sketch
        whole = int(sketch.weights[sketch.values == sketch.values.round()].sum())
        return min(max(integral, whole), integral + fractional)
    return integral


def _short(
    matching: int,
    feature: Feature,
    threshold: float,
    already: int,
    before: Feature | None,
    calibrated: bool,
    tail: float,
) -> bool:
    """Whether fewer values match than must; `already` of the baseline's did not."""
    if not calibrated:
        return matching / feature.present < threshold
    reference = before.present if before else 0
    return bool(
        share_excess(feature.present - matching, feature.present, already, reference, tail, 1 - threshold)
    )


def _completeness(
    feature: Feature, constraint: FeatureConstraints, before: Feature | None, tail: float
) -> str | None:
    expected = constraint.completeness
    if expected is None or feature.completeness >= expected:
        return None
    if constraint.monitoring.comparison_method == "Calibrated":
        # The constraint is the baseline's own share unless somebody wrote another: then that one counts, exactly.
        own = before is not None and math.isclose(before.completeness, expected, abs_tol=1e-9)
        missing, reference = (before.missing, before.rows) if own and before else (0, 0)
        allowed = 0.0 if own else 1 - expected
        if not share_excess(feature.missing, feature.rows, missing, reference, tail, allowed):
            return None
    return (
        f"Completeness requirement is not met. Expected completeness: {expected * 100}%. "
        f"Observed: Only {feature.completeness * 100}% of data is complete."
    )


def _domain(
    feature: Feature, constraint: FeatureConstraints, before: Feature | None, tail: float
) -> str | None:
    """Text against its domain. Where the values are too many to be listed, those beyond the domain's size are new."""
    if not constraint.domain or not feature.words or not feature.present:
        return None
    domain, counts = set(constraint.domain), feature.words.counts
    if counts is None:
        unseen, examples = max(0, feature.words.distinct - len(domain)), []
    else:
        new = {value: count for value, count in counts.items() if value not in domain}
        unseen, examples = sum(new.values()), list(new)[:MOST_EXAMPLES]
    threshold = constraint.monitoring.domain_content_threshold
    calibrated = constraint.monitoring.categorical_drift_method == "Calibrated"
    # The share of values seen once estimates that of values not seen at all (Good and Turing).
    once = (
        list(before.words.counts.values()).count(1) if before and before.words and before.words.counts else 0
    )
    if not _short(feature.present - unseen, feature, threshold, once, before, calibrated, tail):
        return None
    named = ", ".join(f"'{value[:LONGEST_EXAMPLE]}'" for value in examples)
    return (
        f"Categorical values requirement is not met. Expected match: {threshold * 100}%. "
        f"Observed: Only {(1 - unseen / feature.present) * 100}% of values are in the domain."
        + (f" Not in it: {named}." if named else "")
    )


def _drift(comparison: Comparison | None) -> str | None:
    """One excess, in the words that AWS's samples parse. A fault with a name says more than a distance does."""
    if comparison is None or not comparison.findings:
        return None
    found: Excess = max(comparison.findings, key=lambda each: (bool(each.what), each.distance))
    others = len(comparison.findings) - 1
    what = f"{found.what[0].upper()}{found.what[1:]}. " if found.what else ""
    more = f"{others} more measure{'s' * (others > 1)} beyond its bound. " if others else ""
    return f"{what}{more}Baseline drift distance: {found.distance} exceeds threshold: {found.threshold}"
