"""Metrics against scikit-learn's, the bootstrap against theory, bias against sums by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from perennial_analysis.statistics import profile
from perennial_container.predictor import Predictions
from perennial_container.schema import Feature, Schema
from perennial_container.table import Table
from perennial_container.training.dataset import Dataset, Rows
from perennial_container.training.evaluation import judge_bias
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


def bias_of(a: tuple[int, int, int, int], d: tuple[int, int, int, int]) -> dict[str, float]:
    """What an evaluation says of two groups' tp, fp, tn, fn; one more row has no group."""
    target, labels, facet = [1.0], [0], [-1]
    for place, counts in enumerate((a, d)):
        for (truth, said), number in zip([(1, 1), (0, 1), (0, 0), (1, 0)], counts, strict=True):
            target += [truth] * number
            labels += [said] * number
            facet += [place] * number
    empty = Table(("x",), np.empty((len(target), 1), np.float32), {})
    held = Rows(empty, np.array(target), np.array(facet, np.int32))
    rows = Dataset(held, held, ["a", "d"], 0, "", profile({}))
    loans = Schema("binary_classification", "deny", ("no", "yes"), (Feature("x", "float"),))
    said = Predictions(np.zeros(len(target)), np.array(labels))
    return judge_bias(loans, rows, said, "group", "a")["metrics"]


def test_bias_by_hand():
    """Two confusion matrices give the values worked out by hand from Clarify's formulas."""
    assert bias_of((20, 10, 22, 8), (8, 4, 22, 6)) == pytest.approx(BY_HAND)


def test_bias_of_equals():
    """Groups that are treated alike show no bias."""
    assert bias_of((5, 4, 3, 2), (5, 4, 3, 2)) == {**dict.fromkeys(BY_HAND, 0.0), "DI": 1.0}


def test_bias_undefined():
    """A metric that is not a number is left out: JSON and the gate know no infinity."""
    found = bias_of((0, 0, 5, 1), (3, 1, 4, 2))
    assert {"DI", "DCA", "TE"}.isdisjoint(found)
    assert {"DPPL", "AD", "RD", "SD", "DCR", "DRR"} <= set(found)
