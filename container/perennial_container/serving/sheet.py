"""Reads CSV by columns of text, some rows at a time: where texts are among the numbers, or a header tells the columns.

Only ever says yes: what the thorough reader would refuse, or read in another way, raises NotPlain here.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from perennial_container.cells import parse_boolean, parse_number
from perennial_container.errors import CellError, RequestError
from perennial_container.serving.numbers import LONGEST_LINE, Body, NotPlain, pieces
from perennial_container.serving.rows import BOM, looks_like_header, text_lines

CHUNK = 1024  # rows of quoted CSV that are text at the same time
LONGEST = csv.field_size_limit()

Columns = list[Sequence[str]]


@dataclass(frozen=True)
class Head:
    """How the rows are laid out: their cells, the features' places among them, and the byte that they begin at."""

    width: int
    places: Sequence[int]
    start: int


def read_head(body: Body, header: bool | None, names: Sequence[str]) -> Head:
    """`header` is None if a header line must be seen. Raises NotPlain."""
    start = len(BOM) if body.startswith(BOM) else 0
    end = body.find(b"\n", start) + 1 or len(body)
    try:
        [cells] = csv.reader([body[start:end].decode()], strict=True)
    except (csv.Error, ValueError) as error:
        raise NotPlain from error
    if not cells:  # a header may come after an empty line
        raise NotPlain
    if header is False or not (header or looks_like_header(cells, names)):
        return Head(len(names), range(len(names)), start)
    if any(cells.count(name) != 1 for name in names):
        raise NotPlain
    return Head(len(cells), [cells.index(name) for name in names], end)


def read_columns(body: Body, head: Head) -> Iterator[Columns]:
    """The features' columns, of some rows at a time. Raises NotPlain."""
    for columns in _quoted(body, head) if b'"' in body else _plain(body, head):
        yield [columns[place] for place in head.places]


def _plain(body: Body, head: Head) -> Iterator[Columns]:
    for piece in pieces(body, head.start):
        if len(piece) > LONGEST_LINE:
            raise NotPlain
        try:
            text = piece.replace(b"\r\n", b"\n").removesuffix(b"\n").decode()
        except UnicodeDecodeError as error:
            raise NotPlain from error
        lines = text.split("\n")
        # An empty line is no row; a carriage return alone ends a line, too.
        if "" in lines or "\r" in text or max(map(len, lines)) > LONGEST:
            raise NotPlain
        if {line.count(",") for line in lines} != {head.width - 1}:
            raise NotPlain
        cells = text.replace("\n", ",").split(",")
        yield [cells[place :: head.width] for place in range(head.width)]


def _quoted(body: Body, head: Head) -> Iterator[Columns]:
    try:
        reader = csv.reader(text_lines(body, head.start), strict=True)
        while chunk := list(islice(reader, CHUNK)):
            rows = [row for row in chunk if row]
            if not {head.width}.issuperset(map(len, rows)):
                raise NotPlain
            if rows:
                yield list(zip(*rows, strict=True))
    except (csv.Error, RequestError) as error:
        raise NotPlain from error


def readable(name: str) -> bool:
    """Whether a column's name could be taken for one of its values."""
    for read in (parse_number, parse_boolean):
        try:
            read(name)
        except CellError:
            continue
        return True
    return False
