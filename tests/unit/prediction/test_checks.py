"""Requests for predictions are held against the schema of the version that serves."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perennial.errors import RequestRefused
from perennial.intake.schema import Feature, Schema
from perennial.prediction.checks import check

SCHEMA = Schema(
    "binary_classification",
    "deny",
    ("0", "1"),
    "csv",
    100,
    (),
    (
        Feature("age", "int", False, min=18, max=99),
        Feature("plan", "string", False, allowed=("basic", "gold")),
        Feature("owner", "bool", True),
    ),
)
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
ROW = {"age": 41, "plan": "basic", "owner": True}

FITTING = [
    pytest.param(CSV, "41,basic,true\n", 1, id="csv without a header"),
    pytest.param(
        "text/csv; charset=utf-8", "plan,owner,more,age\nbasic,no,x,41\ngold,,y,7\n", 2, id="csv by name"
    ),
    pytest.param(CSV, '41,"ba\nsic",1\r\n', 1, id="csv with quotes"),
    pytest.param(CSV, ",,\n", 1, id="missing cells"),
    pytest.param(CSV, "150,platinum,true\n", 1, id="outside the limits is for monitoring to see"),
    pytest.param(CSV, "41.5,basic,true\n", 1, id="a whole number may be widened"),
    pytest.param(JSON, json.dumps({"instances": [ROW, ROW]}), 2, id="instances"),
    pytest.param(JSON, json.dumps([[41, "basic", None]]), 1, id="bare rows"),
    pytest.param(JSON, json.dumps({"instances": [{"features": [41, "a", False]}]}), 1, id="features"),
    pytest.param(
        JSON, json.dumps({"columns": ["owner", "age", "plan"], "data": [[1, 2, "a"]]}), 1, id="split table"
    ),
    pytest.param(LINES, json.dumps(ROW) + "\n\n" + json.dumps([1, "b", None]), 2, id="json lines"),
    pytest.param(LINES, '[41, "a\u2028b\x85c", true]\r\n', 1, id="json lines end with a line feed alone"),
    pytest.param("application/x-npy", "\x93NUMPY", None, id="arrays are passed on"),
]

WRONG = [
    pytest.param(CSV, "old,basic,true\n", "wrong_type", 1, "age", id="text for a number"),
    pytest.param(CSV, "41,basic,true\n42,gold,perhaps\n", "wrong_type", 2, "owner", id="no boolean"),
    pytest.param(CSV, "41,basic\n", "wrong_column_count", 1, None, id="too few columns"),
    pytest.param(CSV, "age,owner\n41,true\n", "missing_column", None, "plan", id="a column is missing"),
    pytest.param(CSV, "age,plan,owner,age\n1,a,1,1\n", "duplicate_column", None, "age", id="a column twice"),
    pytest.param(CSV, "age,plan,owner\n", "empty_body", None, None, id="a header alone"),
    pytest.param(CSV, '41,"basic', "malformed_csv", None, None, id="an open quote"),
    pytest.param(CSV, " \n", "empty_body", None, None, id="nothing"),
    pytest.param(JSON, '{"instances": [{"age": 41}]}', "missing_column", 1, "plan", id="a key is missing"),
    pytest.param(JSON, '{"instances": [[[1], "a", true]]}', "wrong_type", 1, "age", id="a list in a cell"),
    pytest.param(
        JSON, '{"instances": [[true, "a", true]]}', "wrong_type", 1, "age", id="a boolean for a number"
    ),
    pytest.param(JSON, '{"instances": [7]}', "not_a_row", 1, None, id="no row"),
    pytest.param(
        JSON,
        '{"columns": ["age", "plan", "owner"], "data": [7]}',
        "wrong_column_count",
        1,
        None,
        id="no cells",
    ),
    pytest.param(JSON, '{"rows": []}', "no_instances", None, None, id="no rows"),
    pytest.param(JSON, "[]", "empty_body", None, None, id="an empty list"),
    pytest.param(JSON, "[[NaN, 1, 1]]", "malformed_json", None, None, id="no JSON"),
    pytest.param(JSON, "[" * 100000, "malformed_json", None, None, id="too deep"),
    pytest.param(LINES, "\x1c", "malformed_json", 1, None, id="no blank of JSON's"),
    pytest.param(LINES, '{"age": 1', "malformed_json", 1, None, id="a broken line"),
]


@pytest.mark.parametrize(("kind", "body", "rows"), FITTING)
def test_what_fits(kind, body, rows):
    """Every form that the container reads is read here by the same rules, and its rows are counted."""
    assert rows == check(body.encode(), kind, SCHEMA)


@pytest.mark.parametrize(("kind", "body", "code", "row", "column"), WRONG)
def test_what_does_not_fit(kind, body, code, row, column):
    """A bad request is told with row, column, and what was expected."""
    with pytest.raises(RequestRefused) as refused:
        check(body.encode(), kind, SCHEMA)
    error = refused.value
    assert (400, code, row, column) == (error.status, error.code, error.row, error.column)
    assert (code in ("wrong_type", "wrong_column_count")) == bool(error.expected)


@pytest.mark.parametrize("kind", [None, "", "application/xml", "text/plain; charset=utf-8"])
def test_an_unknown_content_type(kind):
    """What nobody reads is refused as 415, with what is read."""
    with pytest.raises(RequestRefused, match="text/csv") as refused:
        check(b"1", kind, SCHEMA)
    assert 415 == refused.value.status


def test_without_a_schema():
    """A version that somebody else trained is asked as it is."""
    assert check(b"anything", CSV, None) is None


@given(st.binary(max_size=200), st.sampled_from([CSV, JSON, LINES]))
@example(b"\xef\xbb\xbf", LINES)  # a byte order mark, and nothing after it
def test_any_bytes(body, kind):
    """Whatever is sent either has rows or is refused as 400."""
    try:
        rows, status = check(body, kind, SCHEMA), 200
    except RequestRefused as error:
        rows, status = 0, error.status
    assert (rows, status) == (0, 400) or rows > 0
