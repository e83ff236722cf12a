"""The quick ways of decoding say what the thorough ones say."""

import csv
import io
import json
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import RequestError
from perennial_container.schema import Feature
from perennial_container.serving.columns import read_column
from perennial_container.serving.decoder import CHUNK, FEW, Decoder
from perennial_container.serving.features import json_reader, text_reader
from perennial_container.serving.media import ContentType
from perennial_container.serving.numbers import PIECE, NotPlain

CSV = ContentType("csv")
MIXED = [
    FeatureEncoding(Feature("ratio", "float"), None, 0.25),
    FeatureEncoding(Feature("score", "int")),
    FeatureEncoding(Feature("group", "string"), ("a", "b, c", "1")),
    FeatureEncoding(Feature("first", "bool")),
]
NUMBERS = [FeatureEncoding(Feature("x", "float")), FeatureEncoding(Feature("y", "int"), None, 7.0)]
NUMBERED = [FeatureEncoding(Feature(str(place), "float")) for place in range(3)]
TEXTS = [FeatureEncoding(Feature(name, "string"), ("u", "v")) for name in ("p", "q")]
ALONE = [FeatureEncoding(Feature("x", "float"))]
CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "NA", "nan", "inf", "-0", "1_0", "yes", "no", "a", "b, c", "x", "0", "1", "p", "q"]
    ),
    st.sampled_from(
        [
            *(
                "1e39",
                "-1e400",
                "3.0",
                "3.5",
                " 2 ",
                "٣",
                "0x1",
                "\x00",
                "ratio",
                "é",
                "\x1c5",
                "[1",
                "1]",
                "[",
                "]",
            ),
            *(
                "8e99",
                "9e99",
                "80e98",
                ".5",
                "-.5",
                ".",
                "5.",
                "+1",
                "007",
                "1NA",
                "NAN",
                "None",
                "n/a",
                "null",
                "{}",
            ),
            *("9007199254740993", "18446744073709551616", "1,", ",", "1\n", "true", "N/A ", "\t1"),
        ]
    ),
    st.integers(-5, 5).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.floats()),
    st.sampled_from(["a", "b, c", "1", "", 1e39, 2**53 + 1, 2**64, 8e99, 9e99, 10**400, [1], {}, "null"]),
)


def outcome(decoder: Decoder, body: bytes, kind: ContentType, *, thorough: bool = False) -> object:
    """The matrix as nested lists, or what the refusal says; rows of CSV in parts are the same, or none."""
    parts = None if thorough or kind.form != "csv" else in_parts(decoder, body, kind)
    try:
        matrix = decoder.thorough(body, kind) if thorough else decoder.decode(body, kind)
    except RequestError as error:
        assert parts is None
        return (error.code, error.line, error.column)
    assert matrix.dtype == np.float32
    assert parts is None or np.array_equal(parts, matrix, equal_nan=True)
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def in_parts(decoder: Decoder, body: bytes, kind: ContentType) -> np.ndarray | None:
    try:
        return np.concatenate(list(decoder.parts(body, kind)))
    except NotPlain:
        return None


def test_numbers_come_in_parts():
    """A long body of numbers is more than one part, below a header, too; what is found late is told then."""
    decoder, rows = Decoder(THREE), b"1,2,3\n" * 30_000
    for body in (rows, b"z,y,x\n" + rows):
        parts = list(decoder.parts(body, CSV))
        assert len(parts) > 1
        assert sum(map(len, parts)) == 30_000
    parts = decoder.parts(rows + b"1,2\n", CSV)
    assert len(next(parts)) < 30_000
    with pytest.raises(NotPlain):
        list(parts)
    assert outcome(decoder, rows + b"1,2\n", CSV) == ("wrong_column_count", 30_001, None)


def written(rows: Sequence[Sequence[str]], quoting: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


EVERY = pytest.mark.parametrize(
    "encodings", [MIXED, NUMBERS, NUMBERED, TEXTS, ALONE], ids=["mixed", "numbers", "names", "texts", "alone"]
)


THREE = [FeatureEncoding(Feature(name, "float")) for name in ("x", "y", "z")]


@pytest.mark.parametrize(
    ("body", "form"),
    [
        pytest.param(b"1,2,3,9e99,4,5,6\n", "csv", id="a row's end within a line"),
        pytest.param(b"1,2,3,90e98,4,5,6\n", "csv", id="the same, written in another way"),
        pytest.param(b"1,2,3,9e99,4\n5\n", "csv", id="as many rows as lines, and all ends in their places"),
        pytest.param(b"1,2,3\n" * 9000 + b"1,2,3,9e99,4,5,6\n", "csv", id="far down"),
        pytest.param(
            b'{"instances": [[1, 2, 3]], "instance\\u0073": [[4, 5, 6]]}', "json", id="a name in escapes"
        ),
    ],
)
def test_nothing_is_smuggled_in(body, form):
    """What the quick ways put into a body, or look for in it, is not taken for theirs where it was sent."""
    decoder, kind = Decoder(THREE), ContentType(form)
    refused = outcome(decoder, body, kind)
    assert refused == outcome(decoder, body, kind, thorough=True)
    assert refused[0] in ("wrong_column_count", "duplicate_name")


@pytest.mark.parametrize("body", [b"x,y,z", b"x,y,z\n", b"z,a,y,x\r\n", b"x,y,z" + b",a" * 20_000])
def test_there_is_at_least_one_part(body):
    """Rows that are read while others are predicted begin with one: a header alone goes the thorough way."""
    with pytest.raises(NotPlain):
        list(Decoder(THREE).parts(body, CSV))
    assert outcome(Decoder(THREE), body, CSV) == ("empty_body", None, None)


def test_the_number_that_ends_rows_is_a_number():
    """A cell may hold it."""
    assert outcome(Decoder(THREE), b"1,9e99,3\n9e99,9e99,9e99\n", CSV)[0] == [
        1.0,
        float(np.finfo(np.float32).max),
        3.0,
    ]


@EVERY
@given(data=st.data())
def test_csv_however_it_is_written(encodings, data):
    """Whatever way a body takes, the numbers and the refusals are those of the thorough way."""
    names = [encoding.feature.name for encoding in encodings]
    header = data.draw(
        st.sampled_from([None, names, names[::-1], [*names, "other"], ["other", *names], names[1:]])
    )
    columns = len(header or names)
    width = st.sampled_from([columns] * 9 + [columns + 1])
    row = width.flatmap(lambda cells: st.lists(CELLS, min_size=cells, max_size=cells))
    rows = data.draw(st.lists(row, min_size=1, max_size=5)) * data.draw(st.sampled_from([1, 1, FEW]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    body = written(rows if header is None else [header, *rows], quoting)
    end = data.draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"\n \n"]))
    body = data.draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\n"])) + body.replace(b"\n", end)
    body = body.removesuffix(b"\n") if data.draw(st.booleans()) else body
    kind = ContentType("csv", data.draw(st.sampled_from([None, None, True, False])))
    decoder = Decoder(encodings)
    assert outcome(decoder, body, kind) == outcome(decoder, body, kind, thorough=True)


@EVERY
@given(data=st.data())
def test_csv_of_any_characters(encodings, data):
    """Text that is hardly CSV is refused, or read, as it is the thorough way."""
    body = data.draw(st.text('0123456789.,-+eE[]{}"\r\n \tna_é', max_size=60)).encode()
    body = body * data.draw(st.sampled_from([1, FEW]))
    decoder = Decoder(encodings)
    assert outcome(decoder, body, CSV) == outcome(decoder, body, CSV, thorough=True)


@EVERY
@given(data=st.data())
def test_a_column_at_once(encodings, data):
    """A column that is read at once has in each cell what its reader makes of it, and none that it refuses."""
    for encoding in encodings:
        for cells, reader, text in ((CELLS, text_reader, True), (VALUES, json_reader, False)):
            some = data.draw(
                st.one_of(st.just(cells), st.lists(cells, min_size=1, max_size=2).map(st.sampled_from))
            )
            column = data.draw(st.lists(some, min_size=1, max_size=6))
            values = read_column(column, encoding, text=text)
            if values is not None:
                read = reader(encoding)
                assert np.array_equal(values, [read(cell) for cell in column], equal_nan=True)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(-9, 9)), min_size=1, max_size=4))
def test_many_rows_are_read_as_few_are(rows):
    """A long body of numbers takes another way, to the same numbers."""
    decoder, body = Decoder(NUMBERS), written([[repr(x), str(y)] for x, y in rows], csv.QUOTE_MINIMAL)
    times = FEW // len(rows) + 2
    assert outcome(decoder, body * times, CSV) == outcome(decoder, body, CSV) * times


@given(st.lists(st.tuples(st.sampled_from(["", "1.5"]), st.sampled_from(["", "3"])), min_size=1, max_size=9))
def test_many_rows_with_empty_cells(rows):
    """Empty cells of a long body are missing, as they are in a quoted one."""
    decoder, times = Decoder(NUMBERS), FEW // len(rows) + 2
    plain = written(rows, csv.QUOTE_MINIMAL) * times
    quoted = written(rows, csv.QUOTE_ALL) * times
    assert outcome(decoder, plain, CSV) == outcome(decoder, quoted, CSV)


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=4))
def test_json_by_name_or_by_position(rows):
    """Objects take the thorough way; the numbers, and the refusals, are those of lists."""
    decoder, kind = Decoder(MIXED), ContentType("json")
    names = [encoding.feature.name for encoding in MIXED]
    listed = json.dumps({"instances": rows}).encode()
    named = json.dumps({"instances": [dict(zip(names, row, strict=True)) for row in rows]}).encode()
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    found = outcome(decoder, listed, kind)
    assert found == outcome(decoder, named, kind)
    if isinstance(found, list):
        assert found == outcome(decoder, lines, ContentType("jsonlines"))


FORMS = {
    "instances": lambda _, rows: {"instances": rows},
    "inputs": lambda _, rows: {"inputs": rows},
    "bare": lambda _, rows: rows,
    "split": lambda names, rows: {"dataframe_split": {"columns": names[::-1], "data": rows}},
    "records": lambda names, rows: {"instances": [dict(zip(names, row, strict=False)) for row in rows]},
    "features": lambda _, rows: {"instances": [{"features": row} for row in rows]},
    "two keys": lambda _, rows: {"instances": rows, "inputs": rows[:1]},
}


@EVERY
@given(data=st.data())
def test_json_in_any_form(encodings, data):
    """Lists, objects and split tables, few rows or many, are read and refused as they are the thorough way."""
    names = [encoding.feature.name for encoding in encodings]
    cells = data.draw(
        st.sampled_from([VALUES, st.floats(-1e6, 1e6), st.one_of(st.none(), st.integers(-3, 3))])
    )
    width = st.sampled_from([len(names)] * 9 + [len(names) + 1])
    row = width.flatmap(lambda columns: st.lists(cells, min_size=columns, max_size=columns))
    rows = data.draw(st.lists(row, min_size=1, max_size=4)) * data.draw(st.sampled_from([1, FEW, 16 * FEW]))
    shape = data.draw(st.sampled_from([*FORMS, "lines", "lines"]))
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    if shape == "lines":
        body = "\n".join(json.dumps(row, separators=separators) for row in rows).encode()
    else:
        body = json.dumps(FORMS[shape](names, rows), separators=separators).encode()
    kind, decoder = ContentType("jsonlines" if shape == "lines" else "json"), Decoder(encodings)
    assert outcome(decoder, body, kind) == outcome(decoder, body, kind, thorough=True)


@given(st.lists(st.text("0123456789.,[]\n ", max_size=12), min_size=1, max_size=4))
def test_lines_that_are_lists_only_together(lines):
    """Lines of JSON that make sense only one after another are refused, however many there are."""
    decoder, kind = Decoder(NUMBERS), ContentType("jsonlines")
    body = "\n".join([*lines, *["[1,2]"] * 1000]).encode()
    assert outcome(decoder, body, kind) == outcome(decoder, body, kind, thorough=True)


@pytest.mark.parametrize(
    "end",
    [
        b"[3,4]",
        b"[3,4]\n\n",
        b"\n[3,4]",
        b"[null,4]",
        b"[3,4],[5,6]",
        b"3,4]",
        b"[3,\n4]",
        b"[3,x]",
        b"[3]",
        b"{}",
    ],
)
def test_lines_that_are_read_some_at_a_time(end):
    """JSON Lines beyond what is read in one go are read, or refused at their line, as they are the thorough way."""
    decoder, kind = Decoder(NUMBERS), ContentType("jsonlines")
    body = b"[1,2]\r\n" * (PIECE // 3) + end
    assert outcome(decoder, body, kind) == outcome(decoder, body, kind, thorough=True)


def test_lines_take_little_memory():
    """JSON Lines are never there as one document: reading them takes hardly more than what they become."""
    body, decoder = b"[1,2]\n" * 400_000, Decoder(NUMBERS)
    decoder.decode(body[: 6 * PIECE], ContentType("jsonlines"))
    tracemalloc.start()
    matrix = decoder.decode(body, ContentType("jsonlines"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * matrix.nbytes + 16 * PIECE


def as_npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(("encodings", "cell"), [(NUMBERS, 1), (TEXTS, np.nan)], ids=["numbers", "texts"])
def test_a_large_array_is_read_some_rows_at_a_time(encodings, cell):
    """Reading an array of 32 bits takes hardly more memory than what it becomes."""
    body, decoder = as_npy(np.full((400_000, 2), cell, np.float32)), Decoder(encodings)
    decoder.decode(as_npy(np.full((1, 2), cell, np.float32)), ContentType("npy"))
    tracemalloc.start()
    matrix = decoder.decode(body, ContentType("npy"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(matrix) == 400_000
    assert most < 1.7 * matrix.nbytes


@pytest.mark.parametrize(("bad", "column"), [(np.inf, "x"), (0.5, "y")], ids=["infinite", "not whole"])
@pytest.mark.parametrize("row", [0, CHUNK - 1, CHUNK, 2 * CHUNK + 7])
def test_the_place_in_an_array(bad, column, row):
    """What is wrong far down is told with its row and its column."""
    values = np.ones((3 * CHUNK, 2))
    values[row, "xy".index(column)] = bad
    assert outcome(Decoder(NUMBERS), as_npy(values), ContentType("npy")) == ("wrong_type", row + 1, column)
