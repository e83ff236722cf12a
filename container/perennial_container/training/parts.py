"""Finds the parts of a dataset and reads them as a stream of batches; memory holds one batch at a time."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from perennial_container.errors import TrainingError

CSV_BLOCK_BYTES = 8 << 20
PARQUET_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Batch:
    """Some rows of one part; `first_row` counts the part's data rows from 1."""

    part: str
    first_row: int
    columns: dict[str, pa.Array]
    rows: int


def find_parts(folder: Path) -> list[Path]:
    """All data files of a channel in a stable order; markers (`_SUCCESS`) and hidden files are not data."""
    parts = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("_", ".")) and path.name != "manifest.json"
    )
    if not parts:
        raise TrainingError(f"the channel {folder.name!r} holds no data file; give it CSV or Parquet parts")
    return parts


def read_part(path: Path, name: str, columns: Sequence[str]) -> Iterator[Batch]:
    """Read the named columns of one part, whatever their order in it. CSV cells come as text."""
    read = _read_parquet if _is_parquet(path) else _read_csv
    first_row = 1
    for record_batch in read(path, name, columns):
        arrays = dict(zip(columns, record_batch.columns, strict=True))
        yield Batch(name, first_row, arrays, record_batch.num_rows)
        first_row += record_batch.num_rows


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_csv(path: Path, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    header = _csv_header(path, name)
    _require(columns, header, name)
    try:
        reader = pyarrow.csv.open_csv(
            path,
            pyarrow.csv.ReadOptions(block_size=CSV_BLOCK_BYTES),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), include_columns=list(columns)
            ),
        )
        yield from reader
    except pa.ArrowInvalid as error:
        raise TrainingError(f"{name} is not a readable CSV file: {error}") from error


def _csv_header(path: Path, name: str) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), None)
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{name} is not a readable CSV file: {error}") from error
    if header is None:
        raise TrainingError(f"{name} is empty; every CSV part needs a header row")
    return header


def _read_parquet(path: Path, name: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        file = pyarrow.parquet.ParquetFile(path)
        _require(columns, file.schema_arrow.names, name)
        for batch in file.iter_batches(PARQUET_BATCH_ROWS, columns=list(columns)):
            yield batch.select(list(columns))
    except pa.ArrowInvalid as error:
        raise TrainingError(f"{name} is not a readable Parquet file: {error}") from error


def _require(columns: Sequence[str], present: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in present]
    if missing:
        raise TrainingError(f"{name} lacks the columns {missing}; it has {list(present)[:50]}")
    repeated = [column for column in columns if list(present).count(column) > 1]
    if repeated:
        raise TrainingError(f"{name} has several columns named {repeated}")
