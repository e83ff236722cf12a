"""The groups of a facet beside the privileged one, in Clarify's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from perennial_analysis.bias.groups import Facet, outcome, positives
from perennial_analysis.bias.report import BiasReport, bias_report
from perennial_analysis.model_quality.labels import MISSING, Values, encode, spell

MOST_GROUPS = 20
FROM_PREDICTIONS = ("DI", "DPPL")
"""The metrics that need no labels."""
T = TypeVar("T")


def groups_report(
    facet: str,
    column: Values,
    privileged: str | None,
    target: str,
    positive: str,
    *,
    labels: Values | None,
    predicted: Values,
    seed: int = 0,
) -> BiasReport:
    """Each group of the facet, largest first if there are more than MOST_GROUPS, against the privileged one; without
    that, against all others. Of [rows] each; without `labels` only the metrics that need none."""
    groups = encode(column)
    sizes = np.bincount(groups.places[groups.places != MISSING], minlength=len(groups.names))
    first = None if privileged is None else spell(privileged)
    largest = sorted(range(len(groups.names)), key=lambda place: (-sizes[place], groups.names[place]))
    chosen = sorted([groups.names[place] for place in largest if groups.names[place] != first][:MOST_GROUPS])
    names = np.array([*groups.names, None], dtype=object)[groups.places]
    called = positives(predicted, values=[positive])
    result = outcome(target, predicted if labels is None else labels, values=[positive])
    reports = [
        bias_report([Facet(facet, _of_two(names, name, first), [name])], result, called, seed=seed)
        for name in chosen
    ]
    found = [group for report in reports for group in report.groups]
    if labels is None:
        found = [
            replace(
                group,
                metrics={"post_training": _only(group.metrics["post_training"])},
                intervals={"post_training": _only(group.intervals["post_training"])},
            )
            for group in found
        ]
    stages = ["post_training"] if labels is None else ["post_training", "pre_training"]
    left_out = {facet: int((groups.places == MISSING).sum())}
    return BiasReport(result.label, result.value, found, stages, [facet], left_out)


def _of_two(names: npt.NDArray[np.object_], name: str, privileged: str | None) -> npt.NDArray[np.object_]:
    """The facet's column with only the two groups to be compared; rows of others have none."""
    if privileged is None:
        return names
    kept = names.copy()
    kept[(names != name) & (names != privileged)] = None
    return kept


def _only(found: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in found.items() if name in FROM_PREDICTIONS}
