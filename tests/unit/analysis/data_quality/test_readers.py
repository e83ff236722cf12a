"""Readers of tabular files: types as the file or the text has them, chunks, and what cannot be read."""

import io

import numpy as np
import pytest
from arro3.core import Array, DataType, RecordBatch
from arro3.core import Table as ArrowTable
from arro3.io import write_parquet

from perennial_analysis.readers import tabular
from perennial_analysis.readers.arrow import column_of_texts, view
from perennial_analysis.readers.losses import Losses
from perennial_analysis.readers.tabular import UnreadableFile, read_csv, read_json_lines, read_parquet
from perennial_analysis.statistics import profile_chunks


def values(column):
    return [
        None if gone else value for value, gone in zip(column.values.tolist(), column.missing, strict=True)
    ]


def read(text, **options):
    return list(read_csv(io.BytesIO(text), **options))


def parquet(columns):
    file = io.BytesIO()
    batch = RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    write_parquet(ArrowTable.from_batches([batch]), file)
    return io.BytesIO(file.getvalue())


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        (["1", "-2", None], "Integral", [1.0, -2.0, None]),
        (["1", "2.5"], "Fractional", [1.0, 2.5]),
        (["1.0", "2.0"], "Fractional", [1.0, 2.0]),
        ([" 1", "2 ", "NA"], "Integral", [1.0, 2.0, None]),
        (["1e3", ".5", "None"], "Fractional", [1000.0, 0.5, None]),
        (["nan", "3"], "Integral", [None, 3.0]),
        (["a", "null", "b"], "String", ["a", None, "b"]),
        (["1", "x"], "String", ["1", "x"]),
        (["1_000", "2"], "String", ["1_000", "2"]),
        ([None, "n/a"], "Unknown", [None, None]),
    ],
)
def test_text_is_what_all_its_values_are(cells, kind, expected):
    """A column is numeric if every value is, whatever blanks and words for nothing stand among them."""
    found = column_of_texts("c", Array(cells, type=DataType.utf8()))
    assert kind == found.kind
    if kind != "Unknown":
        assert expected == values(found)


def test_what_was_written_as_an_integer_is_counted():
    """Deequ's types are about how a value is written: 3 and 3.0 differ."""
    found = column_of_texts("c", Array(["3", "3.0", "4.5", None], type=DataType.utf8()))
    assert ("Fractional", 1) == (found.kind, found.whole_floats)
    slow = column_of_texts("c", Array(["3", " 3.0", "4.5", "NA"], type=DataType.utf8()))
    assert ("Fractional", 1) == (slow.kind, slow.whole_floats)


def test_codes_stay_text_where_the_baseline_has_text():
    """Postal codes do not become numbers because this window has no letters."""
    (table,) = read(b"code,n\n01234,1\n00501,2\n", kinds={"code": "String", "n": "Integral"})
    assert ("String", ["01234", "00501"]) == (table["code"].kind, values(table["code"]))
    assert "Integral" == table["n"].kind


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        pytest.param(
            b"\xef\xbb\xbfa,b\r\n1,x\r\n,y\r\n", {}, {"a": [1.0, None], "b": ["x", "y"]}, id="bom crlf"
        ),
        pytest.param(b'a,"b\nc"\n1,"x\ny"\n', {}, {"a": [1.0], "b\nc": ["x\ny"]}, id="line breaks in quotes"),
        pytest.param(b"1,x\n2,y", {"header": False}, {"_c0": [1.0, 2.0], "_c1": ["x", "y"]}, id="no header"),
        pytest.param(
            b"1,x\n2,y\n", {"header": False, "names": ["a"]}, {"a": [1.0, 2.0], "_c1": ["x", "y"]}, id="names"
        ),
        pytest.param(b"a,a,a\n1,2,3\n", {}, {"a": [1.0], "a.1": [2.0], "a.2": [3.0]}, id="same name"),
        pytest.param("ä,b\nü,1\n".encode(), {}, {"ä": ["ü"], "b": [1.0]}, id="unicode"),
    ],
)
def test_csv(text, options, expected):
    """RFC 4180, with or without header."""
    (table,) = read(text, **options)
    assert expected == {name: values(column) for name, column in table.items()}


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_csv_has_no_tables(text):
    """Nothing is not an error."""
    assert [] == read(text)


def test_bad_rows_are_lost_alone(monkeypatch):
    """A row of another width, before or after good ones, costs itself; all others are read once."""
    monkeypatch.setattr(tabular, "CHUNK_ROWS", 2)
    losses = Losses()
    tables = read(b"a,b\n1,1\n2,2\n3,3\n4\n5,5\n6,6,6\n7,\xff\n", losses=losses)
    assert [1, 2, 3, 5, 7] == [each for table in tables for each in values(table["a"])]
    assert 2 == losses.count
    assert "a row has 1 cell, not 2: 4" == losses.examples[0]


def test_chunks_bound_memory_and_change_nothing(monkeypatch):
    """A file in chunks has the statistics of the whole."""
    text = b"x,s\n" + b"".join(b"%d,%c\n" % (k, 97 + k % 3) for k in range(1000))
    whole = profile_chunks(read(text))
    monkeypatch.setattr(tabular, "CHUNK_ROWS", 64)
    parts = read(text)
    assert len(parts) > 10
    found = profile_chunks(parts)
    assert whole.features["s"] == found.features["s"]
    assert whole.features["x"].numbers.buckets == found.features["x"].numbers.buckets


def test_parquet_has_its_own_types():
    """Integers, floats, booleans, dates, dictionaries and nulls, as the file declares them."""
    file = parquet(
        {
            "i": Array([1, None, 3], type=DataType.int32()),
            "f": Array([1.0, None, 3.5], type=DataType.float32()),
            "s": Array(["1", None, "2"], type=DataType.utf8()),
            "b": Array([True, None, False], type=DataType.bool()),
            "d": Array([0, None, 1], type=DataType.int32()).cast(DataType.date32()),
            "c": Array(["x", None, "x"], type=DataType.utf8()).cast(
                DataType.dictionary(DataType.int32(), DataType.utf8())
            ),
            "n": Array([None, None, None], type=DataType.float64()),
        }
    )
    (table,) = read_parquet(file)
    assert {
        "i": ("Integral", [1.0, None, 3.0]),
        "f": ("Fractional", [1.0, None, 3.5]),
        "s": ("String", ["1", None, "2"]),
        "b": ("String", ["true", None, "false"]),
        "d": ("String", ["1970-01-01", None, "1970-01-02"]),
        "c": ("String", ["x", None, "x"]),
    } == {name: (each.kind, values(each)) for name, each in table.items() if name != "n"}
    assert "Unknown" == table["n"].kind
    file.seek(0)
    (table,) = read_parquet(file, {"i": "String"})
    assert ["1", None, "3"] == values(table["i"])


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-9], lambda data: b"PAR1" + bytes(40)]
)
def test_a_damaged_parquet_file_is_said_to_be_one(damage):
    """The reader's own words, not a panic of its library."""
    data = parquet({"i": Array([1], type=DataType.int32())}).getvalue()
    with pytest.raises(UnreadableFile, match="Parquet file is damaged"):
        list(read_parquet(io.BytesIO(damage(data))))


def test_json_lines():
    """Any order of keys, nested objects by path, what a row lacks is missing, lists are text."""
    losses = Losses()
    text = b'{"a": 1, "b": "x"}\n\n{"b": "y", "c": {"d": 2.5}}\n{broken\n{"a": null, "b": "z", "l": [1, 2]}\n'
    (table,) = read_json_lines(io.BytesIO(text), losses=losses)
    assert {
        "a": [1.0, None, None],
        "b": ["x", "y", "z"],
        "c.d": [None, 2.5, None],
        "l": [None, None, "[1,2]"],
    } == {name: values(each) for name, each in table.items()}
    assert 1 == losses.count


@pytest.mark.parametrize("cell", ["1" + "0" * 400, "[" * 100_000 + "]" * 100_000])
def test_strange_json_is_text_or_lost(cell):
    """A number beyond all floats, or nesting without end, harms no other row."""
    losses = Losses()
    text = b'{"a": 1}\n{"a": ' + cell.encode() + b"}\n"
    tables = list(read_json_lines(io.BytesIO(text), losses=losses))
    assert 2 == sum(len(each["a"]) for each in tables) + losses.count


def test_json_lines_come_in_blocks(monkeypatch):
    """A block ends with a line; a line longer than a block is read whole."""
    monkeypatch.setattr(tabular, "BLOCK_BYTES", 16)
    text = b'{"a": 1}\n{"a": 2}\n{"a": "' + b"x" * 50 + b'"}\n{"a": 3}'
    found = [each for table in read_json_lines(io.BytesIO(text)) for each in values(table["a"])]
    assert [1.0, 2.0, "x" * 50, 3.0] == found


def test_slices_are_seen_at_their_offset():
    """Validity bits and values of a slice start where the slice does."""
    array = Array([None, 1.0, None, 3.0, 4.0, None, 6.0, 7.0, 8.0, None], type=DataType.float64()).slice(3, 7)
    found, missing = view(array, np.float64)
    assert [False, False, True, False, False, False, True] == missing.tolist()
    assert [3.0, 4.0, 6.0, 7.0, 8.0] == found[~missing].tolist()
    assert 0 == len(view(array.slice(0, 0), np.float64)[0])
