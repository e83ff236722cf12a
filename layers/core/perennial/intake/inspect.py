"""Reads the parts of a complete drop once, as streams, and accepts the drop as a dataset or refuses it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from perennial.errors import TransientError
from perennial.intake.completeness import Part
from perennial.intake.csv_reader import CsvReader, HashingStream
from perennial.intake.dataset import ReadPart
from perennial.intake.examination import Examination, Inspection
from perennial.intake.parquet_reader import ParquetReader
from perennial.intake.reading import RangeFile, Source, Unreadable
from perennial.intake.schema import Schema
from perennial.metrics import Problem as ProblemKind
from perennial.sections import Intake, SchemaRules

File = TypeVar("File")
OpenPart = Callable[[str], Source]
OpenRanged = Callable[[str], RangeFile]


class PartChanged(TransientError):
    """A part is not what the listing said: it was replaced, or the connection broke. Look at the drop again."""

    def __init__(self, part: Part, size: int) -> None:
        super().__init__(f"{part.key} has {part.size:,} bytes by the listing, but {size:,} came")


def inspect(
    parts: Sequence[Part],
    open_part: OpenPart,
    *,
    problem: ProblemKind,
    target: str,
    declared: SchemaRules,
    pinned: Schema | None,
    settings: Intake,
    open_ranged: OpenRanged | None = None,
) -> Inspection:
    """Read every part, in the order of their names.

    `open_part` gives a key's bytes in order, `open_ranged` a file to jump about in, needed for Parquet only;
    what they return is closed if it can be. Raises PartChanged, and lets pass what the files themselves raise.
    """
    examination = Examination(problem, target, declared, pinned, settings)
    for part in sorted(parts, key=lambda part: part.name):
        before = examination.rows
        try:
            if part.format == "csv":
                sha256 = _read_csv(examination, part, open_part)
            else:
                sha256 = _read_parquet(examination, part, open_part, open_ranged)
        except Unreadable as error:
            examination.unreadable(part.name, error)
            continue
        read = ReadPart(
            part.key, part.name, part.size, sha256, examination.rows - before, part.etag, part.version_id
        )
        examination.part_ended(read, part.format, part.sha256)
    return examination.conclude()


def _read_csv(examination: Examination, part: Part, open_part: OpenPart) -> str:
    with _opened(open_part, part.key) as source:
        stream = HashingStream(source)
        try:
            reader = CsvReader(stream)
            header = reader.header
            accepted = examination.accept_header(part.name, header)
            for chunk in reader.chunks(partial(examination.ragged, part.name, len(header))):
                if accepted:
                    examination.add(part.name, header, chunk)
        except Unreadable:
            # A broken connection looks like a broken file, but only one of them is the user's to mend.
            if stream.ended and stream.size != part.size:
                raise PartChanged(part, stream.size) from None
            raise
        return _checked(part, stream)


def _read_parquet(
    examination: Examination, part: Part, open_part: OpenPart, open_ranged: OpenRanged | None
) -> str:
    if open_ranged is None:
        raise TypeError("Parquet needs open_ranged")
    with _opened(open_ranged, part.key) as file:
        if (size := file.seek(0, io.SEEK_END)) != part.size:
            raise PartChanged(part, size)
        reader = ParquetReader(file)
        if examination.accept_header(part.name, reader.header):
            examination.note_file_types(reader.types)
            for chunk in reader.chunks():
                examination.add(part.name, reader.header, chunk)
    # Parquet is read out of order, so the hash takes a reading of its own.
    with _opened(open_part, part.key) as source:
        stream = HashingStream(source)
        while stream.read(1 << 20):
            pass
        return _checked(part, stream)


def _checked(part: Part, stream: HashingStream) -> str:
    if stream.size != part.size:
        raise PartChanged(part, stream.size)
    return stream.sha256


@contextmanager
def _opened(open_file: Callable[[str], File], key: str) -> Iterator[File]:
    file = open_file(key)
    try:
        yield file
    finally:
        close = getattr(file, "close", None)
        if close is not None:
            close()
