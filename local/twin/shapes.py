"""Requests and answers against botocore's own service models.

`parse` turns the JSON of a request into Python values and reports every broken constraint
in the words of AWS's validator; `render` turns a handler's answer into what goes on the wire.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from twin.errors import AwsError, validation

_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "blob": (str, bytes),
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}

# Java's regular expressions (the models') in Python's, wide where the two differ.
_JAVA_CLASSES = {
    r"\p{L}": r"\w\u00aa-\U0010ffff",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{S}": r"$+<=>^`|~\u00a2-\U0010ffff",
    r"\p{P}": r"!-/:-@\[-`{-~\u00a1-\U0010ffff",
    r"\p{Alnum}": "A-Za-z0-9",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
}


@lru_cache(maxsize=1024)
def pattern(java: str) -> re.Pattern[str]:
    """A model's pattern as Python can compile it."""
    python = java.replace(r"\z", r"\Z")
    python = re.sub(r"\$\{\d+,\d+\}", "$", python)
    python = re.sub(r"(?<!\[)(\\p\{(?:ASCII|Print|Alnum)\})(?=[*+?]|$)", r"[\1]", python)
    for name, members in _JAVA_CLASSES.items():
        python = python.replace(name, members)
    return re.compile(python)


def parse(shape: StructureShape, request: Any) -> dict[str, Any]:
    """The request as Python values. Raises AWS's SerializationException or ValidationException."""
    broken: list[str] = []
    value = _parse(shape, request, "", broken)
    if broken:
        plural = "error" if len(broken) == 1 else "errors"
        raise validation(f"{len(broken)} validation {plural} detected: {'; '.join(broken)}")
    return dict(value)


def _parse(shape: Shape, value: Any, path: str, broken: list[str]) -> Any:
    expected: Any = _JSON_TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise AwsError(
            "SerializationException",
            f"{type(value).__name__.upper()}_VALUE cannot be converted to {shape.type_name.capitalize()}"
            + (f" at '{path}'" if path else ""),
        )
    _constraints(shape, value, path, broken)
    if isinstance(shape, StructureShape):
        return _parse_members(shape, value, path, broken)
    if isinstance(shape, ListShape):
        return [
            _parse(shape.member, item, f"{path}.{index}.member", broken)
            for index, item in enumerate(value, start=1)
        ]
    if isinstance(shape, MapShape):
        for key in value:
            _constraints(shape.key, key, f"{path}.key", broken)
        return {key: _parse(shape.value, item, f"{path}.{key}.member", broken) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return _timestamp(value)
    if shape.type_name == "blob":
        return _blob(value)
    return value


def _parse_members(
    shape: StructureShape, value: Mapping[str, Any], path: str, broken: list[str]
) -> dict[str, Any]:
    parsed = {}
    for name, member in shape.members.items():
        at = f"{path}.{_camel(name)}" if path else _camel(name)
        if value.get(name) is not None:
            parsed[name] = _parse(member, value[name], at, broken)
        elif name in shape.required_members:
            broken.append(f"Value null at '{at}' failed to satisfy constraint: Member must not be null")
    return parsed


def _constraints(shape: Shape, value: Any, path: str, broken: list[str]) -> None:
    def break_(rule: str) -> None:
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        broken.append(f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must {rule}")

    limits = shape.metadata
    if isinstance(value, (str, list, dict)) and shape.type_name not in ("structure", "timestamp"):
        if len(value) < limits.get("min", 0):
            break_(f"have length greater than or equal to {limits['min']}")
        if len(value) > limits.get("max", len(value)):
            break_(f"have length less than or equal to {limits['max']}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < limits.get("min", value):
            break_(f"have value greater than or equal to {limits['min']}")
        if value > limits.get("max", value):
            break_(f"have value less than or equal to {limits['max']}")
    if isinstance(value, str):
        if limits.get("enum") and value not in limits["enum"]:
            break_(f"satisfy enum value set: [{', '.join(limits['enum'])}]")
        if limits.get("pattern") and not pattern(limits["pattern"]).fullmatch(value):
            break_(f"satisfy regular expression pattern: {limits['pattern']}")


def _timestamp(value: float | str) -> datetime:
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError as error:
            raise AwsError("SerializationException", f"STRING_VALUE '{value}' is not a timestamp") from error
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC)


def _blob(value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise AwsError("SerializationException", "STRING_VALUE is not base64") from error


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def render(shape: Shape, value: Any) -> Any:
    """A handler's answer for the wire: only members the model knows, none that are None."""
    if isinstance(shape, StructureShape):
        return {
            name: render(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [render(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: render(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
