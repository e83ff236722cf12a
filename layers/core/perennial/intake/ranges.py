"""A cache between a Parquet reader's many small reads and a file whose every read is a request over the network."""

from __future__ import annotations

import io
from collections import OrderedDict

from perennial.intake.reading import RangeFile

LARGEST_BLOCK = 1 << 20
SMALLEST_BLOCK = 64 << 10
MOST_BYTES = 96 << 20


class CachedRanges(io.RawIOBase):
    """Reads whole blocks and keeps the latest used. `failure` remembers what the file raised: a library that
    reads through this may tell it in its own words."""

    def __init__(self, file: RangeFile) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._at = 0
        self._block = LARGEST_BLOCK
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.failure: Exception | None = None

    def expect_columns(self, columns: int) -> None:
        """Columns are read side by side from places far apart: make the cache hold two blocks of each."""
        self._block = max(SMALLEST_BLOCK, min(LARGEST_BLOCK, MOST_BYTES // (2 * max(1, columns))))
        self._blocks.clear()

    @property
    def size(self) -> int:
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        number, skip = divmod(self._at, self._block)
        data = self._load(number)[skip : skip + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._at if size < 0 else min(size, self._size - self._at)
        pieces = []
        while wanted > 0:
            number, skip = divmod(self._at, self._block)
            piece = self._load(number)[skip : skip + wanted]
            if not piece:
                break
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _load(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is not None:
            self._blocks.move_to_end(number)
            return found
        try:
            self._file.seek(number * self._block)
            found = self._read_fully(min(self._block, self._size - number * self._block))
        except Exception as error:
            self.failure = error
            raise
        self._blocks[number] = found
        if len(self._blocks) * self._block > MOST_BYTES:
            self._blocks.popitem(last=False)
        return found

    def _read_fully(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
