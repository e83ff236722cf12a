"""The data quality monitor: a window's inputs and answers beside those of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from perennial_analysis.check import Report, check, write_comparisons, write_violations
from perennial_analysis.check import Violation as Excess
from perennial_analysis.constraints import (
    Constraints,
    UnreadableConstraints,
    read_constraints,
    write_constraints,
)
from perennial_analysis.merge import merge
from perennial_analysis.statistics import Statistics
from perennial_analysis.statistics_file import read_statistics, write_statistics
from perennial_analysis.window.collecting import known_statistics
from perennial_analysis.window.features import feature_changes
from perennial_analysis.window.findings import Findings
from perennial_analysis.window.html.data_quality import sections
from perennial_analysis.window.judged import unjudged
from perennial_analysis.window.part import Part
from perennial_analysis.window.request import LABEL, OUTPUT, SCORE, Request
from perennial_analysis.window.summary import KINDS, FeatureChange, Status, Violation, listed, plain
from perennial_analysis.words import counted

ODD_SHARE = 0.05
"""Rows of another width, or with a column that the baseline lacks, are a break of the schema above this share of
all rows, and single faults below it."""
MODEL_MONITOR = {"robust": "Robust", "simple": "Simple"}
THRESHOLD = 0.1
MAX_MISSING = 0.1


def data_quality(
    request: Request, baseline: Mapping[str, bytes], parts: Sequence[Part], whole: Part
) -> Findings:
    """Joined parts beside the baseline's statistics.json and constraints.json."""
    known = known_statistics(baseline)
    current = _ordered(
        merge([read_statistics(part.statistics) for part in parts if part.statistics], known), request
    )
    files = {"statistics.json": write_statistics(current)}
    constraints = _constraints(request, baseline)
    odd = sum(whole.odd.values())
    not_judged = unjudged(
        request, whole, whole.rows if odd <= ODD_SHARE * (whole.rows + odd) else whole.rows + odd
    )
    if not_judged is None and (known is None or constraints is None):
        not_judged = (
            "no_baseline",
            "The model in service has no data quality baseline to compare this window with.",
        )
    report = check(current, constraints, known) if constraints else Report(current.rows, (), {})
    if constraints:
        files["constraints.json"] = write_constraints(constraints)
    if not_judged:
        report = Report(report.rows, (), report.comparisons)
    else:
        kept = [each for each in report.violations if _told(each, current, request)]
        report = Report(report.rows, (*_odd(request, whole), *kept), report.comparisons)
    changes = feature_changes(current, known, constraints, report)
    drifted = len({each.feature for each in report.violations if each.check == "baseline_drift_check"})
    status, reason = not_judged or _verdict(report, changes, whole)
    return Findings(
        status,
        reason,
        tuple(
            Violation(each.feature, each.check, KINDS[each.check], each.description)
            for each in report.violations
        ),
        {
            **files,
            "constraint_violations.json": write_violations(report),
            "comparisons.json": write_comparisons(report),
        },
        {"features": changes, "drifted_features": drifted},
        {} if not_judged else {"drifted_features": drifted, **_per_feature(request, current, report)},
        sections=sections(changes, report, current, known),
    )


def _ordered(statistics: Statistics, request: Request) -> Statistics:
    """Outputs, inputs in the order of the model, others by name: not in that of the first request."""
    first = [name for name in (LABEL, SCORE, *request.features) if name in statistics.features]
    names = [*first, *sorted(set(statistics.features) - set(first))]
    return Statistics(statistics.rows, {name: statistics.features[name] for name in names})


def _constraints(request: Request, baseline: Mapping[str, bytes]) -> Constraints | None:
    """The baseline's, with what the model's settings say otherwise; a feature's own overrides stay."""
    try:
        found = read_constraints(baseline["constraints.json"])
    except (KeyError, UnreadableConstraints):
        return None
    settings, document = request.settings, dict(found.document)
    excluded = set(settings.get("exclude", ()))
    allowed = 1 - float(settings.get("max_missing", MAX_MISSING))
    features = []
    for each in document["features"]:
        if each["name"] not in excluded:
            complete = each.get("completeness")
            features.append({**each, "completeness": None if complete is None else min(complete, allowed)})
    document["features"] = features
    document["monitoring_config"] = _with_method(
        document.get("monitoring_config") or {}, settings.get("drift", "auto")
    )
    return read_constraints(msgspec.json.encode(document))


def _with_method(monitoring: Mapping[str, Any], drift: str | float) -> Mapping[str, Any]:
    if drift == "auto":
        return monitoring
    threshold = THRESHOLD if isinstance(drift, str) else float(drift)
    distribution = {
        **(monitoring.get("distribution_constraints") or {}),
        "comparison_method": MODEL_MONITOR.get(str(drift), "Robust"),
        "comparison_threshold": threshold,
        "categorical_drift_method": "LInfinity",
        "categorical_comparison_threshold": threshold,
    }
    return {**monitoring, "distribution_constraints": distribution}


def _told(violation: Excess, current: Statistics, request: Request) -> bool:
    """Outputs may or may not be captured, and one stray key in a thousand requests breaks no schema.

    Nor do columns that the model is known to leave alone, and that requests carry along.
    """
    alone = (*request.settings.get("exclude", ()), *request.settings.get("ignored", ()))
    if violation.feature in alone:
        return False
    if KINDS[violation.check] != "schema" or violation.check == "data_type_check":
        return True
    if violation.feature.startswith(OUTPUT):
        return False
    feature = current.features.get(violation.feature)
    return feature is None or feature.present > ODD_SHARE * feature.rows


def _odd(request: Request, whole: Part) -> list[Excess]:
    """Rows without names that have another number of cells than the model has features."""
    odd, width = sum(whole.odd.values()), len(request.features)
    if odd <= ODD_SHARE * (whole.rows + odd):
        return []
    found = max(whole.odd, key=lambda each: (whole.odd[each], -each))
    told = (
        f"{odd:,} of {counted(whole.rows + odd, 'row')} without exactly {counted(width, 'cell')}; "
        f"{found} in {whole.odd[found]:,} of them."
    )
    if found > width:
        return [Excess(f"_c{found - 1}", "extra_column_check", told)]
    return [
        Excess(
            request.features[-1], "missing_column_check", f"{told} Which column is missing cannot be told."
        )
    ]


def _verdict(report: Report, changes: Sequence[FeatureChange], whole: Part) -> tuple[Status, str]:
    rows = counted(whole.rows + sum(whole.odd.values()), "row")
    if not report.violations:
        moved = [each for each in changes if each.effect is not None and each.threshold]
        most = f"; {plain(moved[0].name)} moved most, within its bound" if moved else ""
        return "ok", f"Nothing is out of bounds in {rows}{most}."
    order = {each.name: place for place, each in enumerate(changes)}
    by_kind: dict[str, list[str]] = {}
    for each in sorted(report.violations, key=lambda each: order[each.feature]):
        by_kind.setdefault(KINDS[each.check], []).append(plain(each.feature))
    words = {
        "schema": "the schema is broken at",
        "drift": "drift in",
        "missing": "too many missing values in",
        "domain": "unknown values in",
    }
    told = [
        f"{words[kind]} {listed(list(dict.fromkeys(by_kind[kind])))}" for kind in words if kind in by_kind
    ]
    text = "; ".join(told)
    return "violations", f"{text[0].upper()}{text[1:]} ({rows})."


def _per_feature(request: Request, current: Statistics, report: Report) -> dict[str, float]:
    """Only where asked for: CloudWatch bills each name."""
    if not request.settings.get("per_feature_metrics"):
        return {}
    found = {f"feature_non_null_{name}": feature.completeness for name, feature in current.features.items()}
    for name, comparison in report.comparisons.items():
        if comparison.distance == comparison.distance:
            found[f"feature_baseline_drift_{name}"] = comparison.distance
    for name, feature in current.features.items():
        if feature.numbers and feature.numbers.sketch.total:
            found[f"feature_data_{name}"] = feature.numbers.mean
    return found
