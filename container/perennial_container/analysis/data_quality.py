"""Data quality for Model Monitor: a baseline of a dataset, or a dataset or captured traffic held against one."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from perennial_analysis.check import Report, check, write_comparisons, write_violations
from perennial_analysis.constraints import (
    CALIBRATED,
    CATEGORICAL_METHODS,
    Constraints,
    UnreadableConstraints,
    read_constraints,
    suggest,
    write_constraints,
)
from perennial_analysis.readers.losses import Losses
from perennial_analysis.statistics import Feature, Statistics, profile_chunks
from perennial_analysis.statistics_file import UnreadableStatistics, read_statistics, write_statistics
from perennial_analysis.window.canonical import canonical
from perennial_container.analysis.datasets import read_tables
from perennial_container.analysis.findings import (
    CONSTRAINTS,
    STATISTICS,
    VIOLATIONS,
    Findings,
    Metric,
    nothing_read,
)
from perennial_container.analysis.settings import Settings
from perennial_container.errors import AnalysisError

COMPARISONS = "comparisons.json"


def data_quality(settings: Settings, losses: Losses) -> Findings:
    """Raises AnalysisError for a baseline that cannot be read, or made."""
    baseline, constraints = _baseline(settings), _constraints(settings)
    if constraints is None and baseline is not None:
        constraints = suggest(baseline)
    kinds = {name: each.kind for name, each in constraints.features.items()} if constraints else {}
    tables = map(canonical, read_tables(settings, kinds, losses))
    statistics = profile_chunks(tables, baseline)
    if constraints is None:
        return _suggested(statistics, settings, losses)
    report = check(statistics, constraints, baseline)
    return Findings(
        statistics.rows,
        {
            STATISTICS: write_statistics(statistics),
            CONSTRAINTS: write_constraints(constraints),
            VIOLATIONS: write_violations(report),
            COMPARISONS: write_comparisons(report),
        },
        report.violations,
        list(_metrics(statistics, constraints, report)),
    )


def _suggested(statistics: Statistics, settings: Settings, losses: Losses) -> Findings:
    if not statistics.rows:
        raise nothing_read(settings, "could be read", losses)
    monitoring = CALIBRATED
    if settings.categorical_drift:
        plain = settings.categorical_drift.replace("_", "").lower()
        if plain not in CATEGORICAL_METHODS:
            raise AnalysisError(
                f"categorical_drift_method is {settings.categorical_drift!r}; "
                f"known are {', '.join(sorted(set(CATEGORICAL_METHODS.values())))}"
            )
        monitoring = replace(CALIBRATED, categorical_drift_method=CATEGORICAL_METHODS[plain])
    constraints = suggest(statistics, monitoring)
    files = {STATISTICS: write_statistics(statistics), CONSTRAINTS: write_constraints(constraints)}
    return Findings(statistics.rows, files)


def _baseline(settings: Settings) -> Statistics | None:
    if settings.statistics is None:
        return None
    try:
        return read_statistics(settings.statistics.read_bytes())
    except UnreadableStatistics as error:
        raise AnalysisError(f"baseline_statistics: {error}") from error


def _constraints(settings: Settings) -> Constraints | None:
    if settings.constraints is None:
        return None
    try:
        return read_constraints(settings.constraints.read_bytes())
    except UnreadableConstraints as error:
        raise AnalysisError(f"baseline_constraints: {error}") from error


def _metrics(statistics: Statistics, constraints: Constraints, report: Report) -> Iterator[Metric]:
    """Model Monitor's three of each feature, and ours of the whole."""
    yield Metric("records", statistics.rows)
    yield Metric("violations", len(report.violations))
    yield Metric("drifted_features", len(report.drifted_features))
    for name, feature in statistics.features.items():
        known = constraints.features.get(name)
        if not feature.rows or (known and not known.monitoring.emit_metrics):
            continue
        yield from _of_feature(name, feature)
        compared = report.comparisons.get(name)
        if compared and isfinite(compared.distance):
            yield Metric(f"feature_baseline_drift_{name}", compared.distance)


def _of_feature(name: str, feature: Feature) -> Iterator[Metric]:
    values = feature.numbers
    if values and feature.present:
        yield Metric(
            f"feature_data_{name}",
            many=_many(feature.present, values.total, values.minimum, values.maximum),
        )
    least, most = float(not feature.missing), float(bool(feature.present))
    yield Metric(f"feature_non_null_{name}", many=_many(feature.rows, feature.present, least, most))


def _many(count: float, total: float, least: float, most: float) -> dict[str, float]:
    return {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most}
