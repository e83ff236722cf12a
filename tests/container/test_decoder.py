"""The quick ways of decoding say what the thorough ones say."""

import csv
import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import RequestError
from perennial_container.schema import Feature
from perennial_container.serving.decoder import FEW, Decoder
from perennial_container.serving.media import ContentType

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
CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "NA", "nan", "inf", "-0", "1_0", "yes", "no", "a", "b, c", "x", "0", "1", "p", "q"]
    ),
    st.sampled_from(["1e39", "-1e400", "3.0", "3.5", " 2 ", "٣", "0x1", "\x00", "ratio", "é", "\x1c5"]),
    st.integers(-5, 5).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


def outcome(decoder: Decoder, body: bytes, kind: ContentType) -> object:
    """The matrix as nested lists, or what the refusal says."""
    try:
        matrix = decoder.decode(body, kind)
    except RequestError as error:
        return (error.code, error.line, error.column)
    assert matrix.dtype == np.float32
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def written(rows: Sequence[Sequence[str]], quoting: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    "encodings", [MIXED, NUMBERS, NUMBERED, TEXTS], ids=["mixed", "numbers", "names", "texts"]
)
@given(data=st.data())
def test_csv_however_it_is_quoted(encodings, data):
    """Quotes send a body the thorough way; the numbers, and the refusals, are the same."""
    width = st.sampled_from([len(encodings)] * 9 + [len(encodings) + 1])
    row = width.flatmap(lambda columns: st.lists(CELLS, min_size=columns, max_size=columns))
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    if data.draw(st.booleans()):
        rows.insert(0, [encoding.feature.name for encoding in encodings])
    decoder = Decoder(encodings)
    plain = outcome(decoder, written(rows, csv.QUOTE_MINIMAL), CSV)
    assert plain == outcome(decoder, written(rows, csv.QUOTE_ALL), CSV)


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


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from(["a", "b, c", "1", ""])
)


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
