"""The page around a monitor's sections: what was looked at, and the verdict."""

from __future__ import annotations

from datetime import datetime
from html import escape

from perennial_analysis.window.html.style import STYLE
from perennial_analysis.window.summary import Summary

TITLES = {"data_quality": "Data quality", "model_quality": "Model quality", "bias": "Bias"}
TONES = {"ok": "good", "violations": "bad", "empty": "wait", "too_few": "wait", "no_baseline": "wait"}
WORDS = {
    "ok": "In bounds",
    "violations": "Out of bounds",
    "empty": "No traffic",
    "too_few": "Too few to judge",
    "no_baseline": "No baseline",
}


def page(summary: Summary, sections: str) -> str:
    """A whole HTML document; `sections` is HTML, everything else is escaped here."""
    title = f"{TITLES[summary.monitor]} of {summary.model}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}, {_when(summary.window.start)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>"
        f'<p class="soft">{_span(summary)} UTC</p>'
        f'<div class="verdict {TONES[summary.status]}"><b>{WORDS[summary.status]}</b>{escape(summary.reason)}</div>'
        f"{_facts(summary)}{sections}{_broken(summary)}"
        f"<footer>{escape(summary.schedule)} · beside this page: {escape(', '.join(summary.files))}</footer>"
        "</main></body></html>\n"
    )


def _facts(summary: Summary) -> str:
    facts = [
        ("Endpoint", summary.endpoint),
        ("Model version", "unknown" if summary.model_version is None else str(summary.model_version)),
        ("Trained on", summary.dataset_version or "unknown"),
        ("Requests", f"{summary.requests:,}"),
        ("Rows", f"{summary.records:,}"),
        ("Broken records", f"{summary.broken.count:,}"),
    ]
    if summary.label_coverage is not None:
        facts.append(("With a label", f"{summary.label_coverage:.1%}"))
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{told}</dl>'


def _broken(summary: Summary) -> str:
    if not summary.broken.count:
        return ""
    examples = "".join(f"<li><code>{escape(each)}</code></li>" for each in summary.broken.examples)
    count = summary.broken.count
    word = "record" if count == 1 else "records"
    return f"<h2>{count:,} {word} could not be read</h2><ul>{examples}</ul>"


def _span(summary: Summary) -> str:
    start, end = summary.window.start, summary.window.end
    if start.date() == end.date():
        return f"{_when(start)} to {end:%H:%M}"
    return f"{_when(start)} to {_when(end)}"


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
