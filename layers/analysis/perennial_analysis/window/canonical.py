"""Text as the model reads it: the same cell has the same spelling in a file, in CSV and in JSON."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perennial_analysis.columns import Coded, Column, Table, texts
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
    known = [word or "" for word in words]
    values = np.array([*known, None], dtype=object)[np.where(missing, len(known), codes)]
    kind = "Unknown" if missing.all() else column.kind
    return replace(column, kind=kind, values=values, missing=missing, coded=Coded(codes, known))


def _word(text: str) -> str | None:
    stripped = text.strip()
    lower = stripped.lower()
    return None if lower in MISSING else TRUTHS.get(lower, stripped)
