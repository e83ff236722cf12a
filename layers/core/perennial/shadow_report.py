"""What a shadow test leaves: a document, a page to look at, and a few properties of the model package. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from perennial.registration import LONGEST_VALUE, plain
from perennial.sections_serving import Shadow
from perennial.shadow_comparison import (
    Answers,
    Consequence,
    Interval,
    Traffic,
    Verdict,
    error_difference,
    latency_ratio,
    relative_difference,
)
from perennial.words import counted

SIDE = 320  # pixels of the plot
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg{border:1px solid #ddd}.passed{color:#116329}.failed{color:#a40e26}"
    ".unclear{color:#7d4e00}"
)


@dataclass(frozen=True)
class Compared:
    """A finished comparison, and what follows. `truncated`: not all that was captured was read."""

    model: str
    production: int
    challenger: int
    start: datetime
    end: datetime
    answers: Answers
    traffic: tuple[Traffic, Traffic]  # production's, the shadow's
    verdict: Verdict
    consequence: Consequence
    limits: Shadow
    truncated: bool


def document(found: Compared) -> dict[str, Any]:
    """comparison.json."""
    answers, (production, shadow) = found.answers, found.traffic
    return {
        "model": found.model,
        "production": found.production,
        "challenger": found.challenger,
        "start": found.start.isoformat(timespec="seconds"),
        "end": found.end.isoformat(timespec="seconds"),
        "verdict": found.verdict.outcome,
        "reasons": list(found.verdict.reasons),
        "consequence": found.consequence,
        "limits": found.limits.model_dump(mode="json"),
        "requests": answers.requests,
        "rows": answers.rows,
        "truncated": found.truncated,
        "disagreement": _interval(answers.disagreement),
        "scores": {
            "mean_absolute_difference": _interval(answers.difference),
            "in_standard_deviations": _interval(relative_difference(answers)),
            "correlation": answers.correlation,
            "mean": {"production": answers.mean("x"), "challenger": answers.mean("y")},
        },
        "latency_ratio": _interval(latency_ratio(production, shadow)),
        "more_errors": _interval(error_difference(production, shadow)),
        "traffic": {"production": _traffic(production), "challenger": _traffic(shadow)},
    }


def properties(found: Compared, uri: str) -> dict[str, str]:
    """CustomerMetadataProperties of the challenger's package; the first says it in words."""
    answers = found.answers
    told = {
        "shadow-verdict": f"{found.verdict.outcome}: {found.verdict}",
        "shadow-consequence": found.consequence,
        "shadow-production": str(found.production),
        "shadow-requests": str(answers.requests),
        "shadow-report": uri,
    }
    if share := answers.disagreement:
        told["shadow-disagreement"] = f"{share.value:.4f}"
    if difference := answers.difference:
        told["shadow-score-difference"] = f"{difference.value:.6g}"
    if ratio := latency_ratio(*found.traffic):
        told["shadow-latency-ratio"] = f"{ratio.value:.3f}"
    return {name: plain(value)[:LONGEST_VALUE] for name, value in told.items()}


def facts(found: Compared) -> dict[str, str]:
    """What a message tells beside the verdict."""
    answers, told = found.answers, {"requests_compared": str(found.answers.requests)}
    if share := answers.disagreement:
        told["another_class"] = _share(share)
    if (difference := relative_difference(answers)) and not answers.disagreement:
        told["difference_in_standard_deviations"] = _plain_interval(difference)
    if ratio := latency_ratio(*found.traffic):
        told["latency_times_production"] = _plain_interval(ratio)
    if more := error_difference(*found.traffic):
        told["more_requests_in_5xx"] = _share(more)
    return told


def page(found: Compared) -> str:
    """comparison.html: one page that needs nothing beside it."""
    answers, (production, shadow) = found.answers, found.traffic
    title = f"{found.model}: version {found.challenger} as a shadow of version {found.production}"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in found.verdict.reasons)
    rows = [
        ("Requests", str(production.invocations), str(shadow.invocations)),
        ("Ended in 5xx", str(production.errors), str(shadow.errors)),
        (
            "Median model latency, ms",
            _plain_interval(production.median_ms),
            _plain_interval(shadow.median_ms),
        ),
        ("99th percentile, ms", _figure(production.p99_ms), _figure(shadow.p99_ms)),
        ("Mean score", _figure(answers.mean("x")), _figure(answers.mean("y"))),
    ]
    both = [
        ("Requests answered by both", str(answers.requests)),
        ("Another class", _share(answers.disagreement)),
        ("Mean absolute difference of the scores", _plain_interval(answers.difference)),
        ("Correlation of the scores", _figure(answers.correlation)),
        ("Latency, times production's", _plain_interval(latency_ratio(production, shadow))),
        ("More requests that end in 5xx", _share(error_difference(production, shadow))),
    ]
    table = "".join(f"<tr><td>{escape(a)}</td><td>{b}</td><td>{c}</td></tr>" for a, b, c in rows)
    pairs = "".join(f"<tr><td>{escape(a)}</td><td>{b}</td></tr>" for a, b in both)
    part = "<p>Only a part of what was captured was read.</p>" if found.truncated else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC</p>"
        f"<h2 class={found.verdict.outcome}>{found.verdict.outcome}; next: {found.consequence}</h2><ul>{reasons}</ul>"
        f"<table><tr><th>Each on its own</th><th>production</th><th>challenger</th></tr>{table}</table>"
        f"<h2>On the same requests</h2><table>{pairs}</table>{part}{_plot(answers)}</html>"
    )


def _plot(answers: Answers) -> str:
    """Scores against scores; what agrees lies on the diagonal."""
    if not answers.points:
        return ""
    values = [value for point in answers.points for value in point]
    low, high = min(values), max(values)
    size = (high - low) or 1.0

    def at(value: float) -> float:
        return round((value - low) / size * (SIDE - 20) + 10, 1)

    dots = "".join(f'<circle cx="{at(x)}" cy="{SIDE - at(y)}" r="2"/>' for x, y in answers.points)
    return (
        f"<h2>Scores</h2><p>production across, challenger up; {counted(len(answers.points), 'row')}, from {low:.4g} to {high:.4g}</p>"
        f'<svg width="{SIDE}" height="{SIDE}" fill="#1f6feb" fill-opacity=".4" role="img" aria-label="scores">'
        f'<line x1="10" y1="{SIDE - 10}" x2="{SIDE - 10}" y2="10" stroke="#999"/>{dots}</svg>'
    )


def _interval(figure: Interval | None) -> Mapping[str, float] | None:
    return {"value": figure.value, "low": figure.low, "high": figure.high} if figure else None


def _traffic(found: Traffic) -> dict[str, Any]:
    return {
        "invocations": found.invocations,
        "errors": found.errors,
        "median_ms": _interval(found.median_ms),
        "p99_ms": found.p99_ms,
    }


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _plain_interval(figure: Interval | None) -> str:
    return "none" if figure is None else f"{figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g})"


def _share(figure: Interval | None) -> str:
    return "none" if figure is None else f"{figure.value:.2%} ({figure.low:.2%} to {figure.high:.2%})"


def text(found: Compared) -> bytes:
    return json.dumps(document(found), indent=1).encode()
