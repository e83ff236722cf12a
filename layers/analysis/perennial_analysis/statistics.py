"""The statistics of a dataset, column by column: all that later comparisons need, without its data.

`profile` takes a table, `profile_chunks` a stream of them in bounded memory; `statistics_file` reads and writes them
as Model Monitor's statistics.json, `merge` joins those of parts. Sketches leave here as the file will have them, so a
comparison gives the same result before and after a round trip through the file.
"""

from __future__ import annotations

from collections.abc import Iterable

from perennial_analysis.columns import Table, rows
from perennial_analysis.statistics_column import (
    MOST_CATEGORIES,
    MOST_CATEGORIES_KNOWN,
    MOST_DISTINCT,
    Gathered,
    listed,
)
from perennial_analysis.statistics_features import Bucket, Feature, Numbers, Role, Statistics, Words
from perennial_analysis.statistics_moments import Moments, buckets

__all__ = [
    "MOST_CATEGORIES",
    "MOST_CATEGORIES_KNOWN",
    "MOST_DISTINCT",
    "Bucket",
    "Feature",
    "Moments",
    "Numbers",
    "Role",
    "Statistics",
    "Words",
    "buckets",
    "listed",
    "profile",
    "profile_chunks",
]


def profile(table: Table, baseline: Statistics | None = None) -> Statistics:
    """The statistics of a table. With a baseline, text in a column that was numeric is read as numbers where it is
    one and counted by type, and numbers in a text column as text, so that the two can be compared."""
    return profile_chunks([table], baseline)


def profile_chunks(chunks: Iterable[Table], baseline: Statistics | None = None) -> Statistics:
    """The statistics of all chunks together, holding one of them at a time.

    A column that a chunk lacks is missing in all its rows.
    """
    columns: dict[str, Gathered] = {}
    total = 0
    for table in chunks:
        _add(columns, table, total, baseline)
        total += rows(table)
        del table  # before the next one is made
    return Statistics(total, {name: column.feature() for name, column in columns.items()})


def _add(columns: dict[str, Gathered], table: Table, before: int, baseline: Statistics | None) -> None:
    for name, column in table.items():
        known = baseline.features.get(name) if baseline else None
        columns.setdefault(name, Gathered(name, known, missing=before)).add(column)
    for name, gathered in columns.items():
        if name not in table:
            gathered.missing += rows(table)
