"""Records of SageMaker Data Capture: typed, within a window of time, as fast as they can be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import IO

import msgspec

from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.tabular import blocks, decode_lines, pieces


# None of these can be part of a cycle: the garbage collector need not look at them.
class Side(msgspec.Struct, rename="camel", gc=False):
    """What went in, or came out. `encoding` is CSV, JSON or BASE64."""

    data: str | None = None
    encoding: str = "CSV"
    observed_content_type: str | None = None


class Captured(msgspec.Struct, rename="camel", gc=False):
    """Of an endpoint or of a batch transform; either side may not have been captured."""

    endpoint_input: Side | None = None
    endpoint_output: Side | None = None
    batch_transform_input: Side | None = None
    batch_transform_output: Side | None = None

    @property
    def input(self) -> Side | None:
        return self.endpoint_input or self.batch_transform_input

    @property
    def output(self) -> Side | None:
        return self.endpoint_output or self.batch_transform_output


class Metadata(msgspec.Struct, rename="camel", gc=False):
    event_id: str = ""
    inference_id: str | None = None
    inference_time: str = ""


class Record(msgspec.Struct, rename="camel", gc=False):
    """One invocation, of any number of rows."""

    capture_data: Captured
    event_metadata: Metadata = msgspec.field(default_factory=Metadata)


def read_records(
    file: IO[bytes],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    losses: Losses | None = None,
) -> Iterator[list[Record]]:
    """A few at a time, the records with start <= inferenceTime < end; folders of hours may hold others.

    `start` and `end` know their time zone. Lines that are no records, and records without a time where a window is
    asked for, are losses.
    """
    return chain.from_iterable(read_blocks(file, start=start, end=end, losses=losses))


def read_blocks(
    file: IO[bytes],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    losses: Losses | None = None,
) -> Iterator[Iterator[list[Record]]]:
    """As `read_records`, a few megabytes at a time, each in pieces that are small enough for the processor's cache."""
    decoder = msgspec.json.Decoder(Record)
    lost = losses if losses is not None else Losses()
    known: dict[str, bool | None] = {}

    def read(block: bytes) -> Iterator[list[Record]]:
        for piece in pieces(block):
            records: list[Record] = decode_lines(decoder, piece, lost)
            if start is not None or end is not None:
                # Times are told in seconds, so many records share one.
                times = {each.event_metadata.inference_time for each in records}
                known.update({told: _within(told, start, end) for told in times if told not in known})
                if not all(known[told] for told in times):
                    records = [each for each in records if _is_inside(each, known, lost)]
            if records:
                yield records

    return map(read, blocks(file))


def _is_inside(record: Record, known: dict[str, bool | None], losses: Losses) -> bool:
    told = record.event_metadata.inference_time
    if known[told] is None:
        losses.add(f"no time of inference: {told!r}")
    return bool(known[told])


def _within(told: str, start: datetime | None, end: datetime | None) -> bool | None:
    """None for what is no time."""
    try:
        time = datetime.fromisoformat(told)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (start is None or start <= time) and (end is None or time < end)
