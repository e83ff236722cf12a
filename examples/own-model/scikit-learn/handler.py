"""Serves a scikit-learn pipeline that reads numbers and a text."""

from pathlib import Path

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from perennial_container.handlers import Batch, InvalidRows


def load(model_dir: Path) -> Pipeline:
    """skops opens what it knows to be harmless, and refuses the rest; a pickle would run whatever is in it."""
    return skops.io.load(model_dir / "model.skops", trusted=["numpy.dtype"])


def predict(model: Pipeline, batch: Batch) -> np.ndarray:
    """Days until delivery, one number a row."""
    negative = np.flatnonzero(batch["distance_km"] < 0)
    if len(negative):
        raise InvalidRows("a distance is not negative", row=int(negative[0]), column="distance_km")
    rows = np.empty((batch.rows, len(batch)), object)
    for place, name in enumerate(batch):
        rows[:, place] = batch[name]
    return model.predict(rows)
