"""Whether a request's rows fit the schema that the version was trained with: its columns and their types.

A value outside the schema's limits, or a category that it does not know, is predicted like any other: to see that the
world has changed is what monitoring is for.
"""

from __future__ import annotations

from typing import Any

from perennial.errors import RequestRefused
from perennial.intake.problem import shorten
from perennial.intake.schema import Rule, Schema
from perennial.prediction.bodies import content_type, rows


def check(body: bytes, declared: str | None, schema: Schema | None) -> int | None:
    """How many rows a body holds; None when it is passed on unread. Raises RequestRefused 400 or 415."""
    kind = content_type(declared)
    if kind.form is None or schema is None:
        return None
    columns = [feature.name for feature in schema.features]
    rules = [Rule(feature.type, may_widen=True) for feature in schema.features]
    count = 0
    for number, cells in enumerate(rows(body, kind, columns), 1):
        count = number
        for column, rule, cell in zip(columns, rules, cells, strict=True):
            text = _text(cell)
            expected = "a single value" if text is None else rule.expected_instead_of(text)
            if expected:
                found = shorten(str(cell) if text is None else text)
                raise RequestRefused(
                    400,
                    "wrong_type",
                    f"row {number}, column {column!r}: expected {expected}, found {found!r}",
                    row=number,
                    column=column,
                    expected=expected,
                )
    return count


def _text(cell: Any) -> str | None:
    """A cell as a drop's CSV would have it; None for what is no single value."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(cell) if isinstance(cell, int | float) else None
