"""The expected metrics of a calibrated binary classifier, from its scores alone: an estimate, until labels come.

Confidence-based performance estimation: a row whose calibrated score is p is a positive in p of all cases, so
each cell of the confusion matrix is expected to hold a sum of p or 1 - p. It sees what moves the scores; it is
blind to a change in what the same scores mean (concept drift), which only labels show. Metrics that are ratios
are ratios of expected counts; AUC is the expected share of pairs in the right order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial_analysis.model_quality.calibration import Calibration
from perennial_analysis.model_quality.confusion import binary_metrics
from perennial_analysis.model_quality.labels import Values, as_scores, same_length
from perennial_analysis.model_quality.ranking import area_of_shares

METRICS = ("accuracy", "precision", "recall", "f1")
DRAWS = 500
CAVEAT = "estimated from calibrated scores without labels; blind to a change in what the scores mean"


@dataclass(frozen=True)
class Estimate:
    """Expected accuracy, AUC, precision, recall and F1, NaN where these rows define none.

    `errors` are how far the real metrics would scatter around them if the calibration holds.
    `expected` is the confusion matrix in rows: tn, fp, fn, tp.
    """

    rows: int
    values: Mapping[str, float]
    errors: Mapping[str, float]
    expected: Mapping[str, float]

    def document(self) -> dict[str, Any]:
        """An estimate is never written as the real thing: it says so, and its metrics have a section of their own."""
        return {
            "version": 1,
            "estimate": True,
            "method": "CBPE",
            "caveat": CAVEAT,
            "dataset": {"item_count": self.rows},
            "expected_confusion_matrix": dict(self.expected),
            "estimated_binary_classification_metrics": {
                name: {"value": _number(value), "standard_error": _number(self.errors[name])}
                for name, value in sorted(self.values.items())
            },
        }


def estimate(
    scores: Values,
    *,
    threshold: float = 0.5,
    predicted: npt.NDArray[np.bool_] | None = None,
    calibration: Calibration | None = None,
    seed: int = 0,
) -> Estimate:
    """From raw scores, [rows]. A row is called positive where `predicted` says so, else from `threshold` on.

    Without a calibration the scores are taken for probabilities. Raises ValueError for scores outside 0..1.
    """
    raw = as_scores(scores)
    called = raw >= threshold if predicted is None else np.asarray(predicted, dtype=np.bool_)
    same_length(scores=raw, predictions=called)
    if not len(raw):
        return Estimate(0, {}, {}, {})
    share = raw if calibration is None else calibration.apply(raw)
    counts = _expected_counts(share[called].sum(), called.sum(), share[~called].sum(), (~called).sum())
    metrics = binary_metrics(counts)
    area, area_error = area_of_shares(share, raw)
    cells = dict(zip(("tn", "fp", "fn", "tp"), counts.ravel().tolist(), strict=True))
    return Estimate(
        len(raw),
        {**{name: float(metrics[name]) for name in METRICS}, "auc": area},
        {**_errors(share, called, seed), "auc": area_error},
        cells,
    )


def _expected_counts(
    tp: npt.ArrayLike, called: npt.ArrayLike, fn: npt.ArrayLike, others: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Confusion matrices [..., 2, 2] from the positives among rows called positive, and among the others."""
    hits, misses = np.asarray(tp, np.float64), np.asarray(fn, np.float64)
    negatives = np.stack([np.subtract(others, misses), np.subtract(called, hits)], axis=-1)
    return np.stack([negatives, np.stack([misses, hits], axis=-1)], axis=-2)


def _errors(share: npt.NDArray[np.float64], called: npt.NDArray[np.bool_], seed: int) -> dict[str, float]:
    """The scatter of the metrics when labels fall as `share` says: sums of many coins are normal."""
    generator = np.random.default_rng(seed)
    drawn = []
    for side in (share[called], share[~called]):
        sums = generator.normal(side.sum(), math.sqrt((side * (1 - side)).sum()), DRAWS)
        drawn.append(sums.clip(0, len(side)))
    metrics = binary_metrics(_expected_counts(drawn[0], called.sum(), drawn[1], (~called).sum()))
    return {name: _spread(metrics[name]) for name in METRICS}


def _spread(values: npt.NDArray[np.float64]) -> float:
    return float("nan") if np.isnan(values).any() else float(values.std(ddof=1))


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else "NaN"
