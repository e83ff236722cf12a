"""Reads `application/x-npy`: numpy's own format, for arrays of plain numbers alone.

The header is read by numpy, the numbers as they lie there: an object in the file is never opened, and a header
that promises more than the body holds is refused before anything is set aside for it.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from perennial_container.serving.bounds import check_table
from perennial_container.serving.rows import BodyError

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
KINDS = "fiub"


def read_npy(body: bytes, columns: int) -> npt.NDArray[Any]:
    """Rows by columns, as they lie in the body. Raises RequestError 400."""
    if not body.strip():
        raise BodyError("empty_body", "the body is empty; send at least one row")
    try:
        start = _begin(body)
        shape, by_column, kind = _header(bytes(body[:start]))
    except Exception as error:  # numpy's reader of headers raises whatever Python's parser does
        raise BodyError("malformed_npy", "the body is no npy file of version 1 or 2") from error
    if kind.kind not in KINDS or kind.itemsize > 8:
        raise BodyError("wrong_dtype", f"expected an array of plain numbers, found {str(kind)[:40]}")
    if len(shape) != 2 or shape[1] != columns:
        raise BodyError("wrong_column_count", f"expected rows by {columns} columns, found {shape}"[:120])
    if not shape[0]:
        raise BodyError("empty_body", "the array has no rows")
    if len(body) - start != prod(shape) * kind.itemsize:
        raise BodyError("malformed_npy", "the body is not as long as its header says")
    check_table(*shape)
    flat = np.frombuffer(body, kind, offset=start)
    return flat.reshape(shape[::-1]).T if by_column else flat.reshape(shape)


def _begin(body: bytes) -> int:
    """The byte that the numbers begin at: the header's length is two bytes in version 1, four in version 2."""
    size = 2 if body[6] == 1 else 4
    return 8 + size + int.from_bytes(body[8 : 8 + size], "little")


@lru_cache(maxsize=64)  # numpy lets Python's parser read it, and refuses long ones
def _header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    file = io.BytesIO(head)
    return HEADERS[npy.read_magic(file)](file)
