"""Reading model.yaml, so that a mistake is named with its line, its key, what is allowed, and a near miss."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from perennial.config import ModelConfig
from perennial.errors import ConfigError

Path = tuple[str | int, ...]


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
    lines = dict(_lines(node))
    try:
        config = ModelConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_problem(detail, lines) for detail in error.errors()]) from error
    if config.model != model:
        raise ConfigError(
            [
                f"line {lines.get(('model',), 1)}: model is {config.model!r}, but the file lies in the folder of {model!r}"
            ]
        )
    return config


def _lines(node: yaml.Node | None, path: Path = ()) -> Iterable[tuple[Path, int]]:
    """Every key's path and its line, counted from 1."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _lines(value, (*path, index))


def _problem(detail: Any, lines: Mapping[Path, int]) -> str:
    """One of pydantic's errors as a sentence with its place."""
    path: Path = tuple(part for part in detail["loc"] if part != "schema_")
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), 1)
    place = ".".join(str(part) for part in path)
    if detail["type"] == "extra_forbidden":
        known = _keys(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"allowed here: {', '.join(sorted(known))}"
        return f"line {line}: unknown key {place!r}; {hint}"
    if detail["type"] == "missing":
        return f"line {line}: {place!r} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], bool) and "string" in message:
        message += '; YAML reads a bare yes, no, on or off as a boolean: write it in quotes ("no")'
    shown = "" if isinstance(detail["input"], Mapping) or not place else f" (found {detail['input']!r})"
    return f"line {line}: {place + ': ' if place else ''}{message}{shown}"


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
