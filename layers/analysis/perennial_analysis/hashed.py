"""The distribution of a text column with too many values to list: rows by the hash of their words.

A place, a surname or a product code has thousands of values, none of which matters alone. Kept are the number of rows
in each of a few buckets, which shifts when the mix of values does, and for a baseline one bit for each value that it
has seen: how many rows of a window are new to it is counted while they go by. CRC-32 is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BUCKETS = 64
CELLS = 1 << 17
"""One bit each, 16 KB: of 10,000 values 7 % share a cell with another, so as many new ones pass for known."""
MOST_SEEN = CELLS // 2
"""With more values than that too many new ones would."""


@dataclass(frozen=True, eq=False)
class Hashed:
    """`buckets` counts the rows. Of a baseline: `seen` has the bits of its values, None where they are too many, and
    `once` is how many values it has once. Of a window: `unseen` is how many rows have a value new to the baseline."""

    buckets: NDArray[np.int64]
    seen: bytes | None = None
    once: int = 0
    unseen: int = 0


def hash_words(counts: Mapping[str, int], known: Hashed | None = None) -> Hashed:
    """Of words and how often each occurs; compared with what is known of a baseline."""
    hashes = np.fromiter(
        (crc32(word.encode("utf-8", "surrogatepass")) for word in counts), np.int64, len(counts)
    )
    rows = np.fromiter(counts.values(), np.int64, len(counts))
    # Buckets from the upper bits, cells from the lower ones.
    places = hashes >> 26
    buckets = np.bincount(places, weights=rows, minlength=BUCKETS).astype(np.int64)
    if known is not None:
        unseen = rows[~_bits(known)[hashes % CELLS]].sum() if known.seen else 0
        return Hashed(buckets, unseen=int(unseen))
    if len(counts) > MOST_SEEN:
        return Hashed(buckets)
    seen = np.zeros(CELLS, dtype=np.bool_)
    seen[hashes % CELLS] = True
    return Hashed(buckets, np.packbits(seen).tobytes(), int((rows == 1).sum()))


def add_hashed(parts: Sequence[Hashed]) -> Hashed:
    """Of all parts together. A value that is in two parts once each still counts as one that is rare."""
    seen: bytes | None = None
    if all(part.seen for part in parts):
        bits = [np.frombuffer(part.seen or b"", dtype=np.uint8) for part in parts]
        seen = np.bitwise_or.reduce(bits).tobytes()
    buckets: NDArray[np.int64] = np.add.reduce([part.buckets for part in parts])
    return Hashed(buckets, seen, sum(part.once for part in parts), sum(part.unseen for part in parts))


def _bits(hashed: Hashed) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(hashed.seen or b"", dtype=np.uint8)).astype(np.bool_)
