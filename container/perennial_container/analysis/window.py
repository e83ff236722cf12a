"""One window of a model's traffic, as the analysis Lambda asks for it when it is too large for a Lambda.

One host: capture and labels to results. Several: each writes its part, and whoever started the job joins them with
the same library; or a second job of one host does, with the parts as its input.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from perennial_analysis.window.analysis import Analysis
from perennial_analysis.window.collecting import collect
from perennial_analysis.window.engine import finish
from perennial_analysis.window.part import Part, UnreadablePart
from perennial_analysis.window.request import Request, Source, UnreadableRequest
from perennial_container.errors import AnalysisError
from perennial_container.paths import Paths

REQUEST = "request/request.json"
BASELINE, CAPTURE, LABELS, PARTS = "baseline", "capture", "labels", "parts"
DATAPOINTS = "datapoints.json"


def run(paths: Paths) -> str:
    """Analyse what lies in the input; returns the exit message."""
    given = paths.processing_input
    try:
        request = Request.from_json((given / REQUEST).read_bytes())
    except UnreadableRequest as error:
        raise AnalysisError(f"request.json: {error}") from error
    baseline = {path.name: path.read_bytes() for path in _files(given / BASELINE)}
    parts = [_read_part(path) for path in _files(given / PARTS)]
    if not parts:
        host, hosts = _hosts(paths)
        # Every host has all labels, and one part's are enough for the joining of all.
        labels = _sources(given / LABELS) if host == hosts[0] else ()
        part = collect(request, baseline, _sources(given / CAPTURE), labels)
        if len(hosts) > 1:
            _write(paths.processing_output / PARTS / f"{host}.part", part.to_bytes())
            return f"Completed: Host {host} analysed its part of the window: {part.requests} records."
        parts = [part]
    analysis = finish(request, baseline, parts)
    for name, content in analysis.files.items():
        _write(paths.processing_output / name, content)
    _write(paths.processing_output / DATAPOINTS, datapoints_json(analysis))
    return message(analysis)


def message(analysis: Analysis) -> str:
    """In Model Monitor's words, then the summary's own."""
    count = len(analysis.summary.violations)
    told = f"CompletedWithViolations: Job completed successfully with {count} violations."
    begun = told if count else "Completed: Job completed successfully with no violations."
    return f"{begun} {analysis.summary.reason}"


def datapoints_json(analysis: Analysis) -> bytes:
    """For whoever may put them into CloudWatch: a list of its metric data, each with its namespace."""
    found = [
        {
            "namespace": each.namespace,
            "name": each.name,
            "dimensions": dict(each.dimensions),
            "value": each.value,
            "timestamp": each.timestamp.isoformat(),
            "unit": each.unit,
        }
        for each in analysis.datapoints
    ]
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _hosts(paths: Paths) -> tuple[str, list[str]]:
    """This host's name and those of all, in one order everywhere."""
    found = paths.config("resourceconfig")
    host = str(found.get("current_host") or "algo-1")
    return host, sorted(found.get("hosts") or [host])


def _read_part(path: Path) -> Part:
    try:
        return Part.from_bytes(path.read_bytes())
    except UnreadablePart as error:
        raise AnalysisError(f"{path.name}: {error}") from error


def _sources(folder: Path) -> Iterator[Source]:
    """Named by their place in the folder, which is the same on every host."""
    for path in _files(folder):
        yield Source(path.relative_to(folder).as_posix(), partial(_open, path))


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
