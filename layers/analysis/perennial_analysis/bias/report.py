"""Clarify's analysis.json, which is also the constraints file of its bias monitor; and a file beside it with
what that one has no place for: intervals, sizes of groups, and which groups are too small to judge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial_analysis.bias.flip_test import flip_test
from perennial_analysis.bias.formulas import STAGES, Counts
from perennial_analysis.bias.groups import Facet, Flags, Group, Outcome, count, divide, strata
from perennial_analysis.bias.intervals import DRAWS, LEVEL, Interval, bootstrap
from perennial_analysis.model_quality.labels import Places, Values, same_length
from perennial_analysis.words import counted

VERSION = "1.0"
MIN_ROWS = 30
NO_STRATA = "there is no group variable"
NO_FEATURES = "there are no numeric features to look for neighbours in"


@dataclass(frozen=True)
class GroupBias:
    """One group of a facet against all others: metrics by stage, their intervals, and the rows on each side.

    A metric is a number or the reason why it is none. `note` says why the group cannot be judged, if so.
    """

    facet: str
    value: str
    rows: int
    others: int
    metrics: Mapping[str, Mapping[str, float | str]]
    intervals: Mapping[str, Mapping[str, Interval]]
    note: str | None


@dataclass(frozen=True)
class BiasReport:
    """All groups of all facets. `left_out` counts, by facet, the rows without a value of it."""

    label: str
    positive: str
    groups: Sequence[GroupBias]
    stages: Sequence[str]
    facets: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)
    level: float = LEVEL

    def analysis(self) -> dict[str, Any]:
        """analysis.json; facets in the order given, groups and metrics in that of their names."""
        document: dict[str, Any] = {"version": VERSION}
        for stage in self.stages:
            descriptions, _ = STAGES[stage]
            document[f"{stage}_bias_metrics"] = {
                "label": self.label,
                "facets": {
                    name: [
                        {
                            "value_or_threshold": group.value,
                            "metrics": [
                                _entry(metric, descriptions[metric], value)
                                for metric, value in sorted(group.metrics[stage].items())
                            ],
                        }
                        for group in self.groups
                        if group.facet == name
                    ]
                    for name in self.facets
                },
                "label_value_or_threshold": self.positive,
            }
        return document

    def intervals(self) -> dict[str, Any]:
        """The file beside analysis.json."""
        return {
            "version": 1,
            "level": self.level,
            "facets": {
                name: {
                    "left_out": self.left_out[name],
                    "groups": [
                        {
                            "value_or_threshold": group.value,
                            "rows": group.rows,
                            "others": group.others,
                            "judged": group.note is None,
                            "note": group.note,
                            "intervals": {
                                stage: {
                                    metric: [as_json(bound) for bound in interval]
                                    for metric, interval in sorted(found.items())
                                }
                                for stage, found in group.intervals.items()
                            },
                        }
                        for group in self.groups
                        if group.facet == name
                    ],
                }
                for name in self.facets
            },
        }


def bias_report(
    facets: Sequence[Facet],
    outcome: Outcome,
    predicted: Flags | None = None,
    *,
    group_variable: Values | None = None,
    features: npt.NDArray[np.float64] | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> BiasReport:
    """Of labels, and of predictions, [rows] true where the good outcome is predicted (without them there are no
    post-training metrics). `group_variable`, [rows], is that of CDDL and CDDPL. `features`, [rows, columns] of
    numbers, are for the flip test only and hold neither facet nor label. Without `draws` there are no intervals.
    """
    stages = sorted(STAGES) if predicted is not None else ["pre_training"]
    stratum = None if group_variable is None else strata(group_variable)
    columns = _Columns(outcome.positive, predicted, stratum, features)
    same_length(labels=outcome.positive, predictions=predicted, strata=stratum, features=features)
    found: list[GroupBias] = []
    left_out: dict[str, int] = {}
    for facet in facets:
        if len(facet.column) != len(outcome.positive):
            rows = len(outcome.positive)
            raise ValueError(f"facet {facet.name!r} has {len(facet.column)} rows, the labels {rows}")
        divided = divide(facet)
        left_out[facet.name] = len(divided.known) - int(divided.known.sum())
        kept = columns.of(divided.known) if left_out[facet.name] else columns
        found += [_group_bias(facet.name, group, kept, level, draws, seed) for group in divided.groups]
    names = [facet.name for facet in facets]
    return BiasReport(outcome.label, outcome.value, found, stages, names, left_out, level)


@dataclass(frozen=True)
class _Columns:
    """What is known of each row besides its group."""

    positive: Flags
    predicted: Flags | None
    stratum: Places | None
    features: npt.NDArray[np.float64] | None

    def of(self, rows: Flags) -> _Columns:
        return _Columns(
            self.positive[rows],
            None if self.predicted is None else self.predicted[rows],
            None if self.stratum is None else self.stratum[rows],
            None if self.features is None else self.features[rows],
        )


def _group_bias(
    facet: str, group: Group, columns: _Columns, level: float, draws: int, seed: int
) -> GroupBias:
    counts: Counts = count(group.member, columns.positive, columns.predicted, columns.stratum)
    size = int(group.member.sum())
    others = len(group.member) - size
    metrics: dict[str, dict[str, float | str]] = {}
    intervals: dict[str, dict[str, Interval]] = {}
    for stage, (_, formulas) in STAGES.items():
        of_labels = stage == "pre_training"
        if not of_labels and columns.predicted is None:
            continue
        of_stage = counts.sum(axis=-1, keepdims=True) if of_labels else counts
        metrics[stage] = {
            name: _value_or_reason(name, float(value), size, others)
            for name, value in formulas(of_stage).items()
        }
        intervals[stage] = bootstrap(of_stage, formulas, level=level, draws=draws, seed=seed)
        if columns.stratum is None:
            conditional = "CDDL" if of_labels else "CDDPL"
            metrics[stage][conditional] = NO_STRATA
            intervals[stage].pop(conditional, None)
    if columns.predicted is not None:
        _add_flip_test(group, columns, metrics["post_training"], intervals["post_training"], level, seed)
        if not draws:
            intervals["post_training"].clear()
    return GroupBias(facet, group.value, size, others, metrics, intervals, _note(size, others))


def _add_flip_test(
    group: Group,
    columns: _Columns,
    metrics: dict[str, float | str],
    intervals: dict[str, Interval],
    level: float,
    seed: int,
) -> None:
    if columns.features is None or columns.predicted is None or not columns.features.shape[1]:
        metrics["FT"] = NO_FEATURES
        return
    try:
        flips = flip_test(columns.features, group.member, columns.predicted, seed=seed)
    except ValueError as error:
        metrics["FT"] = str(error)
        return
    metrics["FT"] = flips.value
    if (interval := flips.interval(level=level, seed=seed)) is not None:
        intervals["FT"] = interval


def _note(rows: int, others: int) -> str | None:
    if rows < MIN_ROWS:
        return f"too small to judge: {counted(rows, 'row')} of the group, at least {MIN_ROWS} are needed"
    if others < MIN_ROWS:
        return (
            f"too small to judge: {counted(others, 'row')} besides the group, at least {MIN_ROWS} are needed"
        )
    return None


def _value_or_reason(metric: str, value: float, rows: int, others: int) -> float | str:
    if not math.isnan(value):
        return value
    if not rows:
        return "the group has no rows"
    if not others:
        return "there are no rows besides the group"
    if metric in ("CDDL", "CDDPL"):
        return "all rows have the same outcome"
    if metric == "GE":
        return "all predictions are false negatives"
    return "the group and the others have no label in common"


def _entry(name: str, description: str, value: float | str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "description": description, "value": None, "error": value}
    return {"name": name, "description": description, "value": as_json(value)}


def as_json(value: float) -> float | str:
    """JSON knows no infinities: Clarify writes them as strings."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
