"""A request's body as the matrix that the model's graph reads: the quick way where it surely fits.

The quick ways only ever say yes. Whatever they do not take goes through `rows` and `features`, which look at
every cell and can say what is wrong with it; both ways give the same numbers.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import CellError
from perennial_container.serving.bounds import check_values
from perennial_container.serving.features import columns_to_matrix, json_reader, text_reader, to_matrix
from perennial_container.serving.media import ContentType
from perennial_container.serving.npy import read_npy
from perennial_container.serving.numbers import (
    LONGEST_LINE,
    NotPlain,
    read_csv_numbers,
    read_csv_row,
    read_json_numbers,
    read_jsonlines_numbers,
)
from perennial_container.serving.rows import BodyError, looks_like_header, read_rows
from perennial_container.serving.sheet import Head, read_columns, read_head, readable
from perennial_container.table import Matrix

FEW = 64  # rows; more are converted column by column
CHUNK = 8192  # rows that are text at the same time
SMALL = 4096  # bytes of JSON; less is read sooner as objects
ROW = 16 * 1024  # bytes that may be a single row
NUMBERS = frozenset({int, float})
FEW_CELLS = 4096
PLAIN = 1e76  # a sum of squares; where it is less, 32 bits hold every number


class Decoder:
    """Decodes for one model; `encodings` are its columns in the graph's order."""

    def __init__(self, encodings: Sequence[FeatureEncoding]) -> None:
        self._encodings = encodings
        self._names = [encoding.feature.name for encoding in encodings]
        self._width = len(encodings)
        self._text = [text_reader(encoding) for encoding in encodings]
        self._json = [json_reader(encoding) for encoding in encodings]
        self._fills = np.array([np.nan if e.fill is None else e.fill for e in encodings], np.float32)
        self._by_name = itemgetter(*self._names)
        self._has_features = "features" in self._names  # else it is a key that holds a row
        types = {encoding.feature.type for encoding in encodings}
        self._numeric = types <= {"float", "int"}
        self._whole = [place for place, encoding in enumerate(encodings) if encoding.feature.type == "int"]
        # A header of texts is no row of numbers; one of numbers, or for texts alone, must be looked for.
        self._confusable = not types & {"float", "int", "bool"} or any(map(readable, self._names))

    def decode(self, body: bytes, kind: ContentType) -> Matrix:
        """Rows by features. Raises RequestError 400 naming the place of what cannot be read."""
        quick = self.quick(body, kind)
        return self.thorough(body, kind) if quick is None else quick

    def quick(self, body: bytes, kind: ContentType) -> Matrix | None:
        """The same where no closer look is needed."""
        if kind.form == "npy":
            return self._array(read_npy(body, self._width))
        if kind.form == "parquet":
            return None
        return self._csv(body, kind) if kind.form == "csv" else self._documents(body, kind)

    def _array(self, values: npt.NDArray[Any]) -> Matrix:
        """Rows of an array of any numbers, some at a time: a large one is never there in 64 bits."""
        matrix = np.empty(values.shape, np.float32)
        for start in range(0, len(values), CHUNK):
            some = values[start : start + CHUNK].astype(np.float64)
            matrix[start : start + len(some)] = self._some(some, start)
        return matrix

    def _some(self, values: npt.NDArray[np.float64], start: int) -> Matrix:
        infinite = np.argwhere(np.isinf(values))
        if len(infinite):
            row, column = infinite[0]
            name, line = self._names[column], start + int(row) + 1
            raise BodyError("wrong_type", f"{name!r} is infinite, expected a number", line, name)
        matrix = self._checked(values) if self._numeric else None
        if matrix is not None:
            return matrix
        cells = values.astype(object)
        cells[np.isnan(values)] = None
        lines = range(start + 1, start + len(values) + 1)
        return to_matrix(cells.tolist(), lines, self._encodings, text=False)

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
        if (
            self._numeric
            and len(body) <= ROW
            and not (self._confusable if kind.header is None else kind.header)
        ):
            with suppress(NotPlain):
                row = self._checked(read_csv_row(body, self._width))
                if row is not None:
                    return row
        bare = self._bare(body, kind)
        try:
            if bare and self._numeric:
                return _joined(list(self._numbers(body, range(self._width))))
            if bare and len(body) <= LONGEST_LINE and body.count(b"\n") <= FEW:
                return self._cells(body)
        except (ValueError, TypeError, CellError):
            pass  # a header, or a cell that is no number
        try:
            return self._sheet(body, kind)
        except NotPlain:
            return None  # the thorough way tells

    def _bare(self, body: bytes, kind: ContentType) -> bool:
        """Whether there is nothing in CSV but lines of cells, as far as can be seen at once."""
        bare = not kind.header and body.isascii() and b'"' not in body and b"_" not in body
        if bare and b"\r" in body:
            bare = body.count(b"\r") == body.count(b"\r\n")  # one alone ends a line, too
        if bare and self._confusable and kind.header is None:
            bare = not self._has_header(body)
        return bare

    def parts(self, body: bytes, kind: ContentType) -> Iterator[Matrix]:
        """The rows of CSV that has nothing but numbers in it, some at a time, at least one.

        Raises NotPlain, at once or later, where there is more to it: then `decode` tells.
        """
        if not self._numeric:
            raise NotPlain
        if self._bare(body, kind):
            rows = self._numbers(body, range(self._width))
            with suppress(NotPlain, StopIteration):  # the first line may be a header
                return chain([next(rows)], rows)
        return self._below(body, read_head(body, kind.header, self._names))

    def _below(self, body: bytes, head: Head) -> Iterator[Matrix]:
        """Rows of numbers below a header, whose columns may be in any order. Raises NotPlain."""
        if (
            not (self._numeric and 0 < head.start < len(body))
            or max(body.find(sign, head.start) for sign in (b'"', b"_")) >= 0
        ):
            raise NotPlain
        return self._numbers(body, head.places, head.width, head.start)

    def _sheet(self, body: bytes, kind: ContentType) -> Matrix | None:
        """By columns; those of a header may be in any order, with others among them. Raises NotPlain."""
        head = read_head(body, kind.header, self._names)
        with suppress(NotPlain):
            return _joined(list(self._below(body, head)))
        parts: list[Matrix] = []
        for columns in read_columns(body, head):
            part = columns_to_matrix(columns, self._encodings, text=True)
            if part is None:
                return None
            parts.append(part)
        return _joined(parts)

    def _has_header(self, body: bytes) -> bool:
        first = body.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
        return looks_like_header(first.decode("ascii").split(","), self._names)

    def _numbers(
        self, body: bytes, places: Sequence[int], width: int | None = None, start: int = 0
    ) -> Iterator[Matrix]:
        """Rows of numbers, from a byte on; `places` are the features' columns. Raises NotPlain."""
        for rows in read_csv_numbers(body, width or self._width, start):
            part = self._checked(rows if width is None else rows[:, places])
            if part is None:
                raise NotPlain
            yield part

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
            if self._numeric and len(body) > SMALL and not _of_objects(body):
                with suppress(NotPlain):
                    if kind.form == "json":
                        return self._checked(read_json_numbers(body, self._names))
                    return self._every(read_jsonlines_numbers(body, self._names))
            rows = self._listed(body, kind)
            if rows is None:
                return None
            if self._numeric and all(map(NUMBERS.issuperset, (map(type, row) for row in rows))):
                cells = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * self._width)
                return self._checked(cells.reshape(-1, self._width))
            if len(rows) > FEW:
                return columns_to_matrix(list(zip(*rows, strict=True)), self._encodings, text=False)
            return self._filled(
                [[read(cell) for read, cell in zip(self._json, row, strict=True)] for row in rows]
            )
        except (ValueError, TypeError, KeyError, OverflowError, CellError):
            return None

    def _listed(self, body: bytes, kind: ContentType) -> Sequence[Sequence[Any]] | None:
        """Rows of as many cells as there are features, in their order. Raises RequestError 413."""
        check_values(body)
        wrapped = False
        if kind.form == "jsonlines":
            document: Any = [orjson.loads(line) for line in body.splitlines() if line]
        else:
            document = orjson.loads(body)
            wrapped = type(document) is dict
            if wrapped:
                # Another name may be that of another table.
                if len(document) != 1 or body.count(b'"instances"') + body.count(b'"inputs"') != 1:
                    return None
                document = document.get("instances", document.get("inputs"))
        if type(document) is not list or not document:
            return None
        if type(document[0]) is dict and self._width > 1:
            rows = self._named(document)
            # Where there are as many colons as names, no name is there twice.
            return rows if body.count(b":") <= sum(map(len, document)) + wrapped else None
        if wrapped and b"\\" in body and body.count(b":") > 1:
            return None  # the name may be there again, in escapes
        width = self._width
        return document if all(type(row) is list and len(row) == width for row in document) else None

    def _named(self, rows: list[Any]) -> list[tuple[Any, ...]] | None:
        """Rows that are objects by feature name. Raises TypeError, and KeyError where a name is missing."""
        if any(type(row) is not dict or ("features" in row and not self._has_features) for row in rows):
            return None
        return list(map(self._by_name, rows))

    def _checked(self, values: npt.NDArray[np.float64]) -> Matrix | None:
        """Numbers that 32 bits hold, whole where they must be, NaN for missing; None if some need a closer look."""
        if values.size <= FEW_CELLS and np.vdot(values, values) < PLAIN:
            matrix = values.astype(np.float32)  # none is missing, infinite or too large: most requests
        else:
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

    def _every(self, tables: Iterator[npt.NDArray[np.float64]]) -> Matrix | None:
        parts: list[Matrix] = []
        for table in tables:
            part = self._checked(table)
            if part is None:
                return None
            parts.append(part)
        return _joined(parts)

    def _filled(self, values: list[list[float]]) -> Matrix | None:
        if not values:
            return None
        with np.errstate(over="ignore"):
            matrix: Matrix = np.array(values, np.float32)
        if np.isinf(matrix).any():
            return None
        missing = np.isnan(matrix)
        return np.where(missing, self._fills, matrix) if missing.any() else matrix


def _of_objects(body: bytes) -> bool:
    """Whether the first list that begins has objects in it, or none does."""
    return body[(start := body.find(b"[") + 1) : start + 16].lstrip().startswith(b"{")


def _joined(parts: Sequence[Matrix]) -> Matrix | None:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else None


def _lines(body: bytes) -> Iterator[str]:
    """Lines that are not empty; a carriage return at the end is white space to every reader."""
    return (line for line in body.decode("ascii").split("\n") if line and line != "\r")
