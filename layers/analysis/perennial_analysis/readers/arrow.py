"""Arrow arrays as columns, through the Arrow C data interface: numpy cannot take arrays with nulls from arro3.

Format: Apache Arrow, "The Arrow C data interface" and "The Arrow PyCapsule interface".
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from arro3.core import Array, DataType, dictionary_dictionary, dictionary_indices
from numpy.typing import NDArray

from perennial_analysis.columns import Coded, CodedColumn, Column, Flags, Kind, LentColumn, texts
from perennial_analysis.statistics_types import data_type

MISSING = frozenset(("", "na", "nan", "n/a", "null", "none"))
"""Texts that mean no value, in lower case: those that a training dataset's reader takes for it too."""
INT64, FLOAT64 = DataType.int64(), DataType.float64()
DICTIONARY = DataType.dictionary(DataType.int32(), DataType.utf8())


class _ArrowArray(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.POINTER(ctypes.c_void_p)),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = (ctypes.py_object, ctypes.c_char_p)


def column(name: str, array: Array, kind: Kind | None = None) -> Column:
    """A column of a typed file. With kind String numbers become text; otherwise the file's own type counts."""
    is_a: Any = DataType  # its predicates are typed as guards, which would make all but the first unreachable
    given = array.type
    if kind != "String":
        if is_a.is_integer(given):
            return _numeric(name, array, "Integral")
        if is_a.is_floating(given) or is_a.is_decimal(given):
            return _numeric(name, array, "Fractional")
    if is_a.is_nested(given) or is_a.is_binary(given) or is_a.is_large_binary(given):
        return texts(name, (None if each is None else str(each) for each in array.to_pylist()))
    return _text(name, array)


def column_of_texts(name: str, array: Array, kind: Kind | None = None) -> Column:
    """A column of a file that knows only text: numbers if all its values are, unless the kind is String."""
    if kind == "String":
        return _text(name, array)
    values, missing = view(array.cast(FLOAT64), np.float64)
    strange = np.isnan(values)
    if strange.any():
        missing = missing | strange
    whole = 0
    # Only what is a whole number can have been written as one.
    rounded = values == np.floor(values)
    if rounded.any() and rounded[~missing].any():
        whole = len(array) - array.cast(INT64).null_count
    if array.null_count == np.count_nonzero(missing):
        return _of_parsed(name, values, missing, whole)
    return _of_words(name, _text(name, array))


def _of_words(name: str, text: Column) -> Column:
    """The slow way: blanks around numbers and words for nothing among them; each different text is read once."""
    if text.coded is None:
        return text
    words = [word.strip() for word in text.coded.words]
    used = set(np.unique(text.coded.codes[~text.missing]).tolist())
    kinds = {place: data_type(words[place]) for place in used}
    parsed = [_number(word) if place in used else None for place, word in enumerate(words)]
    if not used or any(parsed[place] is None for place in used):
        return text
    numbers = np.array([np.nan if each is None else each for each in parsed] or [np.nan])
    values = np.where(text.missing, np.nan, numbers[np.where(text.missing, 0, text.coded.codes)])
    whole = np.array([kinds.get(place) == "Integral" for place in range(len(words))])
    written = int(whole[text.coded.codes[~text.missing]].sum())
    return _of_parsed(name, values, text.missing | np.isnan(values), written)


def _number(word: str) -> float | None:
    try:
        return float(word) if "_" not in word else None
    except ValueError:
        return None


def _of_parsed(name: str, values: NDArray[np.float64], missing: Flags, whole: int) -> Column:
    if missing.all():
        return Column(name, "Unknown", values, missing)
    if missing.any():
        values = np.where(missing, np.nan, values)
    kind: Kind = "Integral" if whole == len(values) - np.count_nonzero(missing) else "Fractional"
    return Column(name, kind, values, missing, whole_floats=None if kind == "Integral" else whole)


def _numeric(name: str, array: Array, kind: Kind) -> Column:
    dtype: Any = np.float64
    if array.type == INT64:
        dtype = np.int64
    elif array.type != FLOAT64:
        array = array.cast(FLOAT64)
    values, held = lent(array, dtype)
    return LentColumn(name, kind if _any_number(values, held) else "Unknown", values, held)


def _any_number(values: NDArray[Any], held: Flags | None) -> bool:
    """Mostly seen at the first of those that are held."""
    there = values if held is None else values[held.argmax() :][:1] if held.any() else values[:0]
    if not len(there) or not np.isnan(there[0]):
        return len(there) > 0
    return not bool(np.isnan(values if held is None else values[held]).all())


def _text(name: str, array: Array) -> Column:
    """Missing are nulls and the words for nothing."""
    coded: Any = array.cast(DataType.utf8()).cast(DICTIONARY)
    codes, missing = view(dictionary_indices(coded), np.int32)
    dictionary: Any = dictionary_dictionary(coded)
    words: list[str | None] = dictionary.to_pylist()
    if missing.any():
        codes = codes.copy()
        codes[missing] = 0
    nothing = [word is None or word.strip().lower() in MISSING for word in words]
    if any(nothing):
        missing = missing | np.array(nothing)[codes]
    return CodedColumn(name, missing, Coded(codes, [word or "" for word in words]))


def view(array: Array, dtype: Any) -> tuple[NDArray[Any], Flags]:
    """Values (as `lent`) and which are missing, of an array of fixed width."""
    values, held = lent(array, dtype)
    return values, np.zeros(len(values), dtype=np.bool_) if held is None else ~held


def lent(array: Array, dtype: Any) -> tuple[NDArray[Any], Flags | None]:
    """Values where they lie, to be read only, and which of them are there: the others are anything. None if all are."""
    _, capsule = array.__arrow_c_array__()
    found = _ArrowArray.from_address(_pointer_of(capsule, b"arrow_array"))
    size, start = found.length, found.offset
    if not size:
        return np.empty(0, dtype=dtype), None
    width = np.dtype(dtype).itemsize
    memory = (ctypes.c_char * (size * width)).from_address(found.buffers[1] + start * width)
    memory.owner = capsule  # which frees the memory when nobody has it any more
    values = np.frombuffer(memory, dtype=dtype)
    values.flags.writeable = False
    validity = found.buffers[0]
    if not validity or not found.null_count:
        return values, None
    flags = (ctypes.c_uint8 * ((start + size + 7) // 8)).from_address(validity)
    bits = np.unpackbits(np.frombuffer(flags, dtype=np.uint8), bitorder="little")
    return values, bits[start : start + size].view(np.bool_)
