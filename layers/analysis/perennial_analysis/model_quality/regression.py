"""Errors of predicted numbers: mae, mse, rmse and r2, and the standard error of each.

The standard errors are those of means over rows (for rmse and r2 by the delta method).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def regression_metrics(actual: Numbers, predicted: Numbers) -> dict[str, float]:
    """Of [rows] each; r2 is NaN when all actual values are equal, everything is NaN without rows."""
    if not len(actual):
        return dict.fromkeys(("mae", "mse", "rmse", "r2"), float("nan"))
    error = predicted - actual
    mse, variance = float(np.mean(error * error)), float(actual.var())
    return {
        "mae": float(np.mean(np.abs(error))),
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "r2": 1 - mse / variance if variance else float("nan"),
    }


def regression_errors(actual: Numbers, predicted: Numbers) -> dict[str, float]:
    """The standard error of each metric, NaN with fewer than two rows."""
    if len(actual) < 2:
        return dict.fromkeys(("mae", "mse", "rmse", "r2"), float("nan"))
    square = (predicted - actual) ** 2
    mse, variance = float(square.mean()), float(actual.var())
    mse_error = _error_of_mean(square)
    influence = np.full(len(actual), np.nan)
    if variance:
        influence = square / variance - mse / variance**2 * (actual - actual.mean()) ** 2
    return {
        "mae": _error_of_mean(np.sqrt(square)),
        "mse": mse_error,
        "rmse": mse_error / (2 * float(np.sqrt(mse))) if mse else 0.0,
        "r2": _error_of_mean(influence),
    }


def _error_of_mean(values: Numbers) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
