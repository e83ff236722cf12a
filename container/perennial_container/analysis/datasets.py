"""What Model Monitor lays out for its containers, as tables: a dataset, or captured traffic."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from perennial_analysis.columns import Table
from perennial_analysis.readers.capture import Names, read_captures, tables_of_records
from perennial_analysis.readers.capture_records import Record, read_records
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.payloads import UnreadablePayload, rows_of
from perennial_analysis.readers.tabular import (
    Kinds,
    UnreadableFile,
    read_csv,
    read_json_lines,
    read_parquet,
)
from perennial_container.analysis.settings import Settings
from perennial_container.errors import AnalysisError


def find_files(source: Path) -> list[Path]:
    """All data files under a folder, or the file itself; markers and hidden files are not data."""
    if not source.exists():
        raise AnalysisError(f"dataset_source {str(source)!r} does not exist: no input was mounted there")
    found = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    return [path for path in found if not path.name.startswith((".", "_"))]


def read_tables(settings: Settings, kinds: Kinds, losses: Losses) -> Iterator[Table]:
    """The data in bounded chunks; what cannot be read is a loss. `kinds` are the baseline's, in its order."""
    files = find_files(settings.source)
    if settings.format.kind == "capture":
        yield from _captured(files, settings, kinds, losses)
        return
    for path in files:
        with path.open("rb") as file:
            try:
                yield from _dataset(file, settings, kinds, losses)
            except UnreadableFile as error:
                losses.add(f"{path.name}: {error}")


def records(settings: Settings, losses: Losses) -> Iterator[list[Record]]:
    """The window's captured records, a few megabytes at a time."""
    for path in find_files(settings.source):
        with path.open("rb") as file:
            yield from read_records(file, start=settings.start, end=settings.end, losses=losses)


def _dataset(file: BinaryIO, settings: Settings, kinds: Kinds, losses: Losses) -> Iterator[Table]:
    if settings.format.kind == "parquet":
        return read_parquet(file, kinds)
    if settings.format.kind == "json":
        return read_json_lines(file, kinds, losses)
    return read_csv(file, header=settings.format.header, kinds=kinds, losses=losses)


def _captured(files: Sequence[Path], settings: Settings, kinds: Kinds, losses: Losses) -> Iterator[Table]:
    names = _names(settings, list(kinds))
    if settings.format.inputs and settings.format.outputs:
        opened = (path.open("rb") for path in files)
        window = {"start": settings.start, "end": settings.end}
        yield from read_captures(_closed(opened), names=names, kinds=kinds, losses=losses, **window)
        return
    for found in records(settings, losses):
        for record in found:
            data = record.capture_data
            if settings.format.inputs:
                data.endpoint_output = data.batch_transform_output = None
            else:
                data.endpoint_input = data.batch_transform_input = None
        yield from tables_of_records(found, names, kinds, losses)


def _closed(files: Iterator[BinaryIO]) -> Iterator[BinaryIO]:
    """Each file is closed when the next one's turn comes."""
    for file in files:
        with file:
            yield file


def _names(settings: Settings, baseline: list[str]) -> Names:
    """Captured CSV has no header: its cells have the baseline's names, outputs first, if they are as many.

    Otherwise they are _c0, _c1 ..., as a baseline without header has them, too.
    """
    first = next(chain.from_iterable(records(settings, Losses())), None)
    if first is None:
        return Names()
    widths = []
    sides = (
        (settings.format.outputs, first.capture_data.output),
        (settings.format.inputs, first.capture_data.input),
    )
    for wanted, side in sides:
        try:
            rows = rows_of(side)[0] if wanted and side else []
        except UnreadablePayload:
            return Names()
        if rows and not isinstance(rows[0], list):
            return Names()
        widths.append(len(rows[0]) if rows else 0)
    if sum(widths) != len(baseline):
        return Names()
    return Names(outputs=baseline[: widths[0]], inputs=baseline[widths[0] :])
