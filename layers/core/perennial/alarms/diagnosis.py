"""What an alarm means, by the newest reports: a broken schema, no data, drift, lost quality, bias ... Pure.

Two alarms of one cause give two diagnoses; that they start one retraining is the governor's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from perennial.alarms.intent import Intent, reactions
from perennial.alarms.reports import A_DAY, Report, Reports, silent, telling, usually_silent
from perennial.config import ModelConfig
from perennial.decision import Severity
from perennial.monitoring.summary import Summary
from perennial.names import called, digest
from perennial.sections_watching import Reaction
from perennial.words import counted

Outcome = Literal[
    "schema_broken",
    "no_data",
    "drift_found",
    "quality_lost",
    "bias_found",
    "labels_missing",
    "latency_high",
    "errors_high",
    "backlog_high",
    "alarm_ignored",
]
SILENT_WINDOWS = 3
MOST_NAMED = 5
EMPTY = 0.999  # share of missing cells from which on a column is as good as gone


@dataclass(frozen=True)
class Diagnosis:
    """`outcome` is the decision's. `signature` is equal for the same trouble again. `pending`: too early to say.

    `attributed` is whether the trouble may lie with the version in service, not with its inputs.
    """

    outcome: Outcome
    reason: str
    severity: Severity | None
    signature: str = ""
    report: Report | None = None
    attributed: bool = True
    pending: bool = False


def diagnose(intent: Intent, reports: Reports, config: ModelConfig, alarm_reason: str) -> Diagnosis:
    """What an alarm in ALARM means. `alarm_reason` is CloudWatch's own.

    The limit that it rang for may be gone from model.yaml by now.
    """
    match intent:
        case "data-quality":
            return _data_quality(reports, config)
        case "model-quality":
            return _model_quality(reports)
        case "bias":
            return _bias(reports)
        case "label-coverage":
            return _label_coverage(reports, config)
        case "silence":
            return _silence(reports)
        case "latency":
            limit = config.endpoint.rollback_on.p99_ms
            above = f"above {limit:g} ms" if limit is not None else "too high"
            reason = f"p99 of the model's latency is {above}: {alarm_reason}"
            return Diagnosis("latency_high", reason, "warning", "latency")
        case "errors":
            limit = config.endpoint.rollback_on.error_percent
            share = f"more than {limit:g} %" if limit is not None else "too many"
            reason = f"{share} of the requests end in an error of the model (5xx): {alarm_reason}"
            return Diagnosis("errors_high", reason, "error", "errors")
        case "backlog":
            limit = config.scaling.adjust.backlog
            found = f"more than {counted(limit, 'request')}" if limit is not None else "too many requests"
            reason = f"an instance has {found} in flight: {alarm_reason}"
            return Diagnosis("backlog_high", reason, "warning", "backlog")


def not_running(last: Report | None) -> Diagnosis:
    """Silence has no data: not even an empty report came."""
    seen = (
        f"the last one is of the window until {last.summary.window.end:%Y-%m-%d %H:%M} UTC"
        if last
        else "there is none"
    )
    reason = f"no report came: the analysis itself is not running; {seen}. Look at the dead letters and at AnalyzeTraffic's log"
    return Diagnosis("no_data", reason, "error", "not-running", last)


def still_silent(early: Diagnosis) -> Diagnosis:
    """It was too early to say, and the alarm has rung on for as long as it takes."""
    reason = f"the metric says that nothing is captured, though the reports do not: {early.reason}"
    return replace(
        early, outcome="no_data", reason=reason, severity="warning", signature="silence", pending=False
    )


def what_follows(
    diagnosis: Diagnosis, intent: Intent, config: ModelConfig
) -> tuple[tuple[Reaction, ...], str]:
    """The reactions to a diagnosis, and why not others that model.yaml names."""
    asked = reactions(config, intent)
    if diagnosis.outcome == "alarm_ignored":
        return (), ""
    if diagnosis.outcome == "schema_broken":
        return ("notify",), "retraining would learn garbage: a person mends the data" if len(
            asked
        ) > 1 else ""
    return asked, ""


def _data_quality(reports: Reports, config: ModelConfig) -> Diagnosis:
    report = telling(reports.data_quality)
    if report is None:
        return _unexplained(reports.data_quality)
    summary = report.summary
    gone = _gone(summary)
    broken = [item for item in summary.violations if item.kind == "schema"]
    if broken or gone:
        words = [f"{called(item.feature)}: {item.description}" for item in broken]
        words += [f"{called(name)}: every cell is missing" for name in gone]
        names = sorted({*(item.feature for item in broken), *gone})
        reason = f"the schema is broken: {_listed(words, '; ')}. A person has to mend what sends the data"
        return Diagnosis("schema_broken", reason, "error", _signature("schema", names), report, False)
    columns = _columns(summary)
    quality, lost = _quality(reports, config)
    reason = f"{_moved(summary, columns)}; {quality}"
    severity: Severity = "error" if lost else "warning"
    return Diagnosis("drift_found", reason, severity, _signature("drift", columns), report, False)


def _model_quality(reports: Reports) -> Diagnosis:
    report = telling(reports.model_quality)
    if report is None:
        return _unexplained(reports.model_quality)
    tripped = _tripped(report.summary)
    figures = [
        f"{name} {metric.value:.3g}"
        + (f" (limit {metric.threshold:.3g})" if metric.threshold is not None else "")
        for name, metric in (report.summary.quality or {}).items()
        if metric.tripped and metric.value is not None
    ]
    drift = telling([item for item in reports.data_quality if item.overlaps(report)])
    schema = drift is not None and any(item.kind == "schema" for item in drift.summary.violations)
    words = f"the quality is lost: {_listed(figures or tripped)}"
    if schema:
        # Training on the very same input would learn what the data quality alarm calls broken.
        reason = f"{words}, and the schema of the inputs is broken: mend what sends the data first"
        return Diagnosis(
            "schema_broken", reason, "error", _signature("quality", ["schema", *tripped]), report, False
        )
    if drift:
        words += f", and the inputs drifted ({_listed(list(map(called, _columns(drift.summary))))})"
    signature = _signature("quality", tripped)
    return Diagnosis("quality_lost", words, "error", signature, report, drift is None)


def _bias(reports: Reports) -> Diagnosis:
    report = telling(reports.bias)
    if report is None:
        return _unexplained(reports.bias)
    tripped = [item for item in report.summary.bias or () if item.tripped]
    words = [
        f"{item.metric} {item.value:.3g} for {item.facet} = {item.group}"
        + (f" ({item.baseline:.3g} at training)" if item.baseline is not None else "")
        for item in tripped
        if item.value is not None
    ] or [item.description for item in report.summary.violations]
    names = sorted(item.feature for item in report.summary.violations)
    return Diagnosis(
        "bias_found",
        f"groups are treated differently: {_listed(words)}",
        "warning",
        _signature("bias", names),
        report,
    )


def _label_coverage(reports: Reports, config: ModelConfig) -> Diagnosis:
    quality = config.monitors.model_quality
    limit = quality.min_coverage if quality else 0.0
    found = [report for report in reports.model_quality if report.summary.label_coverage is not None]
    low = next((r for r in found if (r.summary.label_coverage or 0.0) < limit), None)
    if low is None:
        return _unexplained(reports.model_quality)
    reason = (
        f"{low.summary.label_coverage:.0%} of the predictions have a label, fewer than the {limit:.0%} wanted: "
        "nobody knows how good the rest are. Look at what uploads ground truth"
    )
    return Diagnosis("labels_missing", reason, "warning", "labels", low)


def _silence(reports: Reports) -> Diagnosis:
    """Nobody calls a model at night that nobody called the nights before. Told is a silence of three windows that used
    to have traffic, or of a whole day in which any had."""
    newest = next((r for r in (reports.data_quality, reports.model_quality, reports.bias) if r), ())
    windows = newest[:SILENT_WINDOWS]
    talking = next((report for report in windows if report.summary.records), None)
    if len(windows) < SILENT_WINDOWS or talking:
        seen = counted(len(windows), "report") if not talking else counted(talking.summary.records, "record")
        reason = f"not silent for {SILENT_WINDOWS} windows yet: {seen}"
        return Diagnosis("alarm_ignored", reason, None, "early", pending=True)
    stretch = silent(newest)
    since = stretch[-1].summary.window.start
    usual = [usually_silent(report, stretch, reports.earlier) for report in stretch]
    day = [each for each, report in zip(usual, stretch, strict=True) if _within_a_day(report, stretch[0])]
    all_day = stretch[0].summary.window.end - since >= A_DAY
    if any(usual[:SILENT_WINDOWS]) and not (all_day and not all(day)):
        reason = f"nothing was captured since {since:%Y-%m-%d %H:%M} UTC, as at this time of the day or week before"
        return Diagnosis("alarm_ignored", reason, None, "usual", windows[0])
    reason = (
        f"nothing was captured since {since:%Y-%m-%d %H:%M} UTC: either nobody calls the endpoint, or capture has stopped. "
        "The analysis itself runs"
    )
    return Diagnosis("no_data", reason, "warning", "silence", windows[0])


def _within_a_day(report: Report, newest: Report) -> bool:
    return newest.summary.window.end - report.summary.window.start <= A_DAY


def _unexplained(reports: Sequence[Report]) -> Diagnosis:
    newest = reports[0] if reports else None
    if newest is None:
        return Diagnosis(
            "alarm_ignored", "there is no report that explains the alarm", "warning", "no-report"
        )
    reason = f"the newest reports have nothing to explain the alarm: {newest.summary.reason}"
    return Diagnosis("alarm_ignored", reason, None, "unexplained", newest)


def _quality(reports: Reports, config: ModelConfig) -> tuple[str, bool]:
    """What is known of the quality while the inputs drift, and whether it is lost."""
    labelled = next((r.summary for r in reports.model_quality if r.summary.quality), None)
    if labelled and labelled.quality:
        until = f"by the labels until {labelled.window.end:%Y-%m-%d %H:%M} UTC"
        if tripped := _tripped(labelled):
            return f"the quality is lost, too ({_listed(tripped)}), {until}", True
        name = _metric(config)
        metric = labelled.quality.get(name)
        figure = f" ({name} {metric.value:.3g})" if metric and metric.value is not None else ""
        return f"the quality holds{figure} {until}", False
    found = (r.summary for r in (*reports.data_quality, *reports.model_quality))
    estimated = next((summary.estimate for summary in found if summary.estimate), None)
    if not estimated:
        return "the quality is not known: there are no labels of this time", False
    name = _metric(config) if _metric(config) in estimated else next(iter(estimated))
    guess = estimated[name]
    if guess.value is None:
        return "the quality is not known: there are no labels of this time", False
    figure = f"{name} {guess.value:.3g}"
    if guess.high is not None and guess.baseline is not None and guess.high < guess.baseline:
        return (
            f"the quality has probably fallen (estimated {figure}, {guess.baseline:.3g} at training)",
            False,
        )
    return f"the quality probably holds (estimated {figure})", False


def _metric(config: ModelConfig) -> str:
    quality = config.monitors.model_quality
    return (quality.metric if quality else None) or config.gate_metric


def _tripped(summary: Summary) -> list[str]:
    named = [name for name, metric in (summary.quality or {}).items() if metric.tripped]
    return sorted(named or {item.feature for item in summary.violations})


def _columns(summary: Summary) -> list[str]:
    """The columns that moved, the farthest first as the report has them."""
    tripped = {item.feature for item in summary.violations}
    ordered = [feature.name for feature in summary.features or () if feature.name in tripped]
    return ordered + sorted(tripped - set(ordered))


MOVED = {
    "drift": "{} moved away from the training data",
    "domain": "values that training never saw in {}",
    "missing": "more missing cells than allowed in {}",
}


def _moved(summary: Summary, columns: Sequence[str]) -> str:
    """What is the matter with which columns; one that drifted is not named again for less."""
    kinds = {name: {item.kind for item in summary.violations if item.feature == name} for name in columns}
    told: dict[str, list[str]] = {}
    for name in columns:
        kind = next((kind for kind in MOVED if kind in kinds[name]), "drift")
        told.setdefault(kind, []).append(called(name))
    return "; ".join(MOVED[kind].format(_listed(told[kind])) for kind in MOVED if kind in told)


def _gone(summary: Summary) -> list[str]:
    """Columns that were there at training and have no value left."""
    return sorted(
        feature.name
        for feature in summary.features or ()
        if feature.missing
        and (feature.missing.current or 0.0) >= EMPTY
        and (feature.missing.baseline is None or feature.missing.baseline < EMPTY)
    )


def _signature(kind: str, names: Sequence[str]) -> str:
    """Of a trouble: what kind, and which columns or metrics."""
    return f"{kind}-{digest(sorted(names), 8)}"


def _listed(words: Sequence[str], glue: str = ", ") -> str:
    """The first few; a message is read on a phone."""
    shown = glue.join(words[:MOST_NAMED])
    return f"{shown} and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else shown
