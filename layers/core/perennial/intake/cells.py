"""What one text cell means. The training container reads cells by the same rules."""

from __future__ import annotations

import math
from itertools import product
from typing import Literal

Kind = Literal["missing", "int", "float", "bool", "string"]

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
# Every capitalisation, so that a whole column can be searched without lowering each cell.
MISSING_SPELLINGS = frozenset(
    "".join(letters) for word in MISSING for letters in product(*({c.lower(), c.upper()} for c in word))
)
BOOLEANS = frozenset({"true", "t", "yes", "y", "1", "1.0", "false", "f", "no", "n", "0", "0.0"})
# Only these make a column bool when nothing is declared: yes/no are as good as text, 0/1 as numbers.
PLAIN_BOOLEANS = frozenset({"true", "false"})


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def parse_number(cell: str) -> float | None:
    """A finite decimal number, or None. Digit separators and digits of other scripts are not numbers."""
    if "_" in cell or not cell.strip().isascii():
        return None
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def kind_of(cell: str) -> Kind:
    """What a cell would be if nothing were declared; 3 and 3.0 are both whole numbers."""
    if is_missing(cell):
        return "missing"
    number = parse_number(cell)
    if number is not None:
        return "int" if number.is_integer() else "float"
    return "bool" if cell.strip().lower() in PLAIN_BOOLEANS else "string"
