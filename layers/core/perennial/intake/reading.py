"""What the readers of parts share: chunks of text columns, and how a part that cannot be read is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Source(Protocol):
    """Anything that gives bytes in order: a file, a stream from S3. Fewer than `size` may come; none is the end."""

    def read(self, size: int, /) -> bytes: ...


class RangeFile(Protocol):
    """A file to jump about in. Over S3 a `read` is best a ranged GET of just these bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Chunk:
    """Some rows of a part. `columns` are in the order of its header; `texts` is each row as one text.

    `line` gives the line (CSV) or the row number (Parquet) of the chunk's nth row, from 0.
    """

    rows: int
    columns: Sequence[Sequence[str]]
    texts: Callable[[], Iterable[str]]
    line: Callable[[int], int]


class Unreadable(Exception):
    """The rest of a part cannot be read; the place and the remedy come with it."""

    def __init__(
        self,
        what: str,
        advice: str,
        *,
        row: int | None = None,
        value: str | None = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.row = row
        self.value = value
        self.expected = expected
