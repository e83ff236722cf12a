"""How much one body may hold, whatever its bytes: many short rows take more memory than a few long ones. Pure.

A body's size is bounded elsewhere. Here are the rows and cells that it becomes: `,,,` is three bytes and four cells,
and an object of JSON takes thirty times its text.
"""

import numpy as np

from perennial_container.errors import RequestError
from perennial_container.serving.media import BodyForm

MEBIBYTE = 1024 * 1024
MOST_ROWS = MEBIBYTE
MOST_CELLS = 8 * MEBIBYTE  # as 32-bit numbers they take 32 MB
MOST_VALUES = 1_500_000  # that are objects of Python at the same time
FEW_BYTES = 2 * MEBIBYTE  # have fewer rows and cells than would matter
PIECE = 256 * 1024  # bytes looked at in one go: they stay in the cache
ROW_BEGINS = {"csv": b"\n", "json": b"[{", "jsonlines": b"\n[{"}


def sure_megabytes(columns: int) -> int:
    """How large a body of CSV may be and never has too many rows or cells: an empty cell takes one byte."""
    return max(FEW_BYTES, min(columns * MOST_ROWS, MOST_CELLS)) // MEBIBYTE


def check_table(rows: int, columns: int) -> None:
    """Raises RequestError 413."""
    if rows > MOST_ROWS or rows * columns > MOST_CELLS:
        raise _too_many(f"{rows} rows of {columns} cells")


def check_text(body: bytes, form: BodyForm) -> None:
    """Counts what begins a row, and what is between cells. Raises RequestError 413."""
    if len(body) <= FEW_BYTES or form not in ROW_BEGINS:
        return
    rows = max(count(body, sign) for sign in ROW_BEGINS[form])
    if rows > MOST_ROWS or count(body, ord(",")) > MOST_CELLS:
        raise _too_many("too many rows or cells")


def check_values(body: bytes) -> None:
    """For JSON that is read as objects. Raises RequestError 413."""
    if len(body) > FEW_BYTES and sum(count(body, sign) for sign in b",[{") > MOST_VALUES:
        raise RequestError(
            413, "too_many_values", f"the JSON has more than {MOST_VALUES} values; send fewer rows, or CSV"
        )


def count(body: bytes, sign: int) -> int:
    """How often a byte is there; `bytes.count` finds one after the other, which takes ten times as long."""
    signs = np.frombuffer(body, np.uint8)
    return sum(
        int(np.count_nonzero(signs[start : start + PIECE] == sign)) for start in range(0, len(signs), PIECE)
    )


def _too_many(what: str) -> RequestError:
    return RequestError(
        413,
        "too_many_cells",
        f"the body has {what}; at most {MOST_ROWS} rows and {MOST_CELLS} cells are read: send fewer rows",
    )
