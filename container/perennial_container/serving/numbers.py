"""Reads tables of plain numbers with simdjson, which writes them as they lie in memory: no object is made for any.

Lines of CSV are JSON but for brackets. Rows are told apart by a number put at the end of each, and a missing cell is
another such number: both are beyond 32 bits, so a table that has them of its own is none for this reader.
Only ever says yes: whatever is not read here is left to readers who can say what is wrong.
https://pysimdjson.tkte.ch
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from simdjson import Object, Parser

Doubles = npt.NDArray[np.float64]
Body = bytes | bytearray

PIECE = 64 * 1024  # bytes read in one go: they stay in the cache, and the event loop need not wait long
LONGEST_LINE = 4 * 1024 * 1024
ROW_END, EMPTY = b"9e99", b"8e99"
END_OF_ROW = b"," + ROW_END + b","
EMPTY_CELL = re.compile(rb",(?=,)")
ANY_MISSING = re.compile(rb",[ \t]*(?:n/?a|nan|null|none)?[ \t]*(?=,)", re.IGNORECASE)
# Whatever simdjson says no with: integers of more than 64 bits are a RuntimeError.
UNREAD = (AttributeError, KeyError, RuntimeError, TypeError, ValueError)


class NotPlain(ValueError):
    """The text has more than numbers in it, or rows of other lengths."""


def read_csv_numbers(body: Body, width: int, start: int = 0) -> Iterator[Doubles]:
    """Rows by columns, some rows at a time; NaN for missing cells. Raises NotPlain."""
    if b"[" in body:
        raise NotPlain
    parser = Parser()
    for lines in pieces(body, start):
        if len(lines) > LONGEST_LINE:
            raise NotPlain
        yield _read_lines(lines, width, parser)


def read_csv_row(body: bytes, width: int) -> Doubles:
    """The one row of a body that is one line. Raises NotPlain."""
    line = body.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line or b"\r" in line or b"[" in line:
        raise NotPlain
    flat = _flat(line, Parser())
    if len(flat) != width:
        raise NotPlain
    return flat.reshape(1, width)


def _read_lines(lines: Body, width: int, parser: Parser) -> Doubles:
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    lines = bytes(lines.removesuffix(b"\n"))
    rows = lines.count(b"\n") + 1
    flat = read_cells(b"%b,%b" % (lines.replace(b"\n", END_OF_ROW), ROW_END), parser)
    if len(flat) != rows * (width + 1):
        raise NotPlain
    # A cell may hold the number that ends rows: then there are more of it than lines.
    ends = flat == float(ROW_END)
    if np.count_nonzero(ends) != rows or not ends[width :: width + 1].all():
        raise NotPlain
    cells = flat.reshape(rows, width + 1)
    if width == 1 and np.isnan(cells).any():  # in a column alone, an empty cell is an empty line
        raise NotPlain
    return cells[:, :-1]


def read_json_numbers(body: Body, names: Sequence[str]) -> Doubles:
    """Rows by columns of a list of lists of numbers and nulls, bare or alone in an object, or of a split table.

    Raises NotPlain.
    """
    try:
        return _instances(body, names)
    except NotPlain:
        if b"null" not in body or EMPTY in body:
            raise
    return emptied(_instances(body.replace(b"null", EMPTY), names), body.count(b"null"))


def read_jsonlines_numbers(body: Body, names: Sequence[str]) -> Iterator[Doubles]:
    """The same of lists of numbers, one a line, some lines at a time. Raises NotPlain."""
    for piece in pieces(body):
        lines = (piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece).strip(b"\n")
        rows = lines.count(b"\n") + 1
        if not lines.startswith(b"[") or lines.count(b"\n[") != rows - 1:
            raise NotPlain
        cells = read_json_numbers(b"[%b]" % bytes(lines.replace(b"\n", b",")), names)
        if len(cells) != rows:
            raise NotPlain
        yield cells


def _instances(body: Body, names: Sequence[str]) -> Doubles:
    parser, brackets = Parser(), body.count(b"[")
    try:
        document: Any = parser.parse(body)
        if not isinstance(document, Object):
            return _listed(document, len(names), brackets)
        [key] = document
        document = document[key]
        if key in ("instances", "inputs"):
            return _listed(document, len(names), brackets)
        if key != "dataframe_split" or sorted(document) != ["columns", "data"]:
            raise NotPlain
        columns = document["columns"].as_list()
        if len(set(columns)) != len(columns):
            raise NotPlain
        return _listed(document["data"], len(columns), brackets - 1)[
            :, [columns.index(name) for name in names]
        ]
    except UNREAD as error:
        raise NotPlain from error


def _listed(document: Any, width: int, brackets: int) -> Doubles:
    """A list in a row would be read as cells of the row: then there are more brackets than rows."""
    rows = len(document)
    if not rows or brackets != rows + 1 or set(map(len, document)) != {width}:
        raise NotPlain
    return np.frombuffer(document.as_buffer(of_type="d")).reshape(rows, width)


def read_cells(cells: bytes, parser: Parser) -> Doubles:
    """Numbers separated by commas; NaN for what is empty, or a word for that. Raises NotPlain."""
    try:
        return _flat(cells, parser)
    except NotPlain:
        if EMPTY in cells:
            raise
    missing = ANY_MISSING if b"n" in cells or b"N" in cells else EMPTY_CELL
    text, empty = missing.subn(b"," + EMPTY, b",%b," % cells)
    try:
        flat = _flat(text[1:-1], parser)
    except NotPlain:
        text = text.replace(b",.", b",0.").replace(b",-.", b",-0.")  # numbers that begin with the point
        flat = _flat(text[1:-1], parser)
    return emptied(flat, empty)


def _flat(cells: bytes, parser: Parser) -> Doubles:
    document: Any = None
    try:
        document = parser.parse(b"[%b]" % cells)
        return np.frombuffer(document.as_buffer(of_type="d"))
    except UNREAD as error:
        document = None  # the traceback would keep it, and a parser whose documents live on parses no other
        raise NotPlain from error


def emptied(cells: Doubles, empty: int) -> Doubles:
    """NaN for `EMPTY`, which must be in as many cells. Raises NotPlain."""
    if not empty:
        return cells
    found = cells == float(EMPTY)
    if np.count_nonzero(found) != empty:
        raise NotPlain
    return np.where(found, np.nan, cells)


def pieces(body: Body, start: int = 0) -> Iterator[Body]:
    """Whole lines, some at a time."""
    length = len(body)
    while start < length:
        end = body.find(b"\n", start + PIECE) + 1 or length
        yield body[start:end]
        start = end
