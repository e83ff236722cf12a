"""Bytes that nobody thought of, against the decoder and against the real server, with a bounded budget."""

import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet
import pytest
from container_jobs import Server
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import RequestError
from perennial_container.schema import Feature
from perennial_container.serving.decoder import Decoder
from perennial_container.serving.media import BODIES, ContentType, choose_answer, parse_content_type
from perennial_container.serving.texts import TextDecoder
from perennial_container.serving.wishes import parts_wished

ENCODINGS = [
    FeatureEncoding(Feature("ratio", "float"), None, 0.25),
    FeatureEncoding(Feature("score", "int")),
    FeatureEncoding(Feature("group", "string"), ("a", "b, c")),
    FeatureEncoding(Feature("first", "bool")),
]
NUMBERS = [FeatureEncoding(Feature(name, "float")) for name in "xyz"]
RAW = [FeatureEncoding(Feature("x", "float")), FeatureEncoding(Feature("text", "string"))]
DECODERS = {"mixed": Decoder(ENCODINGS), "numbers": Decoder(NUMBERS), "texts": TextDecoder(RAW)}
# Pieces that mean something to one of the readers, in any order, say more than bytes alone.
WORDS = (
    *(b"0.5", b"3", b"a", b"true", b"null", b"NaN", b"1e400", b"-0", b"9e99", b".5"),
    *(
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b'"',
        b'""',
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b" ",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b'"instances"',
        b'"inputs"',
        b'"columns"',
        b'"data"',
        b'"ratio"',
        b"ratio,score,group,first\n",
        b"x,y,z\n",
    ),
    *(b"[[1,2,3]]", b"1,2,3\n", b"\x93NUMPY\x01\x00"),
)
BODIES_OF = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join))


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("form", ["csv", "json", "jsonlines", "npy"])
@settings(max_examples=150)
@given(body=BODIES_OF)
@example(b"true,9e99")
def test_any_bytes_are_rows_or_a_refusal(decoder: str, form: str, body: bytes) -> None:
    """Whatever a body is, it is a matrix of as many columns as the model has, or a 4xx with a code."""
    with suppress(RequestError):
        matrix = DECODERS[decoder].decode(body, ContentType(form))
        assert matrix.shape == (len(matrix), len(DECODERS[decoder]._encodings))
        assert len(matrix)


@settings(max_examples=200)
@given(st.text(max_size=80), st.text(max_size=80), st.binary(max_size=80))
@example("text/csv;header", "*/*;q=nan,text/*;q", b"predictions=")
def test_any_headers_are_understood_or_refused(kind: str, accept: str, attributes: bytes) -> None:
    """Content types, Accept and custom attributes of any text end in a choice or in a refusal."""
    with suppress(RequestError):
        assert parse_content_type(kind).form in BODIES.values()
    with suppress(RequestError):
        assert choose_answer(accept, "csv") in ("csv", "json", "jsonlines")
    with suppress(RequestError):
        assert parts_wished(attributes, "both")


def whole_file() -> bytes:
    file = io.BytesIO()
    columns = {"ratio": [0.5, None], "score": [3, 1], "group": ["a", None], "first": [True, False]}
    pyarrow.parquet.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


FILE = whole_file()


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_parquet_file_with_other_bytes(fuzzed: Server, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes of a file are others, even where Arrow's reader aborts: predictions, or a refusal."""
    body = bytearray(FILE)
    for place, value in changes:
        body[place] = value
    answer = fuzzed.invoke(bytes(body), "application/x-parquet")
    assert answer.status_code in (200, 400, 413), answer.text
    assert fuzzed.client.get("/ping").status_code == 200
