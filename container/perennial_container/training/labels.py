"""Matches the target's texts with the schema's classes."""

import math
from collections.abc import Sequence


def match_classes(distinct: Sequence[str], classes: Sequence[str]) -> list[int | None]:
    """The place of each text among the classes, or None.

    Spellings that CSV and Parquet give the same label are one: 1 and 1.0, true and True.
    """
    exact = {label: place for place, label in enumerate(classes)}
    loose = {_loosely(label): place for place, label in reversed(list(enumerate(classes)))}
    return [exact.get(text, loose.get(_loosely(text))) for text in distinct]


def same_label(text: str, label: str) -> bool:
    """Whether two spellings mean the same label."""
    return _loosely(text) == _loosely(label)


def _loosely(text: str) -> str | float:
    try:
        number = float(text)
    except ValueError:
        return text.casefold()
    return text.casefold() if math.isnan(number) else number
