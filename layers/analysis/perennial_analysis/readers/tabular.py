"""CSV, JSON Lines and Parquet files as tables, a chunk of rows at a time.

`kinds` are the baseline's, by column: text stays text there even if it looks like numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any

import msgspec
from arro3.core import Array, ChunkedArray, DataType, Field, Schema
from arro3.io import read_csv as arrow_csv
from arro3.io import read_parquet as arrow_parquet

from perennial_analysis.columns import Column, Kind, Table
from perennial_analysis.readers.arrow import column, column_of_texts
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.values import column_of_values, flat
from perennial_analysis.words import counted

CHUNK_ROWS = 65_536
PARQUET_ROWS = 131_072
PARSED_CELLS = 131_072
BLOCK_BYTES = 8 << 20
PIECE_BYTES = 128 << 10
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
BOM = b"\xef\xbb\xbf"

Kinds = Mapping[str, Kind]


class UnreadableFile(Exception):
    """Nothing of a file can be read; the message says why."""


def read_parquet(file: IO[bytes], kinds: Kinds | None = None) -> Iterator[Table]:
    """Raises UnreadableFile, also midway."""
    try:
        batches = iter(arrow_parquet(file, batch_size=PARQUET_ROWS))
        while (batch := next(batches, None)) is not None:
            yield {
                name: column(name, batch.column(place), (kinds or {}).get(name))
                for place, name in enumerate(batch.schema.names)
            }
            del batch  # before the next one is decoded
    except BaseException as error:
        if _is_arrows(error):
            raise UnreadableFile(f"the Parquet file is damaged: {error}") from error
        raise


def _is_arrows(error: BaseException) -> bool:
    """arro3 tells damage as a bare Exception, or as a Rust panic, whose class cannot be imported."""
    return type(error) is Exception or type(error).__name__ == "PanicException"


def read_csv(
    file: IO[bytes],
    *,
    header: bool = True,
    names: Sequence[str] | None = None,
    kinds: Kinds | None = None,
    losses: Losses | None = None,
) -> Iterator[Table]:
    """RFC 4180, UTF-8 with or without BOM; the file must be seekable. Columns are named by the header, by `names`,
    or as Spark does: _c0, _c1. Rows with another number of cells are losses."""
    start = len(BOM) if file.read(len(BOM)) == BOM else 0
    file.seek(start)
    first = _first_row(file)
    if first is None:
        return
    if header:
        start = file.tell()
    file.seek(start)
    found = list(names or (unique(first) if header else ())) or [f"_c{place}" for place in range(len(first))]
    lost = losses if losses is not None else Losses()
    done = 0
    try:
        for arrays in _parsed(file, len(first)):
            yield table_of_texts(found, arrays, kinds)
            done += len(arrays[0])
    except Exception as error:
        if not _is_arrows(error):
            raise
        # It ends at the first bad row; csv goes on after it.
        file.seek(start)
        yield from _read_slowly(file, found, len(first), done, kinds, lost)


def unique(names: Sequence[str]) -> list[str]:
    """The second `a` becomes `a.1`: two columns of one name would be one."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in found:
            number += 1
            candidate = f"{name}.{number}"
        found.append(candidate)
    return found


def table_of_texts(names: Sequence[str], arrays: Sequence[Array], kinds: Kinds | None = None) -> Table:
    """Arrays of text as columns; those beyond the names are _c0, _c1 ... by their place."""
    named = [*names, *(f"_c{place}" for place in range(len(names), len(arrays)))]
    return {
        name: column_of_texts(name, array, (kinds or {}).get(name))
        for name, array in zip(named, arrays, strict=False)
    }


def parse_lines(lines: str, width: int) -> list[list[Array]]:
    """CSV rows without header as batches of columns. Raises what arro3 raises at the first bad row."""
    return list(_parsed(io.BytesIO(lines.encode()), width))


def _parsed(file: IO[bytes], width: int) -> Iterator[list[Array]]:
    """Columns of CHUNK_ROWS rows of text, from smaller batches: those stay in the processor's cache meanwhile."""
    size = min(CHUNK_ROWS, max(64, PARSED_CELLS // width))
    batches = iter(arrow_csv(file, _text_schema(width), has_header=False, batch_size=size))
    while held := list(islice(batches, CHUNK_ROWS // size)):
        yield [
            ChunkedArray([batch.column(place) for batch in held]).combine_chunks() for place in range(width)
        ]


def columns_of_rows(rows: Iterable[Sequence[str]], width: int) -> list[Array]:
    """Rows of cells as arrays of text; empty cells are null."""
    cells: list[list[str | None]] = [[] for _ in range(width)]
    for row in rows:
        for place, cell in enumerate(row):
            cells[place].append(cell or None)
    return [Array(each, type=DataType.utf8()) for each in cells]


def _read_slowly(
    file: IO[bytes], names: Sequence[str], width: int, done: int, kinds: Kinds | None, losses: Losses
) -> Iterator[Table]:
    """The rows after the first `done`, by Python's reader."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        rows = islice(filter(None, csv.reader(text)), done, None)
        while chunk := list(islice(rows, CHUNK_ROWS)):
            good = [row for row in chunk if len(row) == width]
            bad = next((row for row in chunk if len(row) != width), [])
            losses.add(
                f"a row has {counted(len(bad), 'cell')}, not {width}: {','.join(bad)}", len(chunk) - len(good)
            )
            if good:
                yield table_of_texts(names, columns_of_rows(good, width), kinds)
    except csv.Error as error:
        losses.add(f"the rest of the file cannot be read: {error}")
    finally:
        text.detach()


def _first_row(file: IO[bytes]) -> list[str] | None:
    """Read on until quotes are closed; None at the end of the file."""
    line = b""
    while more := file.readline():
        line += more
        if line.strip() and line.count(b'"') % 2 == 0:
            return next(csv.reader([line.decode("utf-8", "replace").strip("\r\n")]))
        if not line.strip():
            line = b""
    return None


def _text_schema(width: int) -> Schema:
    return Schema([Field(f"c{place}", DataType.utf8(), nullable=True) for place in range(width)])


def read_json_lines(
    file: IO[bytes], kinds: Kinds | None = None, losses: Losses | None = None
) -> Iterator[Table]:
    """An object a line, in any order of keys; nested objects give `outer.inner`, lists stay text."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    lost = losses if losses is not None else Losses()
    for block in blocks(file):
        found = decode_lines(decoder, block, lost)
        if found:
            yield table_of_objects(map(flat, found), len(found), kinds)


def table_of_objects(rows: Iterable[Mapping[str, Any]], size: int, kinds: Kinds | None = None) -> Table:
    """Rows by name; what a row lacks is missing."""
    cells: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        for name, value in row.items():
            held = cells.setdefault(name, [])
            held.extend([None] * (place - len(held)))
            held.append(value)
    table: dict[str, Column] = {}
    for name, held in cells.items():
        held.extend([None] * (size - len(held)))
        table[name] = column_of_values(name, held, (kinds or {}).get(name))
    return table


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, several megabytes at a time; a longer line is a block of its own."""
    rest = b""
    while data := file.read(BLOCK_BYTES):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest += data
    if rest.strip():
        yield rest


def pieces(block: bytes) -> Iterator[bytes]:
    """Whole lines of a block, few enough that what is decoded of them stays in the processor's cache."""
    start = 0
    while start < len(block):
        end = block.find(b"\n", start + PIECE_BYTES) + 1 or len(block)
        yield block[start:end]
        start = end


def decode_lines(decoder: msgspec.json.Decoder[Any], block: bytes, losses: Losses) -> list[Any]:
    """All lines of a block; where one cannot be decoded, the others are decoded one by one."""
    try:
        return list(decoder.decode_lines(block))
    except UNDECODABLE:
        found = []
        for line in filter(None, map(bytes.strip, block.split(b"\n"))):
            try:
                found.append(decoder.decode(line))
            except UNDECODABLE as error:
                losses.add(f"{error}: {line[:80].decode('utf-8', 'replace')}")
        return found
