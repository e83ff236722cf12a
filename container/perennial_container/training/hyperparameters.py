"""Reads hyperparameters.json, whose values are all strings."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from perennial_analysis.bias.thresholds import group_of
from perennial_container.errors import TrainingError


@dataclass(frozen=True)
class Hyperparameters:
    """The reserved ones by name; `estimator_options` are all others, for the estimator. With `facet_threshold`
    `privileged` is the name of the group that its number is in."""

    holdout: float = 0.2
    seed: int = 0
    estimator: str = "gradient_boosting"
    threshold: float = 0.5
    facet: str | None = None
    facet_threshold: tuple[float, ...] = ()
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
        if "facet_threshold" in given:
            reserved |= _groups(given.pop("facet_threshold"), reserved.get("privileged"))
        if "seed" in given:
            reserved["seed"] = int(_between("seed", given.pop("seed"), 0, 2**31 - 1))
        return cls(**reserved, estimator_options={name: _scalar(text) for name, text in given.items()})


def _groups(text: str, privileged: str | None) -> dict[str, Any]:
    found = _json(text)
    thresholds = found if isinstance(found, list) else [found]
    numbers = all(type(each) in (int, float) and math.isfinite(each) for each in thresholds)
    if not thresholds or not numbers or sorted({*thresholds}) != thresholds:
        raise TrainingError(
            f"hyperparameter 'facet_threshold' is {text!r}, expected a number or a list of ascending ones"
        )
    try:
        group = None if privileged is None else group_of(privileged, thresholds)
    except ValueError as error:
        raise TrainingError(f"hyperparameter 'privileged': {error}") from error
    return {"facet_threshold": tuple(map(float, thresholds)), "privileged": group}


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


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _scalar(text: str) -> Any:
    value = _json(text)
    return text if isinstance(value, dict | list) or value is None else value
