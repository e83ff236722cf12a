"""A whole column of cells as numbers, without a look at each. Pure.

Only ever says yes: a column with a cell that needs a closer look is None. What is read is what `features` reads cell
by cell.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from simdjson import Parser

from perennial_container.cells import FALSE, MISSING, TRUE
from perennial_container.encoding import FeatureEncoding
from perennial_container.serving.numbers import NotPlain, read_cells

Doubles = npt.NDArray[np.float64]

WORDS = dict.fromkeys(TRUE, 1.0) | dict.fromkeys(FALSE, 0.0) | dict.fromkeys(MISSING, math.nan)
NUMBERS = frozenset({int, float})
NONE = type(None)


def read_column(column: Sequence[Any], encoding: FeatureEncoding, *, text: bool) -> Doubles | None:
    """One number a cell, NaN for missing ones; cells are of CSV (`text`) or of JSON."""
    if encoding.categories is not None:
        return _categories(column, encoding, text=text)
    if encoding.feature.type == "bool":
        return _booleans(column, text=text)
    values = _numbers_of_text(column) if text else _numbers_of_json(column)
    if values is None or encoding.feature.type == "float":
        return values
    found = values[~np.isnan(values)]
    return values if (found == np.rint(found)).all() else None


def _categories(column: Sequence[Any], encoding: FeatureEncoding, *, text: bool) -> Doubles | None:
    places = encoding.places
    if not text:
        if not {str, NONE}.issuperset(map(type, column)):
            return None
        column = ["" if cell is None else cell for cell in column] if None in column else column
        missing = places.get("", math.nan)
        if not math.isnan(missing) and "" in column:
            return None  # null and an empty text are not the same then
    return np.array([places.get(cell.strip(), math.nan) for cell in column], np.float64)


def _booleans(column: Sequence[Any], *, text: bool) -> Doubles | None:
    if not text:
        if not {bool, NONE}.issuperset(map(type, column)):
            return None
        return np.array([math.nan if cell is None else cell for cell in column], np.float64)
    found = [WORDS.get(cell.strip().lower()) for cell in column]
    return None if None in found else np.array(found, np.float64)


def _numbers_of_json(column: Sequence[Any]) -> Doubles | None:
    types = set(map(type, column))
    if not types <= {*NUMBERS, NONE}:
        return None
    cells = [math.nan if cell is None else cell for cell in column] if NONE in types else column
    try:
        values = np.array(cells, np.float64)
    except OverflowError:
        return None
    return None if np.isinf(values).any() else values


def _numbers_of_text(column: Sequence[str]) -> Doubles | None:
    joined = ",".join(column)
    if "[" in joined or not joined.isascii():
        return None
    try:
        values = read_cells(joined.encode(), Parser())
    except NotPlain:
        return _floats(column, joined)
    return values if len(values) == len(column) else None  # a comma in a cell


def _floats(column: Sequence[str], joined: str) -> Doubles | None:
    if "_" in joined:
        return None
    try:
        values = np.array(list(map(float, column)), np.float64)
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None
