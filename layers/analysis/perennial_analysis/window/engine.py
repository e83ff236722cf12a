"""From captured files to an analysis: `collect` what each worker sees, `finish` what all of them have seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from perennial_analysis.window.analysis import Analysis, Datapoint
from perennial_analysis.window.bias import bias
from perennial_analysis.window.collecting import collect
from perennial_analysis.window.data_quality import data_quality
from perennial_analysis.window.findings import Findings
from perennial_analysis.window.html.page import page
from perennial_analysis.window.model_quality import model_quality
from perennial_analysis.window.part import Part, joined
from perennial_analysis.window.request import Request, Source
from perennial_analysis.window.summary import JUDGED, Broken, Summary, Window

Monitor = Callable[[Request, Mapping[str, bytes], Sequence[Part], Part], Findings]
MONITORS: Mapping[str, Monitor] = {
    "data_quality": data_quality,
    "model_quality": model_quality,
    "bias": bias,
}
NAMESPACES = {
    "data_quality": "aws/sagemaker/Endpoints/data-metrics",
    "model_quality": "aws/sagemaker/Endpoints/model-metrics",
    "bias": "aws/sagemaker/Endpoints/bias-metrics",
}


def analyze(
    request: Request, baseline: Mapping[str, bytes], captures: Iterable[Source], labels: Iterable[Source]
) -> Analysis:
    """The whole window by one worker."""
    return finish(request, baseline, [collect(request, baseline, captures, labels)])


def finish(request: Request, baseline: Mapping[str, bytes], parts: Sequence[Part]) -> Analysis:
    """The analysis of all parts, which are of this window. Whatever the data are, there is one: its summary has a
    status and a reason."""
    whole = joined(parts, request.monitor)
    findings = MONITORS[request.monitor](request, baseline, parts, whole)
    names = tuple(sorted([*findings.files, "report.html", "summary.json"]))
    summary = Summary(
        request.model,
        request.monitor,
        request.endpoint,
        request.schedule,
        Window(request.start, request.end),
        request.model_version,
        request.dataset_version,
        findings.status,
        findings.reason,
        whole.rows,
        whole.requests,
        Broken(whole.broken.count, whole.broken.told()),
        findings.violations,
        files=names,
        **findings.fields,
    )
    files = {
        **findings.files,
        "summary.json": summary.to_json(),
        "report.html": page(summary, findings.sections).encode(),
    }
    return Analysis(dict(sorted(files.items())), _datapoints(request, summary, findings), summary)


def _datapoints(request: Request, summary: Summary, findings: Findings) -> tuple[Datapoint, ...]:
    """Stamped with the window's end; `records` always, so that silence is a number too. A window that was not judged
    has no violations, not none: a zero would clear an alarm."""
    schedule = {"Endpoint": request.endpoint, "MonitoringSchedule": request.schedule}
    aggregates = {"records": float(summary.records)}
    if summary.status in JUDGED:
        aggregates["violations"] = float(len(summary.violations))
    found: list[tuple[str, Mapping[str, str], float]] = [
        (name, {}, value) for name, value in sorted({**aggregates, **findings.metrics}.items())
    ]
    return tuple(
        Datapoint(
            NAMESPACES[request.monitor], name, {**schedule, **more}, float(value), request.end, _unit(name)
        )
        for name, more, value in [*found, *findings.more_metrics]
    )


def _unit(name: str) -> str | None:
    return "Count" if name in ("records", "violations", "drifted_features") else None
