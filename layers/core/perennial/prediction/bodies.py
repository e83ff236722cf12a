"""Turns the body of a request into rows of cells by column, or says where it cannot be read.

The container reads the same forms by the same rules; here a bad request is told before it costs an invocation.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NoReturn

from perennial.errors import RequestRefused
from perennial.words import counted

Form = Literal["csv", "json", "jsonlines"]
FORMS: Mapping[str, Form] = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "jsonlines",
    "application/x-jsonlines": "jsonlines",
    "application/jsonl": "jsonlines",
}
# Read by the container alone: their cells are no texts.
PASSED_ON = frozenset({"application/x-npy", "application/vnd.apache.parquet", "application/x-parquet"})
_JSON_BLANKS = " \t\r"
ROWS_KEYS = ("instances", "inputs", "dataframe_records", "records")

Row = Sequence[Any]


@dataclass(frozen=True)
class ContentType:
    """`form` is None for what is passed on unread; `header`: whether CSV has a header line, None if it must be seen."""

    form: Form | None
    header: bool | None = None


def content_type(value: str | None) -> ContentType:
    """Read a Content-Type. Raises RequestRefused 415."""
    name, *rest = (part.strip().lower() for part in (value or "").split(";"))
    if name in PASSED_ON:
        return ContentType(None)
    if name not in FORMS:
        known = ", ".join([*FORMS, *sorted(PASSED_ON)])
        raise RequestRefused(
            415, "unsupported_media_type", f"the content type {name[:40] or 'none'!r} is not one of {known}"
        )
    parameters = dict(part.partition("=")[::2] for part in rest)
    header = {"present": True, "absent": False}.get(parameters.get("header", "").strip('"'))
    return ContentType(FORMS[name], header)


def rows(body: bytes, kind: ContentType, columns: Sequence[str]) -> Iterator[Row]:
    """The cells of each row in the order of the columns. Raises RequestRefused 400 with row and column."""
    if not body.strip():
        raise _bad("empty_body", "the body is empty; send at least one row")
    if kind.form == "csv":
        return _csv(body, kind.header, columns)
    return _jsonlines(body, columns) if kind.form == "jsonlines" else _json(body, columns)


def _csv(body: bytes, header: bool | None, columns: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    lines = (cells for cells in _read(reader) if cells)
    first = next(lines, None)
    places: list[int] | None = None
    width = len(columns)
    if first is not None and (header or (header is None and _is_header(first, columns))):
        places, width = _places(first, columns), len(first)
        first = next(lines, None)
    if first is None:
        raise _bad("empty_body", "the body has no rows")
    for number, cells in enumerate(chain([first], lines), 1):
        if len(cells) != width:
            raise _miscounted(counted(width, "column"), f"{len(cells)}", number)
        yield cells if places is None else [cells[place] for place in places]


def _read(reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise _bad("malformed_csv", f"line {reader.line_num} of the CSV cannot be read: {error}") from error


def _is_header(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """A line is a header if most of the columns' names are among its cells."""
    found = set(cells)
    return 2 * sum(name in found for name in columns) > len(columns)


def _json(body: bytes, columns: Sequence[str]) -> Iterator[Row]:
    document = _loads(_text(body), None)
    if isinstance(document, dict):
        split = document.get("dataframe_split", document)
        if isinstance(split, dict) and "columns" in split and "data" in split:
            yield from _split(split["columns"], split["data"], columns)
            return
        key = next((key for key in ROWS_KEYS if key in document), None)
        document = document[key] if key else None
    if not isinstance(document, list):
        raise _bad("no_instances", 'expected {"instances": [...]} or a list of rows')
    if not document:
        raise _bad("empty_body", "the list of rows is empty")
    for number, value in enumerate(document, 1):
        yield _row(value, columns, number)


def _split(names: Any, data: Any, columns: Sequence[str]) -> Iterator[Row]:
    if not isinstance(names, list) or not isinstance(data, list) or not data:
        raise _bad("no_instances", "a split table needs a list of columns and a list of rows")
    places = _places(names, columns)
    for number, value in enumerate(data, 1):
        if not isinstance(value, list) or len(value) != len(names):
            raise _miscounted(f"a list of {counted(len(names), 'value')}", _counted(value), number)
        yield [value[place] for place in places]


def _jsonlines(body: bytes, columns: Sequence[str]) -> Iterator[Row]:
    # Not splitlines: texts may hold what ends lines elsewhere, such as U+2028.
    found = [line for line in _text(body).split("\n") if line.strip(_JSON_BLANKS)]
    if not found:
        raise _bad("empty_body", "the body has no rows")
    for number, line in enumerate(found, 1):
        yield _row(_loads(line, number), columns, number)


def _row(value: Any, columns: Sequence[str], number: int) -> Row:
    if isinstance(value, dict) and "features" in value and "features" not in columns:
        value = value["features"]
    if isinstance(value, dict):
        for name in columns:
            if name not in value:
                raise _bad(
                    "missing_column", f"the row lacks {name!r}; send null if it is unknown", number, name
                )
        return [value[name] for name in columns]
    if not isinstance(value, list):
        raise _bad("not_a_row", "expected a list or an object for a row", number)
    if len(value) != len(columns):
        raise _miscounted(counted(len(columns), "value"), f"{len(value)}", number)
    return value


def _places(names: Sequence[Any], columns: Sequence[str]) -> list[int]:
    for name in columns:
        if names.count(name) != 1:
            code, fault = (
                ("duplicate_column", "is there twice") if name in names else ("missing_column", "is missing")
            )
            every = ", ".join(map(str, columns))
            raise _bad(code, f"column {name!r} {fault}; expected are {every}", None, name)
    return [names.index(name) for name in columns]


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(
            "not_utf8", f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}"
        ) from error


def _loads(text: str, number: int | None) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _bad("malformed_json", f"the JSON cannot be read: {error}", number) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON; send null for a missing number")


def _miscounted(expected: str, found: str, row: int) -> RequestRefused:
    said = f"expected {expected}, found {found}"
    return RequestRefused(400, "wrong_column_count", said, row=row, expected=expected)


def _counted(value: Any) -> str:
    return f"{len(value)}" if isinstance(value, list) else "no list"


def _bad(code: str, message: str, row: int | None = None, column: str | None = None) -> RequestRefused:
    return RequestRefused(400, code, message, row=row, column=column)
