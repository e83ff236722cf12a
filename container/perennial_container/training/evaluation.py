"""Scores the model that will be served, and the champion, on the held-out rows."""

import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perennial_analysis.bias.formulas import post_training
from perennial_analysis.bias.groups import count
from perennial_container.artefact import Artefact
from perennial_container.cpu import available_cpus
from perennial_container.encoding import encode
from perennial_container.errors import ArtefactError
from perennial_container.predictor import Predictions
from perennial_container.schema import Schema
from perennial_container.seal import Trust
from perennial_container.training.dataset import Dataset, Rows
from perennial_container.training.hyperparameters import Hyperparameters
from perennial_container.training.labels import same_label
from perennial_container.training.metrics import difference, measure

log = logging.getLogger(__name__)

GROUPS_LISTED = 20
BIAS = ("DPPL", "DI", "DCA", "DCR", "SD", "RD", "DAR", "DRR", "AD", "TE")


def evaluate(
    served: Artefact,
    dataset: Dataset,
    predictions: Predictions,
    settings: Hyperparameters,
    champion: Path | None,
) -> dict[str, Any]:
    """The parts of evaluation.json that the held-out rows, and what the served model says of them, decide."""
    rows, schema = dataset.holdout, served.schema
    metrics = measure(schema.problem, rows.target, predictions) if rows.count else {}
    if not rows.count:
        log.warning("no rows are held out: there are no metrics")
    log_metrics("holdout", metrics)
    return {
        "rows": {"total": dataset.total, "training": dataset.training.count, "holdout": rows.count},
        "metrics": metrics,
        "champion": judge_champion(champion, served, dataset, predictions, settings) if champion else None,
        "bias": judge_bias(schema, dataset, predictions, settings.facet, settings.privileged),
    }


def predict_rows(artefact: Artefact, rows: Rows) -> Predictions:
    """What the served model says of raw rows."""
    return artefact.predictor.predict(encode(rows.table, artefact.encodings))


def log_metrics(prefix: str, metrics: Mapping[str, float]) -> None:
    """One line per metric, in the form that the training job's MetricDefinitions read."""
    for name, value in metrics.items():
        log.info("metric %s:%s=%.6g", prefix, name, value)


def judge_champion(
    archive: Path, candidate: Artefact, dataset: Dataset, predictions: Predictions, settings: Hyperparameters
) -> dict[str, Any]:
    """The champion's metrics on the same rows and the paired differences, or why there are none."""
    rows, name = dataset.holdout, settings.champion_version
    try:
        champion = Artefact.load_archive(archive, threads=available_cpus(), trust=Trust.from_env(os.environ))
        _require_comparable(champion, candidate.schema)
        if not rows.count:
            raise ArtefactError("there are no held-out rows")
    except ArtefactError as error:
        log.warning("the champion cannot be scored: %s", error)
        return {"version": name, "error": str(error)}
    theirs = predict_rows(champion, rows)
    problem = candidate.schema.problem
    metrics = measure(problem, rows.target, theirs)
    log_metrics("champion", metrics)
    trained = {"seed": champion.description.get("seed"), "holdout": champion.description.get("holdout")}
    if trained != {"seed": settings.seed, "holdout": settings.holdout}:
        log.warning("the champion was trained with %s: it may have seen rows held out here", trained)
    return {
        "version": name,
        "metrics": metrics,
        "difference": difference(problem, rows.target, predictions, theirs, seed=settings.seed),
    }


def _require_comparable(champion: Artefact, schema: Schema) -> None:
    theirs = champion.schema
    if (theirs.problem, theirs.classes) != (schema.problem, schema.classes):
        raise ArtefactError(
            f"it answers another question: {theirs.problem} {list(theirs.classes)} "
            f"instead of {schema.problem} {list(schema.classes)}"
        )
    types = {feature.name: feature.categorical for feature in schema.features}
    for feature in theirs.features:
        if feature.name not in types:
            raise ArtefactError(f"it needs the feature {feature.name!r}, which this dataset lacks")
        if types[feature.name] != feature.categorical:
            raise ArtefactError(f"the feature {feature.name!r} has changed its type since")


def judge_bias(
    schema: Schema, dataset: Dataset, predictions: Predictions, facet: str | None, privileged: str | None
) -> dict[str, Any] | None:
    """Bias metrics between the privileged group and the others, on the held-out rows."""
    if facet is None:
        return None
    if schema.problem != "binary_classification":
        log.warning("bias metrics are defined for binary classification only")
        return None
    rows = dataset.holdout
    counts = np.bincount(rows.facet[rows.facet >= 0], minlength=len(dataset.facets))
    if privileged is None:
        privileged = dataset.facets[int(counts.argmax())]
        log.info("no privileged group was given: %r is the largest", privileged)
    others = np.array([not same_label(text, privileged) for text in dataset.facets])
    known = rows.facet >= 0
    found = post_training(
        count(others[rows.facet[known]], rows.target[known] == 1, predictions.labels[known] == 1)
    )
    metrics = {name: float(found[name]) for name in BIAS if math.isfinite(found[name])}
    log_metrics("bias", metrics)
    largest = np.argsort(-counts, kind="stable")[:GROUPS_LISTED]
    return {
        "facet": facet,
        "privileged": privileged,
        "metrics": metrics,
        "groups": {dataset.facets[place]: int(counts[place]) for place in largest if counts[place]},
    }
