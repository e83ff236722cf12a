"""The analysis library behind the core's port. Only functions with the analysis layer can import this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields

from perennial.monitoring.analysis import Analyzed, Datapoint, Request, Source
from perennial_analysis.window import engine, request
from perennial_analysis.window.analysis import Analysis
from perennial_analysis.window.part import Part


class AnalysisLibrary:
    """Implements `perennial.monitoring.ports.Analyst`."""

    def document(self, asked: Request) -> bytes:
        return _request(asked).to_json()

    def analyze(
        self,
        asked: Request,
        baseline: Mapping[str, bytes],
        captures: Iterable[Source],
        labels: Iterable[Source],
    ) -> Analyzed:
        return _analyzed(engine.analyze(_request(asked), baseline, _sources(captures), _sources(labels)))

    def finish(self, document: bytes, baseline: Mapping[str, bytes], parts: Sequence[bytes]) -> Analyzed:
        collected = [Part.from_bytes(part) for part in parts]
        return _analyzed(engine.finish(request.Request.from_json(document), baseline, collected))


def _request(asked: Request) -> request.Request:
    return request.Request(**{field.name: getattr(asked, field.name) for field in fields(asked)})


def _sources(sources: Iterable[Source]) -> Iterable[request.Source]:
    return (request.Source(source.name, source.open) for source in sources)


def _analyzed(analysis: Analysis) -> Analyzed:
    return Analyzed(analysis.files, [Datapoint(**asdict(point)) for point in analysis.datapoints])
