"""Writes what later traffic is held against: the analysis library's baseline of the training and the held-out rows."""

import logging
from functools import partial
from pathlib import Path

import numpy as np

from perennial_analysis.window.baseline import Holdout, baseline
from perennial_container.predictor import Predictions
from perennial_container.schema import Schema
from perennial_container.training.dataset import Dataset
from perennial_container.training.hyperparameters import Hyperparameters
from perennial_container.training.labels import same_label

log = logging.getLogger(__name__)


def write_baseline(
    folder: Path, schema: Schema, dataset: Dataset, predictions: Predictions, settings: Hyperparameters
) -> None:
    """Write the files that these rows allow; `predictions` are the served model's of the held-out rows."""
    make = partial(
        baseline,
        dataset.observed,
        problem=schema.problem,
        target=schema.target,
        classes=schema.classes,
        facet=settings.facet,
        privileged=_as_in_the_data(settings.privileged, dataset.facets),
        seed=settings.seed,
    )
    try:
        files = make(_holdout(schema, dataset, predictions))
    except ValueError as error:
        log.warning("the held-out rows give no baseline, the training rows alone do: %s", error)
        files = make(None)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    log.info("wrote a baseline for monitoring: %s", ", ".join(sorted(files)))


def _holdout(schema: Schema, dataset: Dataset, predictions: Predictions) -> Holdout:
    rows = dataset.holdout
    facet = np.array([*dataset.facets, None], dtype=object)[rows.facet] if dataset.facets else None
    if schema.problem == "regression":
        return Holdout(rows.target, None, predictions.score, facet)
    names = np.array(schema.classes, dtype=object)
    return Holdout(names[rows.target.astype(np.int64)], names[predictions.labels], predictions.score, facet)


def _as_in_the_data(privileged: str | None, facets: list[str]) -> str | None:
    """`no` may be set where the data say `No`."""
    return next((text for text in facets if privileged is not None and same_label(text, privileged)), None)
