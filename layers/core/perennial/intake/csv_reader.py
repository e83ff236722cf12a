"""Reads a CSV part as a stream: RFC 4180 with a header, UTF-8 with or without BOM, LF or CRLF.

`csv.reader` pulls decoded lines and all of the loop runs in C; memory holds one chunk of cells. Quoting errors
end the part, since nothing after them can be trusted; ragged rows are told one by one.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from perennial.intake.problem import shorten
from perennial.intake.reading import Chunk, Source, Unreadable

READ_BYTES = 1 << 20
LONGEST_LINE_BYTES = 16 << 20
CHUNK_CELLS = 4096  # small enough that a chunk's cells stay in the processor's cache
LONGEST_CELL = csv.field_size_limit()

SIGNATURES = {
    b"\x1f\x8b": ("it is compressed (gzip)", "Upload it uncompressed."),
    b"PK\x03\x04": ("it is a ZIP archive or a spreadsheet", "Save it as CSV."),
    b"PAR1": ("it is a Parquet file", "Name it .parquet."),
    b"\xff\xfe": ("it is encoded in UTF-16", "Save it as UTF-8."),
    b"\xfe\xff": ("it is encoded in UTF-16", "Save it as UTF-8."),
}

Ragged = Callable[[Callable[[], int], int], None]
"""Told of a row with the wrong number of cells: a way to get its line, and how many cells it has."""


class HashingStream(io.RawIOBase):
    """Passes a source on, and keeps the SHA-256 and the size of what went by."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sha256 = hashlib.sha256()
        self.size = 0
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the source goes: a network stream gives less than it was asked for."""
        filled = 0
        while filled < len(buffer) and not self.ended:
            data = self._source.read(len(buffer) - filled)
            self.ended = not data
            buffer[filled : filled + len(data)] = data
            self._sha256.update(data)
            filled += len(data)
        self.size += filled
        return filled

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


class CsvReader:
    """One part. `header` is read at once. The stream must be at its beginning."""

    def __init__(self, stream: HashingStream) -> None:
        file = io.BufferedReader(stream, READ_BYTES)
        self._stream = stream
        start = file.peek(4)
        _refuse_other_formats(start)
        if start.startswith(codecs.BOM_UTF8):
            file.read(len(codecs.BOM_UTF8))
        lines = iter(partial(file.readline, LONGEST_LINE_BYTES), b"")
        self._rows = csv.reader(map(bytes.decode, lines), strict=True)
        self.header = self._read_header()

    def chunks(self, ragged: Ragged) -> Iterator[Chunk]:
        """The rows after the header; blank lines are not rows. Raises Unreadable."""
        width = len(self.header)
        size = max(16, min(1024, CHUNK_CELLS // width))
        while True:
            before = self._rows.line_num
            rows: list[list[str]] = []
            failure = self._pull(rows, size)
            if chunk := _chunk(rows, width, before + 1, self._rows.line_num - before, ragged):
                yield chunk
            if failure:
                raise failure
            if not rows:
                return

    def _pull(self, rows: list[list[str]], size: int) -> Unreadable | None:
        """Append up to `size` rows. What came before a failure is kept, so the failure is returned."""
        before = self._rows.line_num
        try:
            rows.extend(islice(self._rows, size))
        except csv.Error as error:
            return _failure(error, before + _lines(rows) + 1, self._rows.line_num)
        except UnicodeDecodeError as error:
            return Unreadable(
                f"byte {error.object[error.start]:#04x} is not UTF-8",
                "Save the file as UTF-8.",
                row=self._rows.line_num + 1,
                value=shorten(error.object[error.start : error.start + 20].decode("latin-1")),
                expected="UTF-8",
            )
        return None

    def _read_header(self) -> list[str]:
        rows: list[list[str]] = []
        while not any(rows):
            rows.clear()
            if failure := self._pull(rows, 1):
                raise failure
            if not rows:
                what = "it has nothing but blank lines" if self._stream.size else "it is empty"
                raise Unreadable(
                    what, "Leave empty parts out; a CSV part needs a header.", expected="a header"
                )
        return rows[0]


def _refuse_other_formats(start: bytes) -> None:
    for signature, (what, advice) in SIGNATURES.items():
        if start.startswith(signature):
            raise Unreadable(f"{what}, not CSV text", advice, expected="CSV text")


def _chunk(rows: list[list[str]], width: int, first_line: int, lines: int, ragged: Ragged) -> Chunk | None:
    """Turn rows into columns. `lines` is how many lines they took: as many as rows, or cells hold line breaks."""

    def line(place: int) -> int:
        return first_line + (place if lines == len(rows) else _lines(rows[:place]))

    kept, places = rows, None
    if set(map(len, rows)) - {width}:
        places = [place for place, row in enumerate(rows) if len(row) == width]
        kept = [rows[place] for place in places]
        for place, row in enumerate(rows):
            if row and len(row) != width:
                ragged(partial(line, place), len(row))
    if not kept:
        return None
    return Chunk(
        rows=len(kept),
        columns=list(zip(*kept, strict=True)),
        texts=lambda: map(",".join, kept),
        line=line if places is None else lambda index: line(places[index]),
    )


def _lines(rows: list[list[str]]) -> int:
    return len(rows) + sum(cell.count("\n") for row in rows for cell in row)


def _failure(error: csv.Error, row: int, last: int) -> Unreadable:
    told = str(error)
    if "field limit" in told:
        what = f"a cell has more than {LONGEST_CELL:,} characters: a quote before it is probably never closed"
    elif "end of data" in told:
        what = "a quote opens here and is never closed"
    elif "new-line" in told:
        return Unreadable(
            "a carriage return stands alone",
            "End lines with LF or CRLF.",
            row=row,
            expected="LF or CRLF line ends",
        )
    else:
        what = "a closing quote is followed by something other than a comma or the end of the line"
    if last > row:
        what += f" (read on to line {last})"
    return Unreadable(
        what, 'Quote a cell as "..." and double the quotes inside it.', row=row, expected="RFC 4180 quoting"
    )
