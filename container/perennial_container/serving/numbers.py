"""Reads tables of plain numbers with simdjson, which writes them as they lie in memory: no object is made for any.

Lines of CSV are JSON but for brackets. Rows are told apart by a number put at the end of each, and an empty cell is
another such number: both are beyond 32 bits, so a table that has them of its own is none for this reader.
Only ever says yes: whatever is not read here is left to readers who can say what is wrong.
https://pysimdjson.tkte.ch
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from simdjson import Object, Parser

Doubles = npt.NDArray[np.float64]

PIECE = 64 * 1024  # bytes read in one go: they stay in the cache, and the event loop need not wait long
ROW_END, EMPTY = b"9e99", b"8e99"
END_OF_ROW = b"," + ROW_END + b","


class NotPlain(ValueError):
    """The text has more than numbers in it, or rows of other lengths."""


def read_csv_numbers(body: bytes, width: int) -> Iterator[Doubles]:
    """Rows by columns, some rows at a time; NaN for empty cells. Raises NotPlain."""
    if b"[" in body:
        raise NotPlain
    parser = Parser()
    for lines in pieces(body):
        yield _read_lines(lines, width, parser)


def _read_lines(lines: bytes, width: int, parser: Parser) -> Doubles:
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    text = b"[%b,%b]" % (lines.removesuffix(b"\n").replace(b"\n", END_OF_ROW), ROW_END)
    try:
        flat, empty = _flat(parser, text), 0
    except NotPlain:
        filled = _with_empty_cells(text)
        empty = (len(filled) - len(text)) // len(EMPTY)
        if not empty or width == 1:  # in a column alone, an empty cell is an empty line
            raise
        flat = _flat(parser, filled)
    if len(flat) % (width + 1):
        raise NotPlain
    cells = flat.reshape(-1, width + 1)
    if not (cells[:, -1] == float(ROW_END)).all():
        raise NotPlain
    rows = cells[:, :-1]
    if not empty:
        return rows
    found = rows == float(EMPTY)
    if np.count_nonzero(found) != empty:
        raise NotPlain
    return np.where(found, np.nan, rows)


def read_json_numbers(body: bytes, width: int) -> Doubles:
    """Rows by columns of a list of lists of numbers, bare or alone in an object. Raises NotPlain."""
    document = _parse(Parser(), body)
    if isinstance(document, Object):
        [key, *others] = document or [""]
        if key not in ("instances", "inputs") or others:
            raise NotPlain
        document = document[key]
    return _listed(document, width, body.count(b"["))


def read_jsonlines_numbers(body: bytes, width: int) -> Doubles:
    """The same of lists of numbers, one a line. Raises NotPlain."""
    lines = body.replace(b"\r\n", b"\n").strip(b"\n")
    rows = lines.count(b"\n") + 1
    if not lines.startswith(b"[") or lines.count(b"\n[") != rows - 1:
        raise NotPlain
    cells = _listed(_parse(Parser(), b"[%b]" % lines.replace(b"\n", b",")), width, lines.count(b"[") + 1)
    if len(cells) != rows:
        raise NotPlain
    return cells


def _listed(document: Any, width: int, brackets: int) -> Doubles:
    """A list in a row would be read as cells of the row: then there are more brackets than rows."""
    try:
        rows = len(document)
        if not rows or brackets != rows + 1 or set(map(len, document)) != {width}:
            raise NotPlain
        return np.frombuffer(document.as_buffer(of_type="d")).reshape(rows, width)
    except (AttributeError, TypeError, ValueError) as error:
        raise NotPlain from error


def pieces(body: bytes) -> Iterator[bytes]:
    """Whole lines, some at a time."""
    start, length = 0, len(body)
    while start < length:
        end = body.find(b"\n", start + PIECE) + 1 or length
        yield body[start:end]
        start = end


def _flat(parser: Parser, text: bytes) -> Doubles:
    try:
        return np.frombuffer(parser.parse(text).as_buffer(of_type="d"))
    except (TypeError, ValueError) as error:
        raise NotPlain from error


def _parse(parser: Parser, text: bytes) -> Any:
    try:
        return parser.parse(text)
    except ValueError as error:
        raise NotPlain from error


def _with_empty_cells(text: bytes) -> bytes:
    for _ in range(2):  # a cell between two empty ones is met by neither's first replacement
        text = text.replace(b",,", b"," + EMPTY + b",")
    return text.replace(b"[,", b"[" + EMPTY + b",")
