"""Reads hyperparameters.json, whose values are all strings."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from perennial_container.errors import TrainingError


@dataclass(frozen=True)
class Hyperparameters:
    """The reserved ones by name; `estimator_options` are all others, for the estimator."""

    holdout: float = 0.2
    seed: int = 0
    estimator: str = "gradient_boosting"
    threshold: float = 0.5
    facet: str | None = None
    privileged: str | None = None
    champion_version: str | None = None
    estimator_options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; a missing one means all defaults."""
        try:
            document = json.loads(path.read_bytes()) if path.exists() else {}
        except ValueError as error:
            raise TrainingError(f"hyperparameters.json is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise TrainingError("hyperparameters.json is not a JSON object")
        return cls.parse({name: str(value) for name, value in document.items()})

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Self:
        """Turn strings into values; an empty one means not given."""
        given = {name: _unquoted(text) for name, text in texts.items() if text != ""}
        reserved: dict[str, Any] = {}
        for name in ("estimator", "facet", "privileged", "champion_version"):
            if name in given:
                reserved[name] = given.pop(name)
        for name, (lowest, highest) in {"holdout": (0.0, 0.9), "threshold": (0.0, 1.0)}.items():
            if name in given:
                reserved[name] = _between(name, given.pop(name), lowest, highest)
        if "seed" in given:
            reserved["seed"] = int(_between("seed", given.pop("seed"), 0, 2**31 - 1))
        return cls(**reserved, estimator_options={name: _scalar(text) for name, text in given.items()})


def _unquoted(text: str) -> str:
    """SageMaker's Python SDK sends strings as JSON, with their quotes."""
    value = _scalar(text)
    return value if isinstance(value, str) else text


def _between(name: str, text: str, lowest: float, highest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not lowest <= number <= highest:
        raise TrainingError(
            f"hyperparameter {name!r} is {text!r}, expected a number from {lowest} to {highest}"
        )
    return number


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) or value is None else value
