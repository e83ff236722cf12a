"""Decodes for a model that reads texts as they are: a matrix of objects, since texts have no places there.

Every cell is looked at; a model whose texts have categories, or that has no texts, is read by `decoder`.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from perennial_container.cells import is_missing
from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import CellError, RequestError
from perennial_container.handlers import Rows
from perennial_container.serving.bounds import check_values
from perennial_container.serving.decoder import CHUNK
from perennial_container.serving.features import SHOWN, to_matrix
from perennial_container.serving.media import ContentType, shortened
from perennial_container.serving.npy import read_npy
from perennial_container.serving.numbers import NotPlain
from perennial_container.serving.rows import Row, read_rows


class TextDecoder:
    """Decodes for one model; `encodings` are its columns in the schema's order, some of them raw texts."""

    def __init__(self, encodings: Sequence[FeatureEncoding]) -> None:
        self._encodings = encodings
        self._names = [encoding.feature.name for encoding in encodings]

    def quick(self, *_: object) -> None:
        """There is no way without a look at every cell."""

    def parts(self, *_: object) -> Iterator[Rows]:
        """None of numbers alone. Raises NotPlain."""
        raise NotPlain

    def decode(self, body: bytes, kind: ContentType) -> Rows:
        """Rows by features. Raises RequestError 400 naming the place of what cannot be read."""
        if kind.form in ("json", "jsonlines"):
            check_values(body)
        numbered = self._array(body) if kind.form == "npy" else read_rows(body, kind, self._names)
        parts: list[Rows] = []
        while chunk := list(islice(numbered, CHUNK)):
            parts.append(self._cells(chunk, text=kind.form == "csv"))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _array(self, body: bytes) -> Iterator[tuple[Row, int]]:
        values = read_npy(body, len(self._names))
        for line, numbers in enumerate(values, start=1):
            row = numbers.astype(np.float64)
            yield (
                [
                    None if missing else cell
                    for cell, missing in zip(row.tolist(), np.isnan(row), strict=True)
                ],
                line,
            )

    def _cells(self, chunk: Sequence[tuple[Row, int]], *, text: bool) -> Rows:
        cells = np.empty((len(chunk), len(self._encodings)), object)
        lines = [line for _, line in chunk]
        for place, encoding in enumerate(self._encodings):
            column = [row[place] for row, _ in chunk]
            if encoding.raw:
                read = read_text if text else read_value
                cells[:, place] = [
                    _cell(cell, read, line, encoding.feature.name)
                    for cell, line in zip(column, lines, strict=True)
                ]
            else:
                cells[:, place] = to_matrix([(cell,) for cell in column], lines, [encoding], text=text)[:, 0]
        return cells


def read_text(cell: str) -> str | None:
    """A cell of CSV, without the blanks around it."""
    return None if is_missing(cell) else cell.strip()


def read_value(value: Any) -> str | None:
    """A JSON value. Raises CellError for what is neither a text nor null."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise CellError("a string or null")
    return read_text(value)


def _cell(cell: Any, read: Callable[[Any], str | None], line: int, name: str) -> str | None:
    try:
        return read(cell)
    except CellError as error:
        message = f"{name!r} is {shortened(repr(cell), SHOWN)}, expected {error.expected}"
        raise RequestError(400, "wrong_type", message, line=line, column=name) from None
