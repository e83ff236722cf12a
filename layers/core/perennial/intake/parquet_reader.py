"""Reads a Parquet part as a stream of text columns, through ranged reads of a file.

arro3 is imported here and nowhere else: only the function that has its layer meets Parquet. It reads page by
page, so memory does not depend on the size of the row groups. Cells become text in Rust, and from there on
Parquet and CSV go the same way; the file's own types are kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perennial.intake.problem import shorten
from perennial.intake.ranges import CachedRanges
from perennial.intake.reading import Chunk, RangeFile, Unreadable
from perennial.intake.schema import ColumnType

if TYPE_CHECKING:
    from arro3.core import Array, Field, RecordBatch, RecordBatchReader

MAGIC = b"PAR1"
CHUNK_CELLS = 8192
UNSUPPORTED = ("nested", "binary", "large_binary", "binary_view", "fixed_size_binary")
TYPES: dict[str, ColumnType] = {"boolean": "bool", "integer": "int", "floating": "float", "decimal": "float"}


class ParquetReader:
    """One part. `types` are the file's own, by column. Raises Unreadable."""

    def __init__(self, file: RangeFile) -> None:
        self._ranges = CachedRanges(file)
        _check_frame(self._ranges)
        schema: Any = self._open(1).schema
        fields = [schema.field(place) for place in range(len(schema))]
        self.header = [field.name for field in fields]
        self.types: dict[str, ColumnType] = {field.name: _type_of(field) for field in fields}

    def chunks(self) -> Iterator[Chunk]:
        """All rows; `line` counts them from 1."""
        self._ranges.expect_columns(len(self.header))
        batches = iter(self._open(max(16, min(1024, CHUNK_CELLS // max(1, len(self.header))))))
        first = 1
        while (batch := self._next(batches)) is not None:
            if batch.num_rows:
                yield _chunk(batch, first)
                first += batch.num_rows

    def _open(self, batch_rows: int) -> RecordBatchReader:
        from arro3.io import read_parquet

        try:
            return read_parquet(self._ranges, batch_size=batch_rows)  # type: ignore[arg-type]
        except BaseException as error:
            raise self._explain(error) from error

    def _next(self, batches: Iterator[RecordBatch]) -> RecordBatch | None:
        try:
            return next(batches, None)
        except BaseException as error:
            raise self._explain(error) from error

    def _explain(self, error: BaseException) -> BaseException:
        """The file's own failures pass as they are. arro3 tells damage as a bare Exception, or as a Rust panic,
        which is a BaseException of a class that cannot be imported."""
        if self._ranges.failure:
            return self._ranges.failure
        if type(error) is Exception or type(error).__name__ == "PanicException":
            return Unreadable(
                f"the file is damaged: {shorten(str(error), 200)}",
                "Write the file again.",
                expected="an undamaged Parquet file",
            )
        return error


def _check_frame(file: CachedRanges) -> None:
    """The magic number at both ends, and a footer that fits in between."""
    size = file.size
    if not size:
        raise Unreadable("it is empty", "Leave empty parts out.", expected="a Parquet file")
    start = file.read(4)
    if start != MAGIC:
        raise Unreadable("it is not a Parquet file", "Name CSV files .csv.", expected="a Parquet file")
    file.seek(max(0, size - 8))
    end = file.read(8)
    if size < 12 or end[4:] != MAGIC or int.from_bytes(end[:4], "little") > size - 12:
        raise Unreadable(
            "the file ends too early or is damaged", "Upload it again.", expected="an undamaged Parquet file"
        )
    file.seek(0)


def _type_of(field: Field) -> ColumnType:
    kind: Any = field.type
    if _is("dictionary", kind):
        kind = kind.value_type
    if any(_is(name, kind) for name in UNSUPPORTED):
        raise _unsupported(field)
    return next((ours for theirs, ours in TYPES.items() if _is(theirs, kind)), "string")


def _is(name: str, kind: Any) -> bool:
    from arro3.core import DataType

    return bool(getattr(DataType, f"is_{name}")(kind))


def _unsupported(field: Field) -> Unreadable:
    kind = str(field.type).removeprefix("arro3.core.DataType<").strip().removesuffix(">")
    return Unreadable(
        f"the column {shorten(field.name)!r} has the type {shorten(kind)}, which cannot be learned from",
        "Write one value per cell: numbers, text, booleans, dates.",
        value=shorten(kind),
        expected="numbers, text, booleans or dates",
    )


def _chunk(batch: RecordBatch, first: int) -> Chunk:
    columns = [_texts(column) for column in batch.columns]
    return Chunk(
        batch.num_rows, columns, lambda: map(",".join, zip(*columns, strict=True)), lambda i: first + i
    )


def _texts(column: Array) -> list[str]:
    from arro3.core import DataType

    cells: list[Any] = list(column.cast(DataType.utf8()).to_pylist())
    return ["" if cell is None else cell for cell in cells] if column.null_count else cells
