"""Turns a fitted estimator into what is served, a graph or its own files, and proves that both say the same."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import ArtefactError, RequestError, TrainingError
from perennial_container.estimators import Fitted, TrainingData
from perennial_container.predictor import INPUT, OUTPUT, Session, open_session
from perennial_container.runtime import open_handler, trusting
from perennial_container.table import Matrix

Encodings = tuple[FeatureEncoding, ...]

PARITY_ROWS = 5_000
BLANKED_SHARE = 0.2
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How far what is served is from the estimator, as a share of max(1, the value)."""

    rows: int
    rows_with_missing: int
    max_difference: float
    tolerance: float = TOLERANCE


def convert(fitted: Fitted, threads: int) -> tuple[bytes, Session]:
    """The graph's bytes, and the graph at work. Raises TrainingError if it cannot be loaded."""
    graph = fitted.to_onnx().SerializeToString()
    try:
        return graph, open_session(graph, threads)
    except ArtefactError as error:
        raise TrainingError(f"the trained model cannot be shipped: {error}") from error


def hand_over(fitted: Any, handler: str, folder: Path, encodings: Encodings, outputs: int) -> Session:
    """The model as its own handler reads it back. Raises TrainingError if that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted.save(folder)
    try:
        return open_handler(handler, folder, encodings, outputs, trusting(handler))
    except ArtefactError as error:
        raise TrainingError(f"the trained model cannot be shipped: {error}") from error


def prove(fitted: Fitted, session: Session, data: TrainingData, encodings: Encodings) -> Parity:
    """Raises TrainingError if what is served differs from the estimator on real or blanked rows."""
    rows = _trial_rows(data, encodings)
    expected = np.asarray(fitted.predict(rows), np.float64)
    try:
        found = session.run([OUTPUT], {INPUT: rows})[0]
    except RequestError as error:
        raise TrainingError(f"the trained model cannot be shipped: {error}") from error
    if found.shape != expected.shape:
        raise TrainingError(
            f"the trained model cannot be shipped: what is served gives {found.shape}, "
            f"the estimator {expected.shape}"
        )
    difference = float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)), initial=0.0))
    if math.isnan(difference) or difference > TOLERANCE:
        raise TrainingError(
            f"the trained model cannot be shipped: what is served differs from the estimator by {difference:.3g} "
            f"on {len(rows)} rows (allowed {TOLERANCE:g})"
        )
    return Parity(len(rows), int(np.isnan(rows).any(axis=1).sum()), difference)


def _trial_rows(data: TrainingData, encodings: Encodings) -> Matrix:
    """Real rows, and the same rows with random cells blanked wherever serving may meet a missing one."""
    generator = np.random.default_rng(data.seed)
    count = min(len(data.features), PARITY_ROWS)
    rows = data.features[np.sort(generator.choice(len(data.features), count, replace=False))]
    blank = generator.random(rows.shape) < BLANKED_SHARE
    blank &= np.array([encoding.fill is None for encoding in encodings])
    return np.concatenate([rows, np.where(blank, np.float32(np.nan), rows)])
