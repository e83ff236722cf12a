"""Turns request bodies into rows of raw cells, in the order of the model's features. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import orjson
from simdjson import Array, Object, Parser

from perennial_container.errors import RequestError
from perennial_container.serving.media import ContentType
from perennial_container.serving.numbers import LONGEST_LINE, Body, pieces
from perennial_container.words import counted

Row = Sequence[Any]

BOM = b"\xef\xbb\xbf"
ROWS_KEYS = ("instances", "inputs", "dataframe_records", "records")
SPLIT_KEY = "dataframe_split"


class BodyError(RequestError):
    """A body that cannot be read: always status 400."""

    def __init__(self, code: str, message: str, line: int | None = None, column: str | None = None) -> None:
        super().__init__(400, code, message, line=line, column=column)


def read_rows(body: bytes, kind: ContentType, features: Sequence[str]) -> Iterator[tuple[Row, int]]:
    """The rows of a body one after another, each with the line that it ends on (in JSON: its number).

    Cells are text in CSV, JSON values otherwise. Raises RequestError 400 naming the place.
    """
    if not body.strip():
        raise BodyError("empty_body", "the body is empty; send at least one row")
    if kind.form == "csv":
        return read_csv(body, kind.header, features)
    if kind.form == "jsonlines":
        return read_jsonlines(body, features)
    return read_json(body, features)


def read_csv(body: bytes, header: bool | None, features: Sequence[str]) -> Iterator[tuple[Row, int]]:
    """CSV rows; a header line lets the columns come in any order, with others among them."""
    lines = _csv_lines(body)
    first = next(lines, None)
    if first is None:
        raise BodyError("empty_body", "the body has no rows")
    places: list[int] | None = None
    if header or (header is None and looks_like_header(first[1], features)):
        places = _places(first[1], features)
        width = len(first[1])
        first = next(lines, None)
        if first is None:
            raise BodyError("empty_body", "the body has a header line but no rows")
    else:
        width = len(features)
    for line, cells in chain([first], lines):
        if len(cells) != width:
            raise BodyError(
                "wrong_column_count", f"expected {counted(width, 'column')}, found {len(cells)}", line
            )
        yield cells if places is None else [cells[place] for place in places], line


def read_json(body: bytes, features: Sequence[str]) -> Iterator[tuple[Row, int]]:
    """A list of rows, bare or in an object; each row is a list, or an object by feature name.

    A split table, `{"columns": [...], "data": [[...]]}`, has its columns in any order, with others among them.
    """
    document = _loads(body, None)
    _refuse_twice(body, document, None)
    places: list[int] | None = None
    if isinstance(document, dict):
        split = _split(document)
        found = [key for key in ROWS_KEYS if key in document] + ["a split table"] * (split is not None)
        if len(found) != 1:
            also = f", found {' and '.join(found)}" if found else ""
            raise BodyError("no_instances", f'expected {{"instances": [...]}} or a list of rows{also}')
        if split is not None:
            places, width = _split_places(split["columns"], features), len(split["columns"])
        document = document[found[0]] if split is None else split["data"]
    if not isinstance(document, list):
        raise BodyError("no_instances", f"expected a list of rows, found {type_name(document)}")
    if not document:
        raise BodyError("empty_body", "the list of rows is empty")
    for number, value in enumerate(document, start=1):
        if places is None:
            yield _row(value, features, number), number
        elif not isinstance(value, list) or len(value) != width:
            raise BodyError(
                "wrong_column_count", f"expected a list of {counted(width, 'value')} for a row", number
            )
        else:
            yield [value[place] for place in places], number


def read_jsonlines(body: bytes, features: Sequence[str]) -> Iterator[tuple[Row, int]]:
    """One row per line; empty lines are skipped."""
    for number, text in enumerate(body.splitlines(), start=1):
        if text.strip():
            value = _loads(text, number)
            _refuse_twice(text, value, number)
            yield _row(value, features, number), number


def type_name(value: Any) -> str:
    """A JSON value's type in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _csv_lines(body: bytes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text_lines(body, len(BOM) if body.startswith(BOM) else 0), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise BodyError("malformed_csv", f"the CSV cannot be read: {error}", reader.line_num) from error


def text_lines(body: Body, start: int) -> Iterator[str]:
    """Lines with their ends, from a byte on, of which only some are text at a time. Raises RequestError 400."""
    line = 0
    for piece in pieces(body, start):
        line += piece.count(b"\n")
        if len(piece) > LONGEST_LINE:
            where = line if piece.endswith(b"\n") else line + 1
            raise BodyError("malformed_csv", f"a line is longer than {LONGEST_LINE} bytes", where)
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            place = start + error.start
            raise BodyError(
                "not_utf8", f"the body is not UTF-8: byte {place} is {body[place]:#04x}"
            ) from error
        start += len(piece)
        yield from io.StringIO(text, newline="")


def looks_like_header(cells: Sequence[str], features: Sequence[str]) -> bool:
    """A line is a header if most of the feature names are among its cells."""
    found = set(cells)
    return 2 * sum(name in found for name in features) > len(features)


def _places(header: Sequence[str], features: Sequence[str]) -> list[int]:
    for name in features:
        if name not in header:
            raise BodyError("missing_column", f"the columns lack {name!r}", 1, name)
        if header.count(name) > 1:
            raise BodyError("duplicate_column", f"the columns have {name!r} more than once", 1, name)
    return [header.index(name) for name in features]


def _split(document: dict[str, Any]) -> dict[str, Any] | None:
    """The table that has its columns apart, bare or as MLflow names it; None if it is another document."""
    split = document.get(SPLIT_KEY, document)
    return split if isinstance(split, dict) and "columns" in split and "data" in split else None


def _split_places(columns: Any, features: Sequence[str]) -> list[int]:
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise BodyError("no_instances", "expected a list of names for the columns of a split table")
    return _places(columns, features)


def _row(value: Any, features: Sequence[str], line: int) -> Row:
    if isinstance(value, dict):
        if "features" in value and "features" not in features:
            value = value["features"]
        else:
            for name in features:
                if name not in value:
                    raise BodyError(
                        "missing_feature", f"the row lacks {name!r}; send null if it is unknown", line, name
                    )
            return [value[name] for name in features]
    if not isinstance(value, list):
        raise BodyError(
            "not_a_row", f"expected a list or an object for a row, found {type_name(value)}", line
        )
    if len(value) != len(features):
        raise BodyError(
            "wrong_column_count", f"expected {counted(len(features), 'value')}, found {len(value)}", line
        )
    return value


def _refuse_twice(text: bytes, document: Any, line: int | None) -> None:
    """A name that an object has twice, in the document's own object, a split table or a row: readers differ in which
    they take."""
    objects = _objects(document)
    if text.count(b":") <= sum(map(len, objects)):
        return  # as many colons as names
    try:
        parsed = Parser().parse(text)
    except (ValueError, RuntimeError) as error:  # what orjson has read: deeper, or with larger numbers
        raise BodyError("malformed_json", f"the JSON cannot be read: {error}", line) from error
    rows: Any = parsed
    if isinstance(parsed, Object):
        _refuse_name_twice(parsed, line)
        if isinstance(split := parsed[SPLIT_KEY] if SPLIT_KEY in document else None, Object):
            _refuse_name_twice(split, line)
        rows = next((parsed[key] for key in ROWS_KEYS if key in document), ())
    for number, row in enumerate(rows if isinstance(rows, Array) else (), start=1):
        if isinstance(row, Object):
            _refuse_name_twice(row, number)


def _objects(document: Any) -> list[Any]:
    """The document, what holds its rows, and its rows, as far as they are objects."""
    rows, split = document, None
    if isinstance(document, dict):
        rows = next((document[key] for key in ROWS_KEYS if key in document), None)
        split = document.get(SPLIT_KEY)
    found = [document, split, *(rows if isinstance(rows, list) else ())]
    return [each for each in found if isinstance(each, dict)]


def _refuse_name_twice(value: Any, line: int | None) -> None:
    names = list(value)
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise BodyError("duplicate_name", f"the object has {twice[:40]!r} more than once", line, twice[:40])


def _refuse_other_text(text: bytes, line: int) -> None:
    try:
        bytes(text).decode()
    except UnicodeDecodeError as error:
        message = f"the JSON is not UTF-8: byte {error.start} is {text[error.start]:#04x}"
        raise BodyError("not_utf8", message, line) from error


def _loads(text: bytes, line: int | None) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = line if line is not None else error.lineno
        _refuse_other_text(text, where)
        raise BodyError("malformed_json", f"the JSON cannot be read: {error}", where) from error
