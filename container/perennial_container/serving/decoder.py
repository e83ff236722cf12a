"""A request's body as the matrix that the model's graph reads: the quick way where it surely fits.

The quick ways only ever say yes. Whatever they do not take goes through `rows` and `features`, which look at
every cell and can say what is wrong with it; both ways give the same numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from perennial_container.cells import parse_boolean, parse_number
from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import CellError
from perennial_container.serving.features import json_reader, text_reader, to_matrix
from perennial_container.serving.media import ContentType
from perennial_container.serving.npy import read_npy
from perennial_container.serving.numbers import read_csv_numbers, read_json_numbers, read_jsonlines_numbers
from perennial_container.serving.rows import BodyError, looks_like_header, read_rows
from perennial_container.table import Matrix

FEW = 64  # rows; more are converted column by column
CHUNK = 8192  # rows that are text at the same time
SMALL = 4096  # bytes of JSON; less is read sooner as objects
NUMBERS = frozenset({int, float})


class Decoder:
    """Decodes for one model; `encodings` are its columns in the graph's order."""

    def __init__(self, encodings: Sequence[FeatureEncoding]) -> None:
        self._encodings = encodings
        self._names = [encoding.feature.name for encoding in encodings]
        self._width = len(encodings)
        self._text = [text_reader(encoding) for encoding in encodings]
        self._json = [json_reader(encoding) for encoding in encodings]
        self._fills = np.array([np.nan if e.fill is None else e.fill for e in encodings], np.float32)
        types = {encoding.feature.type for encoding in encodings}
        self._numeric = types <= {"float", "int"}
        self._whole = [place for place, encoding in enumerate(encodings) if encoding.feature.type == "int"]
        # A header of texts is no row of numbers; one of numbers, or for texts alone, must be looked for.
        self._confusable = not types & {"float", "int", "bool"} or any(map(_readable, self._names))

    def decode(self, body: bytes, kind: ContentType) -> Matrix:
        """Rows by features. Raises RequestError 400 naming the place of what cannot be read."""
        if kind.form == "npy":
            return self._array(read_npy(body, self._width))
        quick = self._csv(body, kind) if kind.form == "csv" else self._documents(body, kind)
        return self.thorough(body, kind) if quick is None else quick

    def _array(self, values: npt.NDArray[np.float64]) -> Matrix:
        infinite = np.argwhere(np.isinf(values))
        if len(infinite):
            row, column = infinite[0]
            name = self._names[column]
            raise BodyError("wrong_type", f"{name!r} is infinite, expected a number", int(row) + 1, name)
        matrix = self._checked(values) if self._numeric else None
        if matrix is not None:
            return matrix
        cells = values.astype(object)
        cells[np.isnan(values)] = None
        rows = cells.tolist()
        return to_matrix(rows, range(1, len(rows) + 1), self._encodings, text=False)

    def thorough(self, body: bytes, kind: ContentType) -> Matrix:
        """Text and JSON cell by cell: what every other way is held to. In chunks, so that a large body is never
        wholly text. Raises RequestError 400 naming the place of what cannot be read."""
        rows = read_rows(body, kind, self._names)
        text = kind.form == "csv"
        parts: list[Matrix] = []
        while chunk := list(islice(rows, CHUNK)):
            cells, lines = [row for row, _ in chunk], [line for _, line in chunk]
            parts.append(to_matrix(cells, lines, self._encodings, text=text))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _csv(self, body: bytes, kind: ContentType) -> Matrix | None:
        if kind.header or not body.isascii() or b'"' in body or b"_" in body:
            return None
        if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
            return None  # a carriage return alone ends a line, too
        if self._confusable and kind.header is None and self._has_header(body):
            return None
        try:
            if not self._numeric:
                return self._cells(body) if body.count(b"\n") <= FEW else None
            return self._numbers(body)
        except (ValueError, TypeError, CellError):
            return None  # a header, or a cell that is no number: the slow way tells

    def _has_header(self, body: bytes) -> bool:
        first = body.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
        return looks_like_header(first.decode("ascii").split(","), self._names)

    def _numbers(self, body: bytes) -> Matrix | None:
        """Rows of numbers. Raises NotPlain."""
        parts: list[Matrix] = []
        for rows in read_csv_numbers(body, self._width):
            part = self._checked(rows)
            if part is None:
                return None
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _cells(self, body: bytes) -> Matrix | None:
        """Few rows with texts among their cells. Raises CellError and ValueError."""
        values = [
            [read(cell) for read, cell in zip(self._text, line.split(","), strict=True)]
            for line in _lines(body)
        ]
        return self._filled(values)

    def _documents(self, body: bytes, kind: ContentType) -> Matrix | None:
        """Rows that are lists of plain numbers, or few rows of anything that fits."""
        try:
            if self._numeric and len(body) > SMALL:
                read = read_jsonlines_numbers if kind.form == "jsonlines" else read_json_numbers
                return self._checked(read(body, self._width))
            rows = self._listed(body, kind)
            if rows is None:
                return None
            if self._numeric and all(map(NUMBERS.issuperset, (map(type, row) for row in rows))):
                cells = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * self._width)
                return self._checked(cells.reshape(-1, self._width))
            if len(rows) > FEW:
                return None
            return self._filled(
                [[read(cell) for read, cell in zip(self._json, row, strict=True)] for row in rows]
            )
        except (ValueError, TypeError, OverflowError, CellError):
            return None

    def _listed(self, body: bytes, kind: ContentType) -> list[list[Any]] | None:
        if kind.form == "jsonlines":
            document: Any = [orjson.loads(line) for line in body.splitlines() if line]
        else:
            document = orjson.loads(body)
            if type(document) is dict:
                document = document.get("instances", document.get("inputs"))
        if type(document) is not list or not document:
            return None
        width = self._width
        return document if all(type(row) is list and len(row) == width for row in document) else None

    def _checked(self, values: npt.NDArray[np.float64]) -> Matrix | None:
        """Numbers that 32 bits hold, whole where they must be, NaN for missing; None if some need a closer look."""
        with np.errstate(over="ignore"):
            matrix = values.astype(np.float32)
        if not np.isfinite(matrix).all():
            missing = np.isnan(values)
            if np.isinf(matrix).any():
                return None
            matrix, values = np.where(missing, self._fills, matrix), np.where(missing, 0.0, values)
        if not self._whole:
            return matrix
        whole = values[:, self._whole]
        return matrix if (whole == np.rint(whole)).all() else None

    def _filled(self, values: list[list[float]]) -> Matrix | None:
        if not values:
            return None
        with np.errstate(over="ignore"):
            matrix: Matrix = np.array(values, np.float32)
        if np.isinf(matrix).any():
            return None
        missing = np.isnan(matrix)
        return np.where(missing, self._fills, matrix) if missing.any() else matrix


def _lines(body: bytes) -> Iterator[str]:
    """Lines that are not empty; a carriage return at the end is white space to every reader."""
    return (line for line in body.decode("ascii").split("\n") if line and line != "\r")


def _readable(name: str) -> bool:
    """Whether a column's name could be taken for one of its values."""
    for read in (parse_number, parse_boolean):
        try:
            read(name)
        except CellError:
            continue
        return True
    return False
