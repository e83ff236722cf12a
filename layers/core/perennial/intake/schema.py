"""What a model learns from: columns, their types and rules. Pure.

A column's rule comes from model.yaml, else from the pinned schema of an earlier dataset, else there is none and
its type is inferred: int, or float as soon as one number is not whole; bool if all cells are true or false;
string as soon as one cell is anything else. Dates and a column without any value are strings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, cast

from perennial.intake.cells import BOOLEANS, is_missing, parse_number
from perennial.intake.problem import shorten
from perennial.metrics import Problem as ProblemKind
from perennial.sections import SchemaRules

ColumnType = Literal["float", "int", "string", "bool"]
Format = Literal["csv", "parquet"]
SHOWN = 8


@dataclass(frozen=True)
class Feature:
    """One input column, as schema.json has it. `min`, `max`, `allowed` are rules, None where there are none."""

    name: str
    type: ColumnType
    nullable: bool
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """schema.json: `classes` are sorted, and None for regression; `features` are in the order of the file."""

    problem: ProblemKind
    target: str
    classes: tuple[str, ...] | None
    format: Format
    rows: int
    drop: tuple[str, ...]
    features: tuple[Feature, ...]

    def document(self) -> dict[str, Any]:
        return {"version": 1, **asdict(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read a schema.json that intake wrote."""
        classes = document.get("classes")
        return cls(
            problem=document["problem"],
            target=document["target"],
            classes=None if classes is None else tuple(classes),
            format=document["format"],
            rows=document["rows"],
            drop=tuple(document["drop"]),
            features=tuple(_feature(entry) for entry in document["features"]),
        )

    @classmethod
    def from_json(cls, body: bytes | str) -> Self:
        return cls.from_document(json.loads(body))


def _feature(entry: Mapping[str, Any]) -> Feature:
    allowed = entry.get("allowed")
    return Feature(
        entry["name"],
        cast(ColumnType, entry["type"]),
        entry["nullable"],
        entry.get("min"),
        entry.get("max"),
        None if allowed is None else tuple(allowed),
    )


@dataclass(frozen=True)
class Rule:
    """What the cells of one column must be. A missing cell always fits.

    `type` None: to be inferred. `may_widen`: an int column that was inferred may become float.
    """

    type: ColumnType | None = None
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] | None = None
    may_widen: bool = False

    def expected_instead_of(self, cell: str) -> str | None:
        """What was expected if the cell breaks the rule; None if it fits."""
        if is_missing(cell):
            return None
        text = cell.strip()
        if self.type in ("int", "float"):
            number = parse_number(text)
            whole = self.type == "int" and not self.may_widen
            if number is None or (whole and not number.is_integer()):
                return "a whole number" if self.type == "int" else "a number"
            if self.min is not None and number < self.min:
                return f"at least {self.min:g}"
            if self.max is not None and number > self.max:
                return f"at most {self.max:g}"
        if self.type == "bool" and text.lower() not in BOOLEANS:
            return "true or false"
        if self.allowed is not None and text not in self.allowed:
            return "one of " + some(self.allowed)
        return None


INFER = Rule()


def some(names: tuple[str, ...] | list[str]) -> str:
    """A few of many names, for a sentence."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(shorten(name)) for name in names[:SHOWN]) + more


@dataclass(frozen=True)
class Expectation:
    """The columns that a drop must have. `source` names who says so; `rules` None: the first part decides."""

    source: str
    rules: Mapping[str, Rule] | None
    target: str
    drop: frozenset[str]
    classes: tuple[str, ...] | None = None


def expectation(
    problem: ProblemKind, target: str, declared: SchemaRules, pinned: Schema | None
) -> Expectation:
    """model.yaml's features are the word of the user; the pinned schema counts where they say nothing."""
    drop = frozenset(declared.drop)
    if pinned and pinned.target != target:
        pinned = None  # another target is another model: its columns were chosen for something else
    classes = pinned.classes if pinned and pinned.problem == problem else None
    if declared.features:
        rules = {
            name: Rule(rule.type, rule.min, rule.max, rule.allowed)
            for name, rule in declared.features.items()
            if name not in drop
        }
        return Expectation("the schema in model.yaml", rules, target, drop, classes)
    if pinned:
        rules = {
            feature.name: Rule(feature.type, feature.min, feature.max, feature.allowed, may_widen=True)
            for feature in pinned.features
            if feature.name not in drop
        }
        # A column dropped at first and not any more is wanted from now on: its type is inferred.
        rules |= {name: INFER for name in pinned.drop if name not in drop}
        return Expectation("the schema pinned by an earlier drop", rules, target, drop, classes)
    return Expectation("the first part", None, target, drop, classes)
