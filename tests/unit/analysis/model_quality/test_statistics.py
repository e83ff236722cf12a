"""Metrics from labels, predicted labels and scores, against figures worked out by hand or by brute force."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_analysis.model_quality.ranking import CURVE_POINTS, area_under_curve, curves
from perennial_analysis.model_quality.statistics import (
    binary_quality,
    multiclass_quality,
    regression_quality,
)

# AWS's published example: three negatives, two of them called positive; one positive, found.
EXAMPLE = {
    "recall": 1.0,
    "precision": 1 / 3,
    "accuracy": 0.5,
    "recall_best_constant_classifier": 1.0,
    "precision_best_constant_classifier": 0.25,
    "accuracy_best_constant_classifier": 0.25,
    "true_positive_rate": 1.0,
    "true_negative_rate": 1 / 3,
    "false_positive_rate": 2 / 3,
    "false_negative_rate": 0.0,
    "auc": 1.0,
    "f0_5": 0.3846153846153846,
    "f1": 0.5,
    "f2": 0.7142857142857143,
    "f0_5_best_constant_classifier": 0.29411764705882354,
    "f1_best_constant_classifier": 0.4,
    "f2_best_constant_classifier": 0.625,
}


def test_binary_example():
    """The confusion matrix that AWS's documentation prints gives the metrics that it prints."""
    document = binary_quality(
        [0, 0, 0, 1], ["0", "1", "1", "1"], [0.1, 0.6, 0.7, 0.9], classes=["0", "1"]
    ).document()
    metrics = document["binary_classification_metrics"]
    assert metrics.pop("confusion_matrix") == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    assert metrics.pop("receiver_operating_characteristic_curve") == {
        "false_positive_rates": [0.0, 0.0, 1 / 3, 2 / 3, 1.0],
        "true_positive_rates": [0.0, 1.0, 1.0, 1.0, 1.0],
    }
    assert metrics.pop("precision_recall_curve") == {
        "precisions": [1.0, 1.0, 0.5, 1 / 3, 0.25],
        "recalls": [0.0, 1.0, 1.0, 1.0, 1.0],
    }
    assert {name: scalar["value"] for name, scalar in metrics.items()} == pytest.approx(EXAMPLE)
    assert {scalar["standard_deviation"] for scalar in metrics.values()} == {"NaN"}
    assert document["version"] == 0.0
    assert document["dataset"] == {"item_count": 4}


def test_multiclass_example():
    """The larger matrix of AWS's documentation gives its weighted metrics; the constant is the majority."""
    labels = [0] * 1690 + [1] * 406
    predicted = [0] * 1180 + [1] * 510 + [0] * 268 + [1] * 138
    quality = multiclass_quality(labels, predicted)
    expected = {
        "accuracy": 0.6288167938931297,
        "weighted_recall": 0.6288167938931297,
        "weighted_precision": 0.6983172269629505,
        "weighted_f0_5": 0.6803947317178771,
        "weighted_f1": 0.6571162346664904,
        "weighted_f2": 0.6384024354394601,
        "accuracy_best_constant_classifier": 1690 / 2096,
        "weighted_recall_best_constant_classifier": 1690 / 2096,
        "weighted_precision_best_constant_classifier": (1690 / 2096) ** 2,
    }
    assert {name: quality.values[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert len(quality.values) == 12
    assert quality.shapes["confusion_matrix"] == {"0": {"0": 1180, "1": 510}, "1": {"0": 268, "1": 138}}
    assert 0.001 < quality.deviations["accuracy"] < 0.02


def test_regression_by_hand():
    """Errors 1, -1, 2 and 0 on the targets 1, 2, 3 and 6 give their means."""
    quality = regression_quality([1, 2, 3, 6], [2.0, 1.0, 5.0, 6.0])
    assert quality.values == {
        "mae": 1.0,
        "mse": 1.5,
        "rmse": pytest.approx(math.sqrt(1.5)),
        "r2": pytest.approx(1 - 6 / 14),
    }


@pytest.mark.parametrize(
    ("labels", "predicted", "undefined"),
    [
        pytest.param([0, 0], [0, 1], {"recall", "false_negative_rate", "auc"}, id="no actual positive"),
        pytest.param([0, 1], [0, 0], {"precision"}, id="no predicted positive"),
        pytest.param([1, 1], [1, 1], {"true_negative_rate", "false_positive_rate", "auc"}, id="no negative"),
    ],
)
def test_undefined_metrics(labels, predicted, undefined):
    """A metric without a denominator is the string NaN, and the file stays valid JSON."""
    document = binary_quality(labels, predicted, [0.2, 0.4], classes=[0, 1]).document()
    metrics = json.loads(json.dumps(document, allow_nan=False))["binary_classification_metrics"]
    assert undefined <= {name for name, scalar in metrics.items() if scalar.get("value") == "NaN"}
    assert metrics["accuracy"]["value"] in (0.5, 1.0)


def test_empty_window():
    """Without rows the report says that it saw none, and has no metrics."""
    for quality in (
        binary_quality([], [], [], classes=["no", "yes"]),
        multiclass_quality([], []),
        regression_quality([], []),
    ):
        assert quality.document() == {
            "version": 0.0,
            "dataset": {"item_count": 0},
            f"{quality.problem}_metrics": {},
        }


@pytest.mark.parametrize(
    ("labels", "predicted", "scores", "told"),
    [
        pytest.param([0, None], [0, 1], None, "missing", id="missing label"),
        pytest.param([0, float("nan")], [0, 1], None, "missing", id="NaN for a label"),
        pytest.param([0, 2], [0, 1], None, "'2' is not among the classes: 0, 1", id="unknown label"),
        pytest.param([0, 1], [0], None, "2 labels, 1 predictions", id="lengths differ"),
        pytest.param([0, 1], [0, 1], [0.5, 1.5], "0 to 1", id="score above 1"),
        pytest.param([0, 1], [0, 1], [0.5, "high"], "numbers", id="score in words"),
    ],
)
def test_refusals(labels, predicted, scores, told):
    """Columns that cannot be judged are refused with the reason."""
    with pytest.raises(ValueError, match=told):
        binary_quality(labels, predicted, scores, classes=[0, 1])


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 1, 0], [0.0, 1.0, 1.0, 0.0], ["0", "1", " 1", "0.0"], np.array([0, 1, 1, 0], dtype=np.int8)],
)
def test_spellings(labels):
    """A label is the same class however its type spells it."""
    assert binary_quality(labels, ["0", "1", "1", "0"], classes=["0", "1"]).values["accuracy"] == 1.0


def test_booleans_and_identifiers():
    """JSON's true and Python's True are one class; 007 and 7 are two."""
    quality = multiclass_quality([True, "true", "007", "7"], ["True", "TRUE", "7", "7"])
    assert quality.shapes["confusion_matrix"]["007"] == {"007": 0, "7": 1, "True": 0}
    assert quality.values["accuracy"] == 0.75


def test_deviations_are_seeded():
    """From 200 rows on every metric has a standard deviation; a seed always gives the same bytes."""
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 2, 200)
    scores = np.clip(labels * 0.3 + generator.random(200) * 0.7, 0, 1)
    first, second, other = (
        json.dumps(
            binary_quality(labels, (scores > 0.5).astype(int), scores, classes=[0, 1], seed=seed).document()
        )
        for seed in (1, 1, 2)
    )
    assert first == second != other
    metrics = json.loads(first)["binary_classification_metrics"]
    scalars = {name: scalar for name, scalar in metrics.items() if "value" in scalar}
    assert all(isinstance(scalar["standard_deviation"], float) for scalar in scalars.values())
    assert binary_quality(labels[:199], labels[:199], classes=[0, 1]).deviations == {}


def test_standard_errors_match_theory():
    """The error of accuracy is the binomial one, that of AUC and r2 the spread over many windows."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 1000)
    wrong = generator.random(1000) < 0.2
    quality = binary_quality(labels, np.where(wrong, 1 - labels, labels), classes=[0, 1])
    accuracy = quality.values["accuracy"]
    assert quality.errors["accuracy"] == pytest.approx(math.sqrt(accuracy * (1 - accuracy) / 1000), rel=0.1)
    areas, of_area, r2s, of_r2 = [], [], [], []
    for _ in range(300):
        truth = generator.random(200) < 0.3
        scores = np.round(generator.random(200) * 0.7 + truth * 0.3, 1)
        area, error = area_under_curve(truth, scores)
        areas.append(area)
        of_area.append(error)
        regression = regression_quality(truth.astype(float), scores)
        r2s.append(regression.values["r2"])
        of_r2.append(regression.errors["r2"])
    assert np.mean(of_area) == pytest.approx(np.std(areas), rel=0.15)
    assert np.mean(of_r2) == pytest.approx(np.std(r2s), rel=0.15)


ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.9, 1.0])), min_size=1, max_size=40
)


@given(ROWS)
def test_auc_counts_pairs(rows):
    """AUC is the share of (positive, negative) pairs in the right order, ties counting half."""
    truth = np.array([positive for positive, _ in rows])
    scores = np.array([score for _, score in rows])
    pairs = [(p > n) + (p == n) / 2 for p in scores[truth] for n in scores[~truth]]
    area, _ = area_under_curve(truth, scores)
    assert area == pytest.approx(sum(pairs) / len(pairs)) if pairs else math.isnan(area)
    flipped, _ = area_under_curve(~truth, scores)
    assert not pairs or area + flipped == pytest.approx(1)


@given(ROWS)
def test_binary_matrix_agrees_with_loops(rows):
    """Every metric from counts equals the one from a loop over rows; two classes agree with many."""
    labels = [int(positive) for positive, _ in rows]
    predicted = [int(score >= 0.5) for _, score in rows]
    found = binary_quality(labels, predicted, classes=[0, 1]).values
    tp = sum(a == b == 1 for a, b in zip(labels, predicted, strict=True))
    if any(labels):
        assert found["recall"] == found["true_positive_rate"] == tp / sum(labels)
    if any(predicted):
        assert found["precision"] == tp / sum(predicted)
    if any(labels) and any(predicted) and tp:
        recall, precision = found["recall"], found["precision"]
        assert found["f2"] == pytest.approx(5 * precision * recall / (4 * precision + recall))
    many = multiclass_quality(labels, predicted).values
    assert many["weighted_recall"] == pytest.approx(found["accuracy"])
    assert many["accuracy"] == found["accuracy"]


def test_many_classes():
    """A matrix of many classes has its standard errors in bounded memory; numbers are not taken for classes."""
    labels = np.arange(400) % 200
    quality = multiclass_quality(labels, np.where(np.arange(400) < 300, labels, 0))
    # Of the last 100 rows, which are of the classes 100 to 199, none is found.
    assert quality.values["accuracy"] == 0.75
    assert 0.01 < quality.errors["accuracy"] < 0.04
    with pytest.raises(ValueError, match="1001 classes are more than 1000"):
        multiclass_quality(np.arange(1001), np.arange(1001))


def test_curves_are_bounded():
    """However many scores, the curves have at most 201 points, from one corner to the other."""
    generator = np.random.default_rng(0)
    truth, scores = generator.random(5000) < 0.5, generator.random(5000)
    roc, recall = curves(truth, scores).values()
    for points in (*roc.values(), *recall.values()):
        assert len(points) == CURVE_POINTS
    for points in (*roc.values(), recall["recalls"]):
        assert points == sorted(points)
        assert (points[0], points[-1]) == (0.0, 1.0)
