"""How a value is written: Deequ's data types (StatefulDataType), the terms of `data_type_check`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from perennial_analysis.columns import Floats

DataType = Literal["Boolean", "Fractional", "Integral", "String"]

FRACTIONAL = re.compile(r"(-|\+)? ?\d+((\.\d+)|((?:\.\d+)?[Ee][-+]?\d+))", re.ASCII)
INTEGRAL = re.compile(r"(-|\+)? ?\d+", re.ASCII)
BOOLEAN = re.compile(r"true|false")


def data_type(text: str) -> DataType:
    """`3` is Integral, `3.0` and `3e0` are Fractional, `true` is Boolean, all else is String."""
    if INTEGRAL.fullmatch(text):
        return "Integral"
    if FRACTIONAL.fullmatch(text):
        return "Fractional"
    return "Boolean" if BOOLEAN.fullmatch(text) else "String"


def lexical_types(counts: Mapping[str, int]) -> dict[DataType, int]:
    """How many values are written as which type, from how often each value occurs."""
    found: dict[DataType, int] = {}
    for text, count in counts.items():
        kind = data_type(text)
        found[kind] = found.get(kind, 0) + count
    return found


def parse_numbers(counts: Mapping[str, int]) -> Floats:
    """The finite numbers among the values, each as often as it occurs."""
    texts = [text for text in counts if data_type(text) in ("Integral", "Fractional")]
    values = np.array([float(text.replace(" ", "")) for text in texts], dtype=np.float64)
    repeated = np.repeat(values, [counts[text] for text in texts])
    return repeated[np.isfinite(repeated)]
