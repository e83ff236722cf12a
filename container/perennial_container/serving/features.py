"""Turns rows of raw cells into the matrix that the model's graph reads, checking every cell. Pure.

Whole columns are converted at once (`columns`); only when that fails are cells looked at one by one, to say which.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perennial_container import cells
from perennial_container.encoding import FeatureEncoding, saturate
from perennial_container.errors import CellError, RequestError
from perennial_container.serving.columns import Doubles, read_column
from perennial_container.serving.rows import Row
from perennial_container.table import Matrix

SHOWN = 40


def to_matrix(
    rows: Sequence[Row], lines: Sequence[int], encodings: Sequence[FeatureEncoding], *, text: bool
) -> Matrix:
    """Encode rows whose cells are in the encodings' order. Raises RequestError 400 naming line and column."""
    matrix = np.empty((len(rows), len(encodings)), np.float32)
    for place, (encoding, column) in enumerate(zip(encodings, zip(*rows, strict=True), strict=True)):
        values = read_column(column, encoding, text=text)
        if values is None:
            read = text_reader(encoding) if text else json_reader(encoding)
            values = _one_by_one(column, read, lines, encoding.feature.name)
        matrix[:, place] = _encoded(values, encoding)
    return matrix


def columns_to_matrix(
    columns: Sequence[Sequence[Any]], encodings: Sequence[FeatureEncoding], *, text: bool
) -> Matrix | None:
    """Encode columns in the encodings' order, or None if some cell needs a closer look."""
    matrix = np.empty((len(columns[0]), len(encodings)), np.float32)
    for place, (encoding, column) in enumerate(zip(encodings, columns, strict=True)):
        values = read_column(column, encoding, text=text)
        if values is None:
            return None
        matrix[:, place] = _encoded(values, encoding)
    return matrix


def _encoded(values: Doubles, encoding: FeatureEncoding) -> Matrix:
    if encoding.fill is not None:
        values = np.where(np.isnan(values), encoding.fill, values)
    return saturate(values)


def _one_by_one(
    column: Sequence[Any], read: Callable[[Any], float], lines: Sequence[int], name: str
) -> Doubles:
    values = np.empty(len(column), np.float64)
    for row, cell in enumerate(column):
        try:
            values[row] = read(cell)
        except CellError as error:
            shown = repr(cell) if len(repr(cell)) <= SHOWN else repr(cell)[:SHOWN] + "..."
            raise RequestError(
                400,
                "wrong_type",
                f"{name!r} is {shown}, expected {error.expected}",
                line=lines[row],
                column=name,
            ) from None
    return values


def text_reader(encoding: FeatureEncoding) -> Callable[[str], float]:
    """Reads a cell of CSV; the reader raises CellError."""
    if encoding.categories is not None:
        return lambda text: encoding.places.get(text.strip(), math.nan)
    return {"float": cells.parse_number, "int": cells.parse_integer, "bool": cells.parse_boolean}[
        encoding.feature.type
    ]


def json_reader(encoding: FeatureEncoding) -> Callable[[Any], float]:
    """Reads a JSON value; the reader raises CellError."""
    if encoding.categories is not None:
        return lambda value: _json_category(value, encoding)
    return {"float": _json_number, "int": _json_integer, "bool": _json_boolean}[encoding.feature.type]


def _json_category(value: Any, encoding: FeatureEncoding) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, str):
        raise CellError("a string or null")
    return encoding.places.get(value.strip(), math.nan)


def _json_number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CellError("a number or null")
    return float(value)


def _json_integer(value: Any) -> float:
    return cells.whole(_json_number(value))


def _json_boolean(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or value in (0, 1):
        return float(value)
    raise CellError("true, false or null")
