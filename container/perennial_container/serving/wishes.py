"""What a caller may ask for in X-Amzn-SageMaker-Custom-Attributes: `predictions=labels`, say. Pure."""

from functools import lru_cache
from typing import Literal, get_args

from perennial_container.errors import RequestError

Parts = Literal["both", "labels", "probabilities"]
PARTS: tuple[Parts, ...] = get_args(Parts)
KEY = "predictions"
LONGEST = 1024  # bytes of custom attributes that SageMaker passes on


@lru_cache(maxsize=256)
def parts_wished(attributes: bytes | None, otherwise: Parts) -> Parts:
    """Attributes are `key=value`, separated by commas or semicolons; others' are left alone.

    Raises RequestError 400 for a value that is not known.
    """
    if not attributes:
        return otherwise
    for attribute in attributes.decode("latin-1").replace(";", ",").split(","):
        key, _, value = attribute.partition("=")
        if key.strip() == KEY:
            return parse_parts(value.strip())
    return otherwise


def stamped(attributes: bytes, stamp: bytes) -> bytes:
    """The caller's attributes, given back, and ours after them where SageMaker's limit leaves room."""
    if not stamp or len(attributes) + len(stamp) + 1 > LONGEST:
        return attributes
    return attributes + b"," + stamp


def parse_parts(text: str) -> Parts:
    """Raises RequestError 400."""
    for parts in PARTS:
        if text == parts:
            return parts
    raise RequestError(400, "unknown_parts", f"{KEY} is not one of {', '.join(PARTS)}")
