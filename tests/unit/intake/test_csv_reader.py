"""CSV as people and programs write it."""

import csv
import hashlib
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perennial.intake import csv_reader
from perennial.intake.csv_reader import CsvReader, HashingStream
from perennial.intake.reading import Unreadable


class Trickle:
    """A stream that gives as little as it likes, as sockets do."""

    def __init__(self, body, most=3):
        self._file, self._most = io.BytesIO(body), most

    def read(self, size, /):
        return self._file.read(min(size, self._most))


def read(body, source=io.BytesIO):
    """Header, rows, and the line of each row; then the ragged rows."""
    reader = CsvReader(HashingStream(source(body)))
    found, lines, ragged = [], [], []
    for chunk in reader.chunks(lambda line, cells: ragged.append((line(), cells))):
        found += zip(*chunk.columns, strict=True)
        lines += [chunk.line(index) for index in range(chunk.rows)]
    return reader.header, found, lines, ragged


@pytest.mark.parametrize(
    ("body", "header", "rows", "lines"),
    [
        pytest.param(b"a,b\n1,2\n3,4\n", ["a", "b"], [("1", "2"), ("3", "4")], [2, 3], id="plain"),
        pytest.param(b"a,b\r\n1,2\r\n", ["a", "b"], [("1", "2")], [2], id="CRLF"),
        pytest.param(b"a,b\n1,2", ["a", "b"], [("1", "2")], [2], id="no line end at the end"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", ["a", "b"], [("1", "2")], [2], id="BOM"),
        pytest.param(b'\xef\xbb\xbf"a","b"\n1,2\n', ["a", "b"], [("1", "2")], [2], id="BOM before a quote"),
        pytest.param(
            b'a,b\n"1\n2",3\n4,5\n', ["a", "b"], [("1\n2", "3"), ("4", "5")], [2, 4], id="quoted line break"
        ),
        pytest.param(
            b'a,b\n"1\r\n\r\n2",3\r\n4,5\r\n',
            ["a", "b"],
            [("1\r\n\r\n2", "3"), ("4", "5")],
            [2, 5],
            id="CRLFs",
        ),
        pytest.param(b'"a\nb",c\n1,2\n', ["a\nb", "c"], [("1", "2")], [3], id="line break in the header"),
        pytest.param(b'a,b\n"x,""y""",2\n', ["a", "b"], [('x,"y"', "2")], [2], id="quotes and commas"),
        pytest.param(
            b'a,b\n5" pipe,2\n', ["a", "b"], [('5" pipe', "2")], [2], id="a quote inside an unquoted cell"
        ),
        pytest.param(
            b"a,b\n\n1,2\n\n\n3,4\n\n", ["a", "b"], [("1", "2"), ("3", "4")], [3, 6], id="blank lines"
        ),
        pytest.param(b"\n\na\n1\n", ["a"], [("1",)], [4], id="blank lines before the header"),
        pytest.param(
            "é,日本\nß,\u2028x\x0by\n".encode(), ["é", "日本"], [("ß", "\u2028x\x0by")], [2], id="unicode"
        ),
        pytest.param(b"a,b\n", ["a", "b"], [], [], id="only a header"),
    ],
)
@pytest.mark.parametrize("source", [io.BytesIO, Trickle])
def test_good_csv(body, header, rows, lines, source):
    """Cells come as they are, with the line where an editor shows them, however the bytes arrive."""
    assert (header, rows, lines, []) == read(body, source)


@pytest.mark.parametrize(
    ("body", "row", "says"),
    [
        pytest.param(b"", None, "empty", id="empty"),
        pytest.param(b"\n\r\n", None, "blank", id="nothing but blank lines"),
        pytest.param(b'a,b\n1,2\n3,"4\n5,6\n', 3, "never closed", id="open quote"),
        pytest.param(b'a,b\n"1"2,3\n', 2, "closing quote", id="text after a closing quote"),
        pytest.param(b'a,b\n1,2\n"x\ny",\xff\n', 4, "0xff", id="not UTF-8"),
        pytest.param(b"\xffa,b\n1,2\n", 1, "0xff", id="not UTF-8 in the header"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), None, "UTF-16", id="UTF-16"),
        pytest.param(b"\x1f\x8b\x08\x00rest", None, "gzip", id="gzip"),
        pytest.param(b"PK\x03\x04rest", None, "ZIP", id="spreadsheet"),
        pytest.param(b"PAR1rest", None, "Parquet", id="Parquet"),
        pytest.param(b"a,b\r1,2\r", 1, "carriage return", id="lone carriage returns"),
        pytest.param(b'a,b\n1,"' + b"x" * 140_000 + b'"\n', 2, "131,072", id="an endless cell"),
    ],
)
def test_unreadable_csv(body, row, says):
    """What cannot be read is told with its line and in plain words."""
    with pytest.raises(Unreadable) as caught:
        read(body)
    assert (row, True) == (caught.value.row, says in caught.value.what), caught.value.what


def test_rows_before_an_unreadable_one_are_kept():
    """The failure comes after what was good before it, so earlier problems are told, too."""
    reader = CsvReader(HashingStream(io.BytesIO(b'a\n1\n2\n"3\n')))
    seen = []
    with pytest.raises(Unreadable):
        seen.extend(chunk.rows for chunk in reader.chunks(lambda line, cells: None))
    assert [2] == seen


def test_ragged_rows_are_told_and_left_out():
    """A row of another length is told with its line; the rows around it keep theirs."""
    _header, rows, lines, ragged = read(b'a,b\n1,2\n"x\ny"\n3,4\n5,6,7\n8,9\n')
    assert [("1", "2"), ("3", "4"), ("8", "9")] == rows
    assert ([2, 5, 7], [(3, 1), (6, 3)]) == (lines, ragged)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)
    )
)
def test_what_csv_writer_writes_is_read_back(table):
    """Any text survives, whatever it is made of."""
    out = io.StringIO()
    csv.writer(out).writerows(table)
    body = out.getvalue().encode()
    assume(not body.startswith(tuple(csv_reader.SIGNATURES)))
    header, rows, _, ragged = read(body, Trickle)
    start = table[0][0].removeprefix("\ufeff")
    assert ([start, *table[0][1:]], [tuple(row) for row in table[1:]], []) == (header, rows, ragged)


@given(
    st.lists(st.tuples(CELLS, st.sampled_from(["", "1", "x\ny"])), max_size=60),
    st.integers(16, 40),
)
def test_chunk_boundaries_do_not_matter(table, size):
    """Rows and their lines are the same in chunks of any size."""
    out = io.StringIO()
    csv.writer(out).writerows([("first", "second"), *table])
    body = out.getvalue().encode()
    whole = read(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "CHUNK_CELLS", size * 2)
        assert whole == read(body)


def test_the_hash_is_that_of_the_bytes():
    """Size and SHA-256 are those of the file as it is stored, BOM and all."""
    body = b"\xef\xbb\xbfa\n1\n"
    stream = HashingStream(Trickle(body))
    for _ in CsvReader(stream).chunks(lambda line, cells: None):
        pass
    assert (len(body), hashlib.sha256(body).hexdigest()) == (stream.size, stream.sha256)
