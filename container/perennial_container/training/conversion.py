"""Turns a fitted estimator into the graph that is served, and proves that both say the same."""

import math
from dataclasses import dataclass

import numpy as np

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import ArtefactError, TrainingError
from perennial_container.estimators import Fitted, TrainingData
from perennial_container.predictor import INPUT, OUTPUT, open_session
from perennial_container.table import Matrix

PARITY_ROWS = 5_000
BLANKED_SHARE = 0.2
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How far the graph is from the estimator, as a share of max(1, the value)."""

    rows: int
    rows_with_missing: int
    max_difference: float
    tolerance: float = TOLERANCE


def convert(
    fitted: Fitted, data: TrainingData, encodings: tuple[FeatureEncoding, ...]
) -> tuple[bytes, Parity]:
    """The graph's bytes. Raises TrainingError if it differs from the estimator on real or blanked rows."""
    graph = fitted.to_onnx().SerializeToString()
    rows = _trial_rows(data, encodings)
    expected = np.asarray(fitted.predict(rows), np.float64)
    try:
        session = open_session(graph, data.threads)
    except ArtefactError as error:
        raise TrainingError(f"the trained model cannot be shipped: {error}") from error
    found = session.run([OUTPUT], {INPUT: rows})[0]
    if found.shape != expected.shape:
        raise TrainingError(
            f"the trained model cannot be shipped: its graph gives {found.shape}, "
            f"the estimator {expected.shape}"
        )
    difference = float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)), initial=0.0))
    if math.isnan(difference) or difference > TOLERANCE:
        raise TrainingError(
            f"the trained model cannot be shipped: its graph differs from the estimator by {difference:.3g} "
            f"on {len(rows)} rows (allowed {TOLERANCE:g})"
        )
    return graph, Parity(len(rows), int(np.isnan(rows).any(axis=1).sum()), difference)


def _trial_rows(data: TrainingData, encodings: tuple[FeatureEncoding, ...]) -> Matrix:
    """Real rows, and the same rows with random cells blanked wherever serving may meet a missing one."""
    generator = np.random.default_rng(data.seed)
    count = min(len(data.features), PARITY_ROWS)
    rows = data.features[np.sort(generator.choice(len(data.features), count, replace=False))]
    blank = generator.random(rows.shape) < BLANKED_SHARE
    blank &= np.array([encoding.fill is None for encoding in encodings])
    return np.concatenate([rows, np.where(blank, np.float32(np.nan), rows)])
