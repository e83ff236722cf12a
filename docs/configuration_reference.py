"""Writes docs/configuration.md from the pydantic models that read model.yaml: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from perennial.config import ModelConfig

HEAD = """# model.yaml, every key

Upload it to `models/<model>/model.yaml` in the data bucket. All keys have defaults but the first three; a
misspelt key is refused with its line and a near miss, and the last valid file stays in force.

| key | values | default | what it does |
|---|---|---|---|
"""


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Key, values, default and description of every key, sections first and then what is in them."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section, inner = _section(field.annotation)
        if section is None:
            yield f"`{key}`", _values(field.annotation, field), _default(field), field.description or ""
            continue
        doc = " ".join((section.__doc__ or "").split())
        described = field.description or ("" if doc.startswith("A part of") else doc)
        values = {"": "section", "<name>.": "a section for each name"}.get(inner, _values(field.annotation))
        yield f"**`{key}`**", values, _default(field), described
        yield from rows(section, f"{key}.{inner}")


def _section(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The section inside an annotation, and the key between the two: none, a fixed one, or any name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    if get_origin(annotation) is dict:
        names, values = get_args(annotation)
        section, _ = _section(values)
        return section, f"{get_args(names)[0]}." if get_origin(names) is Literal else "<name>."
    found = [_section(argument) for argument in get_args(annotation) if get_origin(annotation) is not Literal]
    return next((item for item in found if item[0]), (None, ""))


def _values(annotation: Any, field: FieldInfo | None = None) -> str:
    """What may stand there, in a few words."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    arguments = [argument for argument in get_args(annotation) if argument not in (type(None), Ellipsis)]
    if get_origin(annotation) is tuple:
        return f"list of {_values(arguments[0])}"
    if get_origin(annotation) is dict:
        if isinstance(arguments[1], type) and issubclass(arguments[1], BaseModel):
            return f"{_values(arguments[0])}: section"
        return f"{_values(arguments[0])} to {_values(arguments[1])}"
    if get_origin(annotation) is not None and arguments:
        kinds = arguments[:1] if get_origin(annotation) is Annotated else arguments
        return " or ".join(dict.fromkeys(map(_values, kinds)))
    text = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "`true`, `false`",
        datetime: "date and time",
    }.get(annotation, "any")
    limits = _limits(field.metadata if field else [])
    return f"{text} {limits}".strip()


def _limits(metadata: list[Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(item, name)}"
        for item in metadata
        for name, sign in signs.items()
        if hasattr(item, name)
    ]
    return ", ".join(found)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required" if field.is_required() else ""
    if isinstance(value, BaseModel):
        return ""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def page() -> str:
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows(ModelConfig))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
