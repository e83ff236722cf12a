"""The records of a capture file that lie in a window, and where in the file they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from perennial_analysis.readers.capture_records import Record
from perennial_analysis.readers.tabular import BOM, UNDECODABLE, blocks
from perennial_analysis.window.part import Losses, Part
from perennial_analysis.window.request import Source

OWN_REQUEST = "perennial-smoke-test"
"""The inference id under which a rollout asks about its model's own sample: nobody's traffic."""


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
    """The records of a file within the window, block by block, and the size of the block.

    What cannot be read has no time. It is counted with the records around it: a file whose records all lie in
    another window leaves its losses to that one.
    """
    decoder, broken = msgspec.json.Decoder(Record), Losses()
    known: dict[str, bool | None] = {}  # times are told in seconds, so many records share one
    inside = outside = 0
    with source.open() as file:
        before = 0
        for block in blocks(file):
            content = block.removeprefix(BOM) if not before else block
            found = []
            for line, record in _decoded(decoder, content, source.name, before, broken):
                told = record.event_metadata.inference_time
                within = known[told] if told in known else _within(told, start, end)
                known[told] = within
                if within is None:
                    broken.add(source.name, line, f"no time of inference: {told!r}")
                if within and record.event_metadata.inference_id != OWN_REQUEST:
                    found.append(Located(record, source.name, line))
                outside += within is False
            before += content.count(b"\n")
            inside += len(found)
            part.requests += len(found)
            yield found, len(content)
    if inside or not outside:
        part.broken.join(broken)


def _decoded(
    decoder: msgspec.json.Decoder[Record], block: bytes, file: str, before: int, broken: Losses
) -> Iterator[tuple[int, Record]]:
    try:
        records = decoder.decode_lines(block)
    except UNDECODABLE:
        records = []
    if records and len(records) == block.count(b"\n") + (not block.endswith(b"\n")):
        yield from enumerate(records, start=before + 1)
        return
    for line, text in enumerate(block.split(b"\n"), start=before + 1):
        if not text.strip():
            continue
        try:
            yield line, decoder.decode(text)
        except UNDECODABLE as error:
            broken.add(file, line, f"{error}: {text[:80].decode('utf-8', 'replace')}")


def _within(told: str, start: datetime, end: datetime) -> bool | None:
    """None for what is no time."""
    try:
        time = datetime.fromisoformat(told)
    except ValueError:
        return None
    return start <= (time if time.tzinfo else time.replace(tzinfo=UTC)) < end
