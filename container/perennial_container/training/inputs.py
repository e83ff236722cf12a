"""Reads the small inputs of a training, and refuses what nothing can be learnt from."""

import json
import logging
from pathlib import Path

import numpy as np

from perennial_container.errors import TrainingError
from perennial_container.schema import Schema
from perennial_container.training.dataset import Dataset
from perennial_container.training.labels import same_label
from perennial_container.words import counted

log = logging.getLogger(__name__)

FEWEST_TRAINING_ROWS = 10


def read_schema(channel: Path) -> Schema:
    """Read the one JSON file of the schema channel."""
    files = sorted(path for path in channel.rglob("*.json") if path.is_file())
    if len(files) != 1:
        raise TrainingError(
            f"the channel 'schema' must hold one schema.json, it holds {len(files)} JSON files"
        )
    try:
        document = json.loads(files[0].read_bytes())
    except ValueError as error:
        raise TrainingError(f"schema.json is not JSON: {error}") from error
    schema = Schema.from_json(document)
    if schema.problem != "regression" and len(schema.classes) < 2:
        raise TrainingError(
            f"the target {schema.target!r} has the classes {list(schema.classes)}: "
            "a classification needs two or more"
        )
    if schema.problem == "binary_classification" and len(schema.classes) != 2:
        raise TrainingError(
            f"the target {schema.target!r} has {len(schema.classes)} classes; "
            "set problem: multiclass_classification"
        )
    return schema


def find_champion(channel: Path) -> Path | None:
    """The champion's model.tar.gz, if the job has that channel."""
    return next((path for path in sorted(channel.rglob("*.tar.gz")) if path.is_file()), None)


def require_learnable(dataset: Dataset, schema: Schema) -> None:
    """Say what was read. Raises TrainingError if there are too few rows or only one value to predict."""
    training = dataset.training
    log.info(
        "read %d rows with %d features: %d to train on, %d held out",
        dataset.total,
        len(schema.features),
        training.count,
        dataset.holdout.count,
    )
    if dataset.without_target:
        log.info("left out %d rows without a value in %r", dataset.without_target, schema.target)
    if training.count < FEWEST_TRAINING_ROWS:
        raise TrainingError(
            f"{counted(training.count, 'row')} to train on, at least {FEWEST_TRAINING_ROWS} are needed; "
            "bring more data"
        )
    values = np.unique(training.target)
    if len(values) < 2:
        label = schema.classes[int(values[0])] if schema.classes else f"{values[0]:g}"
        raise TrainingError(
            f"every training row has the same {schema.target!r} ({label}): there is nothing to learn"
        )
    for feature in schema.features:
        if np.isnan(training.table.column(feature.name)).all():
            log.warning("the feature %r has no value in any training row", feature.name)


def require_groups(dataset: Dataset, facet: str | None, privileged: str | None) -> None:
    """Raises TrainingError if the facet does not part the rows into the privileged group and others."""
    if facet is None:
        return
    same = [privileged is not None and same_label(text, privileged) for text in dataset.facets]
    if len(dataset.facets) < 2 or all(same) or (privileged is not None and not any(same)):
        raise TrainingError(
            f"the facet {facet!r} has no two groups: privileged is {privileged!r}, "
            f"its values are {dataset.facets[:20]}"
        )
