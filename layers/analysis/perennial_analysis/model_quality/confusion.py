"""Counts of actual by predicted classes, and every metric that follows from counts alone.

Metrics take counts of shape [..., classes, classes] (outer axis: actual, inner: predicted) and give arrays
[...]: one function serves the data, its 80 % samples and a thousand resamples at once. A metric whose
denominator is empty is NaN; within a weighted mean an empty class counts as 0, as in Spark and scikit-learn.

The twin of a metric under the "best constant classifier" follows AWS's published example for two classes:
the constant is the positive class (the only one with a recall at all). For more classes it is the most
frequent class, which is the best constant in all five metrics; AWS's own example shows the figures of the
rarer class there, which is the best in nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perennial_analysis.model_quality.labels import Places

Counts = npt.NDArray[np.float64]
Metrics = dict[str, npt.NDArray[np.float64]]

BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
CONSTANT = "_best_constant_classifier"
DRAWS, FEWEST_DRAWS = 500, 50
MOST_CELLS = 1_000_000
EMPTY = 0.5


def confusion_counts(actual: Places, predicted: Places, classes: int) -> Counts:
    """Rows of each (actual, predicted) pair of places, [classes, classes]."""
    cells = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return np.asarray(cells, dtype=np.float64).reshape(classes, classes)


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """part / whole, NaN where whole is 0."""
    over, under = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    quotient = np.full(over.shape, np.nan)
    np.divide(over, under, out=quotient, where=under != 0)
    return quotient


def binary_metrics(counts: Counts) -> Metrics:
    """All of Model Monitor's metrics of a confusion matrix [..., 2, 2] whose second class is the positive."""
    tn, fp, fn, tp = counts[..., 0, 0], counts[..., 0, 1], counts[..., 1, 0], counts[..., 1, 1]
    rows, actual = tn + fp + fn + tp, fn + tp
    recall, share = ratio(tp, actual), ratio(actual, rows)
    found = {
        "recall": recall,
        "precision": ratio(tp, tp + fp),
        "accuracy": ratio(tp + tn, rows),
        f"recall{CONSTANT}": ratio(actual, actual),
        f"precision{CONSTANT}": share,
        f"accuracy{CONSTANT}": share,
        "true_positive_rate": recall,
        "true_negative_rate": ratio(tn, tn + fp),
        "false_positive_rate": ratio(fp, tn + fp),
        "false_negative_rate": ratio(fn, actual),
    }
    for name, beta in BETAS.items():
        found[name] = f_score(tp, fp, fn, beta)
        found[f"{name}{CONSTANT}"] = f_score(actual, rows - actual, np.zeros_like(actual), beta)
    return found


def multiclass_metrics(counts: Counts) -> Metrics:
    """All of Model Monitor's metrics of a confusion matrix [..., classes, classes]."""
    constant = np.zeros_like(counts)
    actual = counts.sum(axis=-1)
    best = actual.argmax(axis=-1)[..., None, None]
    np.put_along_axis(constant, np.broadcast_to(best, (*actual.shape, 1)), actual[..., None], axis=-1)
    twins = {f"{name}{CONSTANT}": value for name, value in _weighted(constant).items()}
    return {**_weighted(counts), **twins}


def _weighted(counts: Counts) -> Metrics:
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    share = ratio(actual, actual.sum(axis=-1, keepdims=True))
    missed, wrong = actual - hits, predicted - hits
    by_class = {
        "weighted_recall": ratio(hits, actual),
        "weighted_precision": ratio(hits, predicted),
        **{f"weighted_{name}": f_score(hits, wrong, missed, beta) for name, beta in BETAS.items()},
    }
    found = {name: (np.nan_to_num(value) * share).sum(axis=-1) for name, value in by_class.items()}
    return {"accuracy": ratio(hits.sum(axis=-1), actual.sum(axis=-1)), **found}


def f_score(tp: Counts, fp: Counts, fn: Counts, beta: float) -> npt.NDArray[np.float64]:
    """F-beta from counts; NaN only when there is neither an actual nor a predicted positive."""
    square = beta * beta
    return ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)


def standard_errors(counts: Counts, metrics: Callable[[Counts], Metrics], *, seed: int) -> dict[str, float]:
    """The sampling error of every metric of [classes, classes] counts, from multinomial draws of as many rows.

    A cell that happens to be empty is not impossible: with two classes it has the weight of half a row; all the
    empty cells of a larger matrix share half a row, lest they outweigh the data. NaN where more than half of
    the draws leave a metric without a denominator.
    """
    size = len(counts)
    empty = EMPTY if size == 2 else EMPTY / max(1, int((counts == 0).sum()))
    weights = np.where(counts == 0, empty, counts).ravel()
    draws = max(FEWEST_DRAWS, min(DRAWS, MOST_CELLS // size**2))
    batch = max(1, MOST_CELLS // size**2)
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {}
    for start in range(0, draws, batch):
        number = min(batch, draws - start)
        resampled = generator.multinomial(int(counts.sum()), weights / weights.sum(), size=number)
        for name, values in metrics(resampled.reshape(number, size, size).astype(np.float64)).items():
            drawn.setdefault(name, []).append(values)
    return {name: _spread(np.concatenate(values)) for name, values in drawn.items()}


def _spread(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > max(1, len(values) // 2) else float("nan")


def as_document(counts: Counts, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """Nested by class name as Model Monitor writes it: outer actual, inner predicted."""
    return {
        actual: {predicted: int(counts[i, j]) for j, predicted in enumerate(names)}
        for i, actual in enumerate(names)
    }
