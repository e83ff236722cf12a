"""Text as the model reads it: the same cell has the same spelling in a file, in CSV and in JSON."""

from __future__ import annotations

import numpy as np

from perennial_analysis.columns import Coded, CodedColumn, Column, Table, texts
from perennial_analysis.readers.arrow import MISSING

TRUTHS = {"true": "True", "false": "False"}


def canonical(table: Table) -> Table:
    """Text without surrounding blanks, words for nothing as missing, and `true` of JSON as `True`."""
    return {name: _column(column) if column.kind == "String" else column for name, column in table.items()}


def _column(column: Column) -> Column:
    if column.coded is None:
        return texts(column.name, (None if each is None else _word(each) for each in column.values.tolist()))
    words = [_word(word) for word in column.coded.words]
    if words == list(column.coded.words):
        return column
    nothing = np.array([word is None for word in words] or [True])
    codes = np.where(column.missing, 0, column.coded.codes)
    missing = column.missing | nothing[codes]
    return CodedColumn(column.name, missing, Coded(codes, [word or "" for word in words]))


def _word(text: str) -> str | None:
    stripped = text.strip()
    lower = stripped.lower()
    return None if lower in MISSING else TRUTHS.get(lower, stripped)
