"""The analysis library behind the core's port. Only functions with the analysis layer can import this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from perennial.monitoring.analysis import Analyzed, Datapoint, Request, Source
from perennial_analysis import window as library


class AnalysisLibrary:
    """Implements `perennial.monitoring.ports.Analyst`."""

    def document(self, request: Request) -> bytes:
        return _request(request).to_json()

    def analyze(
        self,
        request: Request,
        baseline: Mapping[str, bytes],
        captures: Iterable[Source],
        labels: Iterable[Source],
    ) -> Analyzed:
        sources = (_sources(captures), _sources(labels))
        return _analyzed(library.analyze(_request(request), baseline, *sources))

    def finish(self, request: Request, baseline: Mapping[str, bytes], parts: Sequence[bytes]) -> Analyzed:
        collected = [library.Part.from_bytes(part) for part in parts]
        return _analyzed(library.finish(_request(request), baseline, collected))


def _request(request: Request) -> library.Request:
    return library.Request(**{name: getattr(request, name) for name in request.__dataclass_fields__})


def _sources(sources: Iterable[Source]) -> Iterable[library.Source]:
    return (library.Source(source.name, source.open) for source in sources)


def _analyzed(analysis: library.Analysis) -> Analyzed:
    return Analyzed(analysis.files, [Datapoint(**asdict(point)) for point in analysis.datapoints])
