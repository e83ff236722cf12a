"""What Model Monitor's images leave, as our summary: so that alarms, messages and people read one form. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from perennial.monitoring.analysis import Datapoint, Request
from perennial.monitoring.monitors import NAMESPACES
from perennial.monitoring.summary import Kind, Summary, Violation, WindowTimes

VIOLATIONS = "constraint_violations.json"
STATISTICS = "statistics.json"
KINDS: Mapping[str, Kind] = {
    "missing_column_check": "schema",
    "extra_column_check": "schema",
    "data_type_check": "schema",
    "completeness_check": "missing",
    "categorical_values_check": "domain",
    "baseline_drift_check": "drift",
    "bias_drift_check": "bias",
}


def summary_of(request: Request, files: Mapping[str, bytes]) -> Summary:
    """`files` are the results by name. No violations file means no violations; no statistics, no records known."""
    violations = tuple(_violation(found) for found in _document(files, VIOLATIONS).get("violations", []))
    records = int(_document(files, STATISTICS).get("dataset", {}).get("item_count", 0))
    drifted = {found.feature for found in violations if found.kind == "drift"}
    names = ", ".join(sorted({found.feature for found in violations}))
    told = f"Model Monitor found {len(violations)} violations: {names}" if violations else ""
    return Summary(
        model=request.model,
        monitor=request.monitor,
        endpoint=request.endpoint,
        schedule=request.schedule,
        window=WindowTimes(start=request.start, end=request.end),
        model_version=request.model_version,
        dataset_version=request.dataset_version,
        status="violations" if violations else "ok",
        reason=told or "Model Monitor found no violations",
        records=records,
        violations=violations,
        drifted_features=len(drifted) if request.monitor == "data_quality" else None,
        files=tuple(sorted(files)),
    )


def empty(request: Request, why: str) -> Summary:
    """Model Monitor fails where there was no traffic; we say that there was none."""
    return summary_of(request, {}).model_copy(update={"status": "empty", "reason": why})


def datapoints(summary: Summary, request: Request) -> list[Datapoint]:
    """The aggregates that our alarms look at; Model Monitor puts the others itself. Of an empty window only that it
    is empty: no violations of what nobody judged would clear an alarm."""
    values = {"records": summary.records}
    if summary.status != "empty":
        values["violations"] = len(summary.violations)
    if summary.status != "empty" and summary.drifted_features is not None:
        values["drifted_features"] = summary.drifted_features
    dimensions = {"Endpoint": request.endpoint, "MonitoringSchedule": request.schedule}
    namespace = NAMESPACES[request.monitor]
    return [
        Datapoint(namespace, name, dimensions, float(value), request.end, "Count")
        for name, value in sorted(values.items())
    ]


def _violation(found: Mapping[str, Any]) -> Violation:
    check = str(found.get("constraint_check_type", ""))
    feature = found.get("feature_name") or found.get("metric_name") or found.get("facet") or ""
    return Violation(
        feature=str(feature),
        check=check,
        kind=KINDS.get(check, "quality"),
        description=str(found.get("description", "")),
    )


def _document(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Empty when the file is missing or is no JSON object: AWS's files are not ours to judge."""
    try:
        found = json.loads(files.get(name, b"{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
