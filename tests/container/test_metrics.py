"""Metrics against scikit-learn's, the bootstrap against theory, bias against sums by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from perennial_container.predictor import Predictions
from perennial_container.training.bias import Confusion, bias_metrics
from perennial_container.training.metrics import difference, measure, scorer


def binary(score: np.ndarray) -> Predictions:
    return Predictions(score, (score >= 0.5).astype(np.int64))


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 4))
def test_binary(seed: int, rows: int, digits: int):
    """Binary metrics are scikit-learn's, with ties and with weights."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, rows).astype(float)
    target[:2] = 0, 1
    score = generator.random(rows).round(digits).clip(0.001, 0.999)
    weights = generator.integers(0, 3, rows).astype(float)
    weights[:2] = 1
    found = scorer("binary_classification", target, binary(score))(weights)
    said = score >= 0.5
    options = {"sample_weight": weights, "zero_division": 0}
    assert found == pytest.approx(
        {
            "auc": reference.roc_auc_score(target, score, sample_weight=weights),
            "accuracy": reference.accuracy_score(target, said, sample_weight=weights),
            "precision": reference.precision_score(target, said, **options),
            "recall": reference.recall_score(target, said, **options),
            "f1": reference.f1_score(target, said, **options),
            "log_loss": reference.log_loss(target, score, sample_weight=weights),
        }
    )


@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(3, 5))
def test_multiclass(seed: int, rows: int, classes: int):
    """Multi-class metrics are scikit-learn's, also when a class is never predicted or absent."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, classes, rows)
    probabilities = generator.dirichlet(np.ones(classes), rows)
    labels = probabilities.argmax(axis=1)
    predictions = Predictions(probabilities.max(axis=1), labels, probabilities)
    found = measure("multiclass_classification", target.astype(float), predictions)
    options = {"average": "weighted", "zero_division": 0}
    assert found == pytest.approx(
        {
            "accuracy": reference.accuracy_score(target, labels),
            "weighted_precision": reference.precision_score(target, labels, **options),
            "weighted_recall": reference.recall_score(target, labels, **options),
            "weighted_f1": reference.f1_score(target, labels, **options),
            "log_loss": reference.log_loss(target, probabilities, labels=range(classes)),
        }
    )


@given(st.integers(0, 10_000), st.integers(2, 60))
def test_regression(seed: int, rows: int):
    """Regression metrics are scikit-learn's."""
    target, predicted = np.random.default_rng(seed).normal(size=(2, rows))
    assert measure("regression", target, Predictions(predicted)) == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(target, predicted),
            "mse": reference.mean_squared_error(target, predicted),
            "mae": reference.mean_absolute_error(target, predicted),
            "r2": reference.r2_score(target, predicted),
        }
    )


def test_undefined():
    """A metric that these rows do not define is left out rather than made up."""
    assert "auc" not in measure("binary_classification", np.zeros(3), binary(np.array([0.1, 0.2, 0.9])))
    assert "r2" not in measure("regression", np.ones(3), Predictions(np.zeros(3)))


def test_standard_error():
    """The bootstrap's standard error of a difference in MAE is the one of theory, and pairs the rows."""
    generator = np.random.default_rng(0)
    target = generator.normal(size=2_000)
    noise = generator.normal(size=2_000)
    candidate, champion = Predictions(target + noise), Predictions(target + noise + 0.1)
    found = difference("regression", target, candidate, champion, seed=1)["mae"]
    pairs = np.abs(noise) - np.abs(noise + 0.1)
    assert found["value"] == pytest.approx(pairs.mean())
    assert found["standard_error"] == pytest.approx(pairs.std() / 2_000**0.5, rel=0.2)
    unpaired = (2 * np.abs(noise).var() / 2_000) ** 0.5
    assert found["standard_error"] < unpaired / 3


BY_HAND = {
    "DPPL": 30 / 60 - 12 / 40,
    "DI": (12 / 40) / (30 / 60),
    "DCA": 28 / 30 - 14 / 12,
    "DCR": 26 / 28 - 32 / 30,
    "SD": 22 / 26 - 22 / 32,
    "RD": 20 / 28 - 8 / 14,
    "DAR": 20 / 30 - 8 / 12,
    "DRR": 22 / 28 - 22 / 30,
    "AD": 42 / 60 - 30 / 40,
    "TE": 6 / 4 - 8 / 10,
}


def test_bias_by_hand():
    """Two confusion matrices give the values worked out by hand from Clarify's formulas."""
    a = Confusion(tp=20, fp=10, tn=22, fn=8)
    d = Confusion(tp=8, fp=4, tn=22, fn=6)
    assert bias_metrics(a, d) == pytest.approx(BY_HAND)


def test_bias_of_equals():
    """Groups that are treated alike show no bias."""
    group = Confusion(5, 4, 3, 2)
    assert bias_metrics(group, group) == {**dict.fromkeys(BY_HAND, 0.0), "DI": 1.0}


def test_bias_undefined():
    """A metric whose denominator is empty is left out."""
    nobody_accepted = Confusion(tp=0, fp=0, tn=5, fn=1)
    found = bias_metrics(nobody_accepted, Confusion(3, 1, 4, 2))
    assert {"DI", "DCA", "DAR", "TE"}.isdisjoint(found)
    assert {"DPPL", "AD", "RD", "SD", "DCR", "DRR"} <= set(found)


def test_confusion():
    """The four counts of a group."""
    actual = np.array([1, 1, 0, 0, 1], bool)
    predicted = np.array([1, 0, 1, 0, 1], bool)
    assert Confusion.of(actual, predicted) == Confusion(tp=2, fp=1, tn=1, fn=1)
