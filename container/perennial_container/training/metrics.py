"""Metrics of predictions, with a weight per row so that a bootstrap need not copy rows.

Checked against scikit-learn in the tests; own code because importing it would double a small training.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from perennial_container.predictor import Doubles, Predictions
from perennial_container.schema import Problem

Weights = npt.NDArray[np.float64]
Scorer = Callable[[Weights], dict[str, float]]

BOOTSTRAP_ROWS = 100_000
BOOTSTRAP_REPEATS = 200
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def measure(problem: Problem, target: Doubles, predictions: Predictions) -> dict[str, float]:
    """All metrics of a problem; one that is undefined on these rows (AUC of one class) is left out."""
    return scorer(problem, target, predictions)(np.ones(len(target)))


def scorer(problem: Problem, target: Doubles, predictions: Predictions) -> Scorer:
    """Prepare what does not depend on the weights; the result measures any weighting of the rows."""
    return {
        "binary_classification": _binary,
        "multiclass_classification": _multiclass,
        "regression": _regression,
    }[problem](target, predictions)


def _binary(target: Doubles, predictions: Predictions) -> Scorer:
    positive = target == 1
    said = predictions.labels == 1
    loss = -np.log(
        np.clip(np.where(positive, predictions.score, 1 - predictions.score), SMALLEST_PROBABILITY, 1)
    )
    order = np.argsort(predictions.score, kind="stable")
    sorted_positive = positive[order]
    _, starts = np.unique(predictions.score[order], return_index=True)

    def score(weights: Weights) -> dict[str, float]:
        true_positive = weights[positive & said].sum()
        precision = _ratio(true_positive, weights[said].sum())
        recall = _ratio(true_positive, weights[positive].sum())
        found = {
            "accuracy": _ratio(weights[positive == said].sum(), weights.sum()),
            "precision": precision,
            "recall": recall,
            "f1": _ratio(2 * precision * recall, precision + recall),
            "log_loss": _ratio(float(weights @ loss), weights.sum()),
        }
        area = _area(sorted_positive, weights[order], starts)
        return found if area is None else {"auc": area, **found}

    return score


def _area(positive: npt.NDArray[np.bool_], weights: Weights, starts: npt.NDArray[np.intp]) -> float | None:
    """The chance that a positive row scores above a negative one, ties counting half."""
    positives = np.add.reduceat(np.where(positive, weights, 0.0), starts)
    negatives = np.add.reduceat(np.where(positive, 0.0, weights), starts)
    pairs = positives.sum() * negatives.sum()
    if pairs == 0:
        return None
    below = np.cumsum(negatives) - negatives
    return float((positives @ (below + negatives / 2)) / pairs)


def _multiclass(target: Doubles, predictions: Predictions) -> Scorer:
    truth, said = target.astype(np.int64), predictions.labels
    classes = predictions.probabilities.shape[1]
    given = np.clip(predictions.probabilities[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1)
    loss = -np.log(given)

    def score(weights: Weights) -> dict[str, float]:
        support = _sums(truth, weights, classes)
        claimed = _sums(said, weights, classes)
        hit = _sums(truth, weights * (truth == said), classes)
        precision, recall = _ratios(hit, claimed), _ratios(hit, support)
        f1 = _ratios(2 * precision * recall, precision + recall)
        share = _ratios(support, np.full(classes, support.sum()))
        return {
            "accuracy": _ratio(hit.sum(), weights.sum()),
            "weighted_precision": float(share @ precision),
            "weighted_recall": float(share @ recall),
            "weighted_f1": float(share @ f1),
            "log_loss": _ratio(float(weights @ loss), weights.sum()),
        }

    return score


def _regression(target: Doubles, predictions: Predictions) -> Scorer:
    error = predictions.score - target

    def score(weights: Weights) -> dict[str, float]:
        total = weights.sum()
        squared = _ratio(float(weights @ error**2), total)
        mean = _ratio(float(weights @ target), total)
        spread = _ratio(float(weights @ (target - mean) ** 2), total)
        found = {"rmse": squared**0.5, "mse": squared, "mae": _ratio(float(weights @ np.abs(error)), total)}
        return {**found, "r2": 1 - squared / spread} if spread > 0 else found

    return score


def difference(
    problem: Problem, target: Doubles, candidate: Predictions, champion: Predictions, *, seed: int
) -> dict[str, Mapping[str, float]]:
    """Candidate minus champion on the same rows, with the standard error of a paired bootstrap.

    Very many rows are bootstrapped on a sample, and the error scaled to their number.
    """
    rows = len(target)
    generator = np.random.default_rng(seed)
    sample = np.arange(rows)
    if rows > BOOTSTRAP_ROWS:
        sample = np.sort(generator.choice(rows, BOOTSTRAP_ROWS, replace=False))
    first, second = (
        scorer(problem, target[sample], _pick(predictions, sample)) for predictions in (candidate, champion)
    )
    drawn: dict[str, list[float]] = {}
    for _ in range(BOOTSTRAP_REPEATS):
        weights = generator.multinomial(len(sample), np.full(len(sample), 1 / len(sample))).astype(np.float64)
        ours, theirs = first(weights), second(weights)
        for name in ours.keys() & theirs.keys():
            drawn.setdefault(name, []).append(ours[name] - theirs[name])
    ours, theirs = measure(problem, target, candidate), measure(problem, target, champion)
    shrink = (len(sample) / rows) ** 0.5
    return {
        name: {
            "value": ours[name] - theirs[name],
            "standard_error": float(np.std(drawn[name], ddof=1)) * shrink,
        }
        for name in ours
        if name in theirs and len(drawn.get(name, ())) > 1
    }


def _pick(predictions: Predictions, rows: npt.NDArray[np.int64]) -> Predictions:
    return Predictions(
        predictions.score[rows],
        predictions.labels[rows] if predictions.labels.size else predictions.labels,
        predictions.probabilities[rows] if predictions.probabilities.size else predictions.probabilities,
    )


def _sums(places: npt.NDArray[np.int64], weights: Weights, classes: int) -> Doubles:
    return np.bincount(places, weights, classes).astype(np.float64)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _ratios(part: Doubles, whole: Doubles) -> Doubles:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
