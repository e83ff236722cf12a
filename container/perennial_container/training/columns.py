"""Turns the columns of a batch into numbers: the rules of `cells`, on whole columns at once."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial_container import cells
from perennial_container.errors import CellError

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

DISTINCT_LIMIT = 100_000
MISSING_CODE = -1
_MISSING = pa.array(sorted(cells.MISSING))
_PARSERS: dict[str, Callable[[str], float]] = {
    "float": cells.parse_number,
    "int": cells.parse_integer,
    "bool": cells.parse_boolean,
}


class BadCellError(CellError):
    """A cell that is not of its column's type, and where: `row` counts from 0 in its batch."""

    def __init__(self, expected: str, row: int, value: str) -> None:
        super().__init__(expected)
        self.row = row
        self.value = value


def numbers(column: pa.Array, kind: str) -> Doubles:
    """Read a column of type float, int or bool as doubles with NaN for missing cells."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if _is_text(column.type):
        return _numbers_from_text(column, kind)
    if pa.types.is_temporal(column.type):
        return _numbers_from_text(pc.cast(column, pa.string()), kind)
    doubles = pc.cast(column, pa.float64(), safe=False)
    values: Doubles = np.asarray(doubles.to_numpy(zero_copy_only=False), np.float64)
    wrong = np.isinf(values)
    if kind == "int":
        wrong |= ~(np.isnan(values) | (values == np.floor(values)))
    if kind == "bool":
        wrong |= ~(np.isnan(values) | (values == 0) | (values == 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadCellError(_words(kind), row, str(column[row].as_py()))
    return values


def texts(column: pa.Array) -> tuple[Codes, list[str]]:
    """Read any column as text: a code per row into the list of distinct stripped values, -1 if missing."""
    if not _is_text(column.type):
        column = pa.array(
            [None if value is None else str(value) for value in column.to_pylist()], pa.string()
        )
    encoded = pc.dictionary_encode(column)
    distinct: list[str] = []
    places: dict[str, int] = {}
    recode = np.full(len(encoded.dictionary) + 1, MISSING_CODE, np.int32)
    for index, raw in enumerate(encoded.dictionary.to_pylist()):
        value = raw.strip()
        if value.lower() not in cells.MISSING:
            recode[index] = places.setdefault(value, len(places))
    distinct.extend(places)
    indices = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    codes: Codes = recode[indices]
    return codes, distinct


@dataclass
class Vocabulary:
    """The distinct texts of one column over all batches, in order of appearance.

    It stops growing at DISTINCT_LIMIT: what first appears after so many others is rare and becomes missing.
    """

    places: dict[str, int] = field(default_factory=dict)

    def merge(self, codes: Codes, distinct: list[str]) -> Codes:
        """Translate the codes of one batch into codes that hold for all batches."""
        recode = np.full(len(distinct) + 1, MISSING_CODE, np.int32)
        for index, value in enumerate(distinct):
            place = self.places.get(value)
            if place is None and len(self.places) < DISTINCT_LIMIT:
                place = self.places[value] = len(self.places)
            if place is not None:
                recode[index] = place
        return recode[codes]

    def values(self) -> list[str]:
        return list(self.places)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _words(kind: str) -> str:
    return {"float": "a finite number", "int": "a whole number", "bool": "true or false"}[kind]


def _numbers_from_text(column: pa.Array, kind: str) -> Doubles:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind != "bool":
        fast = _fast_numbers(column)
        if fast is not None and not np.isinf(fast).any() and (kind == "float" or _all_whole(fast)):
            return fast
    return _careful_numbers(column, _PARSERS[kind])


def _fast_numbers(column: pa.Array) -> Doubles | None:
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(pc.utf8_lower(trimmed), _MISSING)
    try:
        values = pc.cast(pc.if_else(missing, None, trimmed), pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)


def _careful_numbers(column: pa.Array, parse: Callable[[str], float]) -> Doubles:
    encoded = pc.dictionary_encode(column)
    parsed = np.full(len(encoded.dictionary) + 1, np.nan)
    indices = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    for index, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            parsed[index] = parse(value)
        except CellError as error:
            raise BadCellError(error.expected, int(np.argmax(indices == index)), value) from None
    values: Doubles = parsed[indices]
    return values


def _all_whole(values: Doubles) -> bool:
    return bool(np.all(np.isnan(values) | (values == np.floor(values))))
