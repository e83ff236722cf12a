"""Decides which rows are held out, by their content alone.

A row is held out if a hash of its cells falls under the share. The same row is thus on the same side in
every later dataset with the same columns, and no champion was trained on the rows that judge it.

The hashed bytes of a row: per column, in the order of the column names and the target last, eight bytes:
a number as little-endian double (NaN if missing), a text as blake2b-64 of its UTF-8 (0xff..ff if missing).
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from perennial_container.training.columns import Codes, Doubles

Hashes = npt.NDArray[np.uint64]

MISSING_TEXT = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def number_cells(values: Doubles) -> Hashes:
    """Eight bytes per number; -0.0 equals 0.0 and every NaN is the same."""
    canonical = np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8")
    return canonical.view("<u8")


def text_cells(codes: Codes, distinct: Sequence[str]) -> Hashes:
    """Eight bytes per text, given as codes into its distinct values (-1 is missing)."""
    digests = [blake2b(value.encode(), digest_size=8).digest() for value in distinct]
    table = np.append(np.frombuffer(b"".join(digests), "<u8"), MISSING_TEXT).astype("<u8")
    return table[codes]


def row_hashes(columns: Sequence[Hashes], seed: int) -> Hashes:
    """One 64-bit hash per row of the given columns."""
    width = 8 * len(columns)
    rows = np.ascontiguousarray(np.stack(columns, axis=1)).view(np.uint8).reshape(-1).data
    salt = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(
        [
            blake2b(rows[start : start + width], digest_size=8, salt=salt).digest()
            for start in range(0, len(rows), width)
        ]
    )
    return np.frombuffer(digests, "<u8")


def held_out(hashes: Hashes, share: float) -> npt.NDArray[np.bool_]:
    """Which rows are held out for a share between 0 and 1; a larger share keeps the rows of a smaller one."""
    return hashes < np.uint64(min(int(share * 2**64), 2**64 - 1))
