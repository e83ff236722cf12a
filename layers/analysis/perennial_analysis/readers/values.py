"""JSON values as columns."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from perennial_analysis.columns import Column, Kind, numbers, texts

LARGEST = int(sys.float_info.max)
"""JSON has greater integers than floats have room for: those are text."""


def column_of_values(name: str, values: Sequence[Any], kind: Kind | None = None) -> Column:
    """Numbers if all values are, unless the kind is String; else text, as JSON writes it. Null is missing."""
    values = [str(each) if type(each) is int and abs(each) > LARGEST else each for each in values]
    types = {type(each) for each in values} - {type(None)}
    if kind != "String" and types and types <= {int, float}:
        if types == {int}:
            return numbers(name, values, "Integral")
        found = numbers(name, values)
        whole = sum(type(each) is int for each in values)
        return Column(name, "Fractional", found.values, found.missing, whole_floats=whole)
    return texts(name, (each if each is None or isinstance(each, str) else written(each) for each in values))


def written(value: Any) -> str:
    """A value that is no text, as JSON has it."""
    return msgspec.json.encode(value).decode()


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects give `outer.inner`."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found
