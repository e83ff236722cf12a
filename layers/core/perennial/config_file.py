"""Reading model.yaml, so that a mistake is named with its line, its key, what is allowed, and a near miss."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from perennial.config import ModelConfig
from perennial.errors import ConfigError

Path = tuple[str | int, ...]
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 100
_shown.maxlevel = 2


def read_config(text: str, *, model: str) -> ModelConfig:
    """Parse and validate a model.yaml found in the folder of `model`. Raises ConfigError with every problem."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError([f"{where}not valid YAML: {error.problem or error}"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"not valid YAML: {error}"]) from error
    if not isinstance(values, Mapping):
        raise ConfigError(["line 1: expected keys and values, such as `model: mortgage`"])
    lines = _lines(node)
    try:
        config = ModelConfig.model_validate(values)
    except ValidationError as error:
        found = sorted((_problem(detail, lines) for detail in error.errors()), key=lambda told: told[0])
        raise ConfigError([f"line {line}: {text}" for line, text in found]) from error
    if config.model != model:
        raise ConfigError(
            [
                f"line {lines.get(('model',), 1)}: model is {config.model!r}, but the file lies in the folder of {model!r}"
            ]
        )
    return config


def _lines(node: yaml.Node | None) -> dict[Path, int]:
    """Every key's path and its line, counted from 1. Raises ConfigError where YAML would silently take the last."""
    lines: dict[Path, int] = {}
    repeated: list[str] = []
    for path, line in _places(node, (), set()):
        if path in lines:
            place = ".".join(map(str, path))
            repeated.append(
                f"line {line}: {place!r} stands there twice, first on line {lines[path]}: leave one out"
            )
        lines.setdefault(path, line)
    if repeated:
        raise ConfigError(repeated)
    return lines


def _places(node: yaml.Node | None, path: Path, seen: set[int]) -> Iterable[tuple[Path, int]]:
    if id(node) in seen:  # an alias; a few of them within each other stand for billions of keys
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from _places(value, (*path, str(key.value)), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _places(value, (*path, index), seen)


def _problem(detail: Any, lines: Mapping[Path, int]) -> tuple[int, str]:
    """One of pydantic's errors as its line and a sentence."""
    path: Path = tuple(part for part in detail["loc"] if part != "schema_")
    place = ".".join(str(part) for part in path)
    if detail["type"] == "extra_forbidden":
        known = _keys(path[:-1])
        hint = _near(path[-1], known) or f"; allowed here: {', '.join(sorted(known))}"
        return _line(path, lines), f"unknown key {place!r}{hint}"
    if detail["type"] == "missing":
        return _line(path, lines), f"{place!r} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and not path:  # about keys that do not agree: the first is named
        path = tuple(message.partition(":")[0].split("."))
    elif detail["type"] == "literal_error":
        message += _near(detail["input"], re.findall(r"'(.*?)'", detail["ctx"]["expected"]))
    elif detail["type"] == "tuple_type":
        message = "Input should be a list, such as [first, second]"
    if isinstance(detail["input"], bool) and "string" in message:
        message += '; YAML reads a bare yes, no, on or off as a boolean: write it in quotes ("no")'
    shown = (
        ""
        if isinstance(detail["input"], Mapping) or not place
        else f" (found {_shown.repr(detail['input'])})"
    )
    return _line(path, lines), f"{place + ': ' if place else ''}{message}{shown}"


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """Where a key stands, or the section that it would stand in."""
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), 1)


def _near(word: object, known: list[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, n=1) if isinstance(word, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _keys(path: Path) -> list[str]:
    """The keys that model.yaml knows at a path."""
    model: type[BaseModel] | None = ModelConfig
    for part in path:
        field = (
            next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None) if model else None
        )
        model = _section(field.annotation) if field else model
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section inside an annotation such as `BiasMonitor | None` or `dict[str, FeatureRule]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _section(argument))), None)
