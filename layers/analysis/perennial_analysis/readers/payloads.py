"""The rows in a captured payload, whatever its encoding and content type."""

from __future__ import annotations

import base64
import csv
from collections.abc import Sequence
from typing import Any

import msgspec

from perennial_analysis.readers.capture_records import Side
from perennial_analysis.readers.values import flat
from perennial_analysis.words import counted

BATCHES = ("instances", "predictions", "inputs", "outputs", "data", "records", "results")
"""Keys under which payloads carry a list with one item a row."""
ROWS = ("features", "values", "row")
"""Keys under which an item carries its cells, if it has no other."""

NOT_PLAIN = '"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029'
"""What quotes cells or ends a line, by Python's `splitlines`."""

Row = dict[str, Any] | list[Any]
"""Cells by name, or by position."""


class UnreadablePayload(Exception):
    """The message says why."""


def rows_of(side: Side) -> tuple[list[Row], bool]:
    """The rows, and whether their cells are text whose types are still to be found out. Raises UnreadablePayload."""
    text, content = side.data or "", (side.observed_content_type or "").partition(";")[0].strip().lower()
    encoding = side.encoding.upper()
    if encoding == "BASE64":
        text = _decoded(text)
        encoding = "CSV" if content in ("text/csv", "text/plain") else "JSON"
    if encoding == "CSV":
        try:
            return [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if row], True
        except csv.Error as error:
            raise UnreadablePayload(f"not CSV: {error}: {text[:80]}") from error
    if encoding != "JSON":
        raise UnreadablePayload(f"its encoding {side.encoding} is unknown")
    try:
        if "jsonl" in content:
            return [_cells(each) for each in msgspec.json.Decoder().decode_lines(text)], False
        return _rows(msgspec.json.decode(text)), False
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadablePayload(f"not JSON ({content or 'no content type'}): {error}: {text[:80]}") from error


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8-sig")
    except ValueError as error:
        raise UnreadablePayload(f"no text in BASE64: {error}") from error


def _rows(document: Any) -> list[Row]:
    """`{"instances": [...]}` has an item a row. A bare list of scalars is one row, a bare list of rows is many."""
    if isinstance(document, dict):
        for key in BATCHES:
            if isinstance(document.get(key), list):
                return [_cells(item) for item in document[key]]
        return [_cells(document)]
    if isinstance(document, list) and any(isinstance(item, list | dict) for item in document):
        return [_cells(item) for item in document]
    return [_cells(document)] if document != [] else []


def _cells(item: Any) -> Row:
    if isinstance(item, dict):
        if len(item) == 1 and (key := next(iter(item))) in ROWS and isinstance(item[key], list):
            return list(item[key])
        return flat(item)
    return item if isinstance(item, list) else [item]


def one_line_each(sides: Sequence[Side | None]) -> list[str]:
    """The payloads without the ends of lines around them, if each is one line of CSV without quotes; else none."""
    found = [each.data for each in sides if each and each.encoding == "CSV"]
    lines = [each for each in found if each]
    if len(lines) < len(sides):
        return []
    together = "".join(lines)
    if "\n" in together or "\r" in together:
        lines = [each.strip("\r\n") for each in lines]
        together = "".join(lines)
    return [] if any(mark in together for mark in NOT_PLAIN) or not all(lines) else lines


def aligned(outputs: Sequence[Row], count: int, width: int) -> Sequence[Row]:
    """Outputs that belong to `count` inputs. Some models answer many rows with one line of as many cells, unless a
    row is known to have more cells than one; `width` is 0 where it is not known."""
    if width <= 1 < count and len(outputs) == 1 and isinstance(outputs[0], list) and len(outputs[0]) == count:
        return [[cell] for cell in outputs[0]]
    if len(outputs) != count:
        raise UnreadablePayload(f"{counted(count, 'row')} went in, {len(outputs)} came out")
    return outputs
