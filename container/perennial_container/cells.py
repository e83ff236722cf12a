"""What one cell means: the rules that training and serving share."""

import math

from perennial_container.errors import CellError

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})
TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
LARGEST_FLOAT32 = 3.4028234663852886e38


def is_missing(text: str) -> bool:
    """Whether a text cell stands for "no value"."""
    return text.strip().lower() in MISSING


def parse_number(text: str) -> float:
    """Read a decimal number; a missing cell is NaN. Infinity and digit separators are refused."""
    stripped = text.strip()
    if stripped.lower() in MISSING:
        return math.nan
    try:
        number = float(stripped)
    except ValueError:
        raise CellError("a number") from None
    if "_" in stripped or not stripped.isascii():
        raise CellError("a number")
    if not math.isfinite(number):
        raise CellError("a finite number")
    return number


def parse_integer(text: str) -> float:
    """Read a whole number; 3 and 3.0 are the same, 3.5 is refused."""
    return whole(parse_number(text))


def parse_boolean(text: str) -> float:
    """Read true or false in their usual spellings as 1.0 or 0.0; a missing cell is NaN."""
    word = text.strip().lower()
    if word in MISSING:
        return math.nan
    if word in TRUE:
        return 1.0
    if word in FALSE:
        return 0.0
    raise CellError("true or false")


def whole(number: float) -> float:
    """Pass NaN and whole numbers through, refuse the rest."""
    if math.isnan(number) or number.is_integer():
        return number
    raise CellError("a whole number")
