"""The records of a capture file that lie in a window, and where in the file they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import repeat

import msgspec

from perennial_analysis.readers.capture_records import Record
from perennial_analysis.readers.tabular import BOM, UNDECODABLE, blocks, pieces
from perennial_analysis.window.part import Losses, Part
from perennial_analysis.window.request import Source

OWN_REQUEST = "perennial-smoke-test"
"""The inference id under which a rollout asks about its model's own sample: nobody's traffic."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a record stands."""

    file: str
    line: int


class Located(
    msgspec.Struct, frozen=True, gc=False
):  # one for each record: the collector need not look at it
    """A record and where it stands."""

    record: Record
    file: str
    line: int


def read_records(
    source: Source, start: datetime, end: datetime, part: Part
) -> Iterator[tuple[list[Located], int]]:
    """The records of a file within the window, a few at a time; the last ones of a block with its size, else with 0.

    What cannot be read has no time. It is counted with the records around it: a file whose records all lie in
    another window leaves its losses to that one.
    """
    reader = _Reader(source.name, start, end)
    with source.open() as file:
        for block in blocks(file):
            content = block.removeprefix(BOM) if not reader.before else block
            left = len(content)
            for piece in pieces(content):
                left -= len(piece)
                found = reader.read(piece)
                part.requests += len(found)
                yield found, 0 if left else len(content)
    if reader.inside or not reader.outside:
        part.broken.join(reader.broken)


class _Reader:
    """Of one file: `before` are the lines that were read, `inside` and `outside` the records in and off the window."""

    def __init__(self, file: str, start: datetime, end: datetime) -> None:
        self.file, self.start, self.end = file, start, end
        self.decoder, self.broken = msgspec.json.Decoder(Record), Losses()
        self.known: dict[str, bool | None] = {}  # times are told in seconds, so many records share one
        self.before = self.inside = self.outside = 0

    def read(self, piece: bytes) -> list[Located]:
        ends = piece.count(b"\n")
        lines, records = _decoded(self.decoder, piece, ends, self.file, self.before, self.broken)
        self.before += ends
        metadata = [record.event_metadata for record in records]
        times = {each.inference_time for each in metadata}
        self.known |= {told: _within(told, self.start, self.end) for told in times if told not in self.known}
        own = OWN_REQUEST in {each.inference_id for each in metadata}
        if not own and all(self.known[told] for told in times):
            found = list(map(Located, records, repeat(self.file), lines))
        else:
            found = [
                each for each in map(Located, records, repeat(self.file), lines) if self._is_inside(each)
            ]
        self.inside += len(found)
        return found

    def _is_inside(self, each: Located) -> bool:
        metadata = each.record.event_metadata
        within = self.known[metadata.inference_time]
        if within is None:
            self.broken.add(each.file, each.line, f"no time of inference: {metadata.inference_time!r}")
        self.outside += within is False
        return bool(within) and metadata.inference_id != OWN_REQUEST


def _decoded(
    decoder: msgspec.json.Decoder[Record], block: bytes, ends: int, file: str, before: int, broken: Losses
) -> tuple[Sequence[int], list[Record]]:
    """The records of a block, beside their lines."""
    try:
        records = decoder.decode_lines(block)
    except UNDECODABLE:
        records = []
    if records and len(records) == ends + (not block.endswith(b"\n")):
        return range(before + 1, before + 1 + len(records)), records
    lines, records = [], []
    for line, text in enumerate(block.split(b"\n"), start=before + 1):
        if not text.strip():
            continue
        try:
            records.append(decoder.decode(text))
            lines.append(line)
        except UNDECODABLE as error:
            broken.add(file, line, f"{error}: {text[:80].decode('utf-8', 'replace')}")
    return lines, records


def _within(told: str, start: datetime, end: datetime) -> bool | None:
    """None for what is no time."""
    try:
        time = datetime.fromisoformat(told)
    except ValueError:
        return None
    return start <= (time if time.tzinfo else time.replace(tzinfo=UTC)) < end
