"""The metrics that a training reports on its holdout, by the kind of problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Problem = Literal["binary_classification", "multiclass_classification", "regression"]

METRICS: Mapping[Problem, tuple[str, ...]] = {
    "binary_classification": ("auc", "accuracy", "precision", "recall", "f1", "log_loss"),
    "multiclass_classification": (
        "accuracy",
        "weighted_f1",
        "weighted_precision",
        "weighted_recall",
        "log_loss",
    ),
    "regression": ("rmse", "mae", "mse", "r2"),
}
DEFAULT_METRIC: Mapping[Problem, str] = {
    "binary_classification": "auc",
    "multiclass_classification": "accuracy",
    "regression": "rmse",
}
# What Model Monitor knows no name for is not watched in service.
UNWATCHED = frozenset({"log_loss"})
LOWER_IS_BETTER = frozenset({"log_loss", "rmse", "mae", "mse"})
HIGHEST = 1.0  # of every metric of which more is better


def gain(metric: str, difference: float) -> float:
    """A difference "candidate minus champion" as a gain: positive is better, also for errors."""
    return -difference if metric in LOWER_IS_BETTER else difference
