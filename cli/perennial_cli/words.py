"""Words of sentences for people. Pure."""

from __future__ import annotations


def counted(count: float, one: str, more: str = "") -> str:
    """`1 row`, `1,234 rows`, `0.5 hours`, `2 classes`. `more` is the plural where it is not `one` with an s."""
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    return f"{number} {one if count == 1 else more or one + 's'}"
