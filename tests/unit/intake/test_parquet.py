"""Parquet goes the way of CSV, through ranged reads."""

import io

import pytest
from arro3.core import Array, DataType, Field, RecordBatch, Schema, Table
from arro3.io import write_parquet

from perennial.intake.parquet_reader import ParquetReader
from perennial.intake.ranges import CachedRanges
from perennial.intake.reading import Unreadable

N = 40


def parquet(columns, **options):
    file = io.BytesIO()
    batch = RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    write_parquet(Table.from_batches([batch]), file, **options)
    return file.getvalue()


def good(n=N, **more):
    columns = {
        "amount": Array([k + 0.5 for k in range(n)], type=DataType.float64()),
        "count": Array([None if k % 5 == 0 else k for k in range(n)], type=DataType.int64()),
        "code": Array([str(k) for k in range(n)], type=DataType.utf8()),
        "open": Array([k % 3 == 0 for k in range(n)], type=DataType.bool()),
        "whole": Array([float(k) for k in range(n)], type=DataType.float32()),
        "day": Array(list(range(n)), type=DataType.int32()).cast(DataType.date32()),
        "group": Array(["a", "b"] * (n // 2), type=DataType.utf8()).cast(
            DataType.dictionary(DataType.int32(), DataType.utf8())
        ),
        "y": Array([k % 2 for k in range(n)], type=DataType.int64()),
    }
    return parquet(columns | more, max_row_group_size=16, compression="snappy")


def test_types_are_those_of_the_file(look):
    """Text that looks like numbers stays text, a float column of whole numbers stays float."""
    found = look({"a.parquet": good(), "b.parquet": good(20)})
    assert (True, 60, "parquet", ("0", "1")) == (
        found.accepted,
        found.rows,
        found.schema.format,
        found.schema.classes,
    )
    assert [
        ("amount", "float", False),
        ("count", "int", True),
        ("code", "string", False),
        ("open", "bool", False),
        ("whole", "float", False),
        ("day", "string", False),
        ("group", "string", False),
    ] == [(each.name, each.type, each.nullable) for each in found.schema.features]


def test_parts_may_differ_in_a_number_type(look):
    """A column that is int in one part and float in another is float."""
    other = good(N, count=Array([k + 0.25 for k in range(N)], type=DataType.float64()))
    assert "float" == look({"a.parquet": good(), "b.parquet": other}).schema.features[1].type


def test_a_bad_value_is_found_by_its_row(look):
    """Rows count from 1; there is no header line in Parquet."""
    rules = {
        "features": {
            "amount": {"type": "float", "max": 35},
            **{name: {"type": "string"} for name in ("count", "code", "open", "whole", "day", "group")},
        }
    }
    problem = look({"a.parquet": good()}, schema=rules).problems[0]
    assert "a.parquet, row 36: column 'amount' holds '35.5', expected at most 35" == problem.sentence


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"a,b\n1,2\n", "not a Parquet file", id="CSV"),
        pytest.param(b"PAR1PAR1", "too early", id="nothing but magic"),
        pytest.param(good()[:-20], "too early", id="cut off"),
        pytest.param(b"PAR1" + b"\xff" * 40 + b"\x20\0\0\0PAR1", "damaged", id="garbage for a footer"),
        pytest.param(
            parquet({"x": Array([b"1"], type=DataType.binary())}), "'x' has the type Binary", id="binary"
        ),
    ],
)
def test_what_is_not_parquet_is_refused(look, body, says):
    """A damaged file or a type that is no single value is told, not crashed on."""
    assert says in look({"a.parquet": body}).problems[0].sentence


def test_nested_columns_are_refused():
    """One cell holds one value."""
    struct = RecordBatch.from_arrays([Array([1], type=DataType.int64())], names=["inner"]).to_struct_array()
    body = parquet({"outer": struct})
    with pytest.raises(Unreadable, match="'outer' has the type Struct"):
        ParquetReader(io.BytesIO(body))


class Broken(io.BytesIO):
    """A connection that breaks once the footer was read."""

    healthy = True

    def read(self, size=-1, /):
        if not self.healthy:
            raise ConnectionError("reset by peer")
        return super().read(size)


def test_a_broken_connection_is_not_a_damaged_file():
    """What the file raises comes out as it is, though a library read through it."""
    file = Broken(good())
    reader = ParquetReader(file)
    file.healthy = False
    with pytest.raises(ConnectionError, match="reset by peer"):
        list(reader.chunks())


class Counting(io.BytesIO):
    """Counts the requests that a file over the network would take."""

    reads = 0

    def read(self, size=-1, /):
        self.reads += 1
        return super().read(size)


def test_few_requests_are_made():
    """Thousands of small reads become a request per block."""
    file = Counting(good(4000))
    rows = sum(chunk.rows for chunk in ParquetReader(file).chunks())
    assert (4000, True) == (rows, file.reads <= 4), file.reads


def test_ranges_read_as_the_file_does():
    """Seeking and reading anywhere gives the file's own bytes."""
    body = bytes(range(256)) * 1000
    ranges, file = CachedRanges(io.BytesIO(body)), io.BytesIO(body)
    ranges.expect_columns(10_000)
    for offset, whence, size in [(0, 0, 10), (-8, 2, 8), (65_530, 0, 20), (5, 1, 100), (0, 0, -1), (0, 2, 5)]:
        assert file.seek(offset, whence) == ranges.seek(offset, whence)
        assert file.read(size) == ranges.read(size)
        assert file.tell() == ranges.tell()


def test_field_names_may_repeat_no_more_than_in_csv(look):
    """Two columns of one name are refused."""
    batch = RecordBatch.from_arrays(
        [Array(["1"], type=DataType.utf8())] * 2 + [Array(["a"], type=DataType.utf8())],
        schema=Schema([Field(name, DataType.utf8()) for name in "xxy"]),
    )
    file = io.BytesIO()
    write_parquet(batch, file)
    assert "2 columns are named 'x'" in look({"a.parquet": file.getvalue()}).problems[0].sentence
