"""The schema of a dataset, as intake wrote it and as the artefact carries it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from perennial_container.errors import SchemaError

Problem = Literal["binary_classification", "multiclass_classification", "regression"]
PROBLEMS = ("binary_classification", "multiclass_classification", "regression")
TYPES = ("float", "int", "string", "bool")


@dataclass(frozen=True)
class Feature:
    """One input column; `type` is one of float, int, string, bool."""

    name: str
    type: str

    @property
    def categorical(self) -> bool:
        return self.type == "string"


@dataclass(frozen=True)
class Schema:
    """What the model learns from what; `classes` is empty for regression."""

    problem: Problem
    target: str
    classes: tuple[str, ...]
    features: tuple[Feature, ...]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the agreed keys and ignore others, so that an older image reads a newer schema."""
        try:
            problem, target = document["problem"], document["target"]
            features = tuple(Feature(str(entry["name"]), entry["type"]) for entry in document["features"])
        except (KeyError, TypeError) as error:
            raise SchemaError(f"schema.json lacks or misshapes {error}") from error
        if problem not in PROBLEMS:
            raise SchemaError(f"schema.json has the problem {problem!r}; known are {', '.join(PROBLEMS)}")
        if not features:
            raise SchemaError("schema.json has no features")
        for feature in features:
            if feature.type not in TYPES:
                raise SchemaError(
                    f"feature {feature.name!r} has the type {feature.type!r}; known are {', '.join(TYPES)}"
                )
        classes = (
            () if problem == "regression" else tuple(str(label) for label in document.get("classes") or ())
        )
        return cls(problem, str(target), classes, features)

    def to_json(self) -> dict[str, Any]:
        return {
            "problem": self.problem,
            "target": self.target,
            "classes": list(self.classes) or None,
            "features": [{"name": feature.name, "type": feature.type} for feature in self.features],
        }

    @property
    def outputs(self) -> int:
        """How many numbers the model's graph gives for a row: one per class if there are more than two."""
        return len(self.classes) if self.problem == "multiclass_classification" else 1
