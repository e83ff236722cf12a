"""Metrics expected from scores alone, against every outcome, simulated labels and a drifted stream."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_analysis.model_quality.calibration import Calibration, calibrate
from perennial_analysis.model_quality.cbpe import estimate
from perennial_analysis.model_quality.statistics import binary_quality


def test_by_hand():
    """Four scores: the expected confusion matrix and what follows from it."""
    found = estimate([0.9, 0.8, 0.3, 0.1])
    assert found.expected == pytest.approx({"tn": 1.6, "fp": 0.3, "fn": 0.4, "tp": 1.7})
    assert found.values["accuracy"] == pytest.approx(3.3 / 4)
    assert found.values["precision"] == pytest.approx(1.7 / 2)
    assert found.values["recall"] == pytest.approx(1.7 / 2.1)
    assert found.values["f1"] == pytest.approx(2 * 1.7 / (2 * 1.7 + 0.4 + 0.3))


@given(st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.8, 0.9]), min_size=2, max_size=6))
def test_accuracy_and_pairs_over_every_outcome(scores):
    """Over all labellings, weighted by probability: the mean accuracy, and right pairs over all pairs."""
    accuracy = right = pairs = 0.0
    for labels in itertools.product([0, 1], repeat=len(scores)):
        chance = np.prod([s if label else 1 - s for s, label in zip(scores, labels, strict=True)])
        accuracy += chance * np.mean([(s >= 0.5) == label for s, label in zip(scores, labels, strict=True)])
        for (s, a), (t, b) in itertools.product(zip(scores, labels, strict=True), repeat=2):
            if a and not b:
                pairs += chance
                right += chance * ((s > t) + (s == t) / 2)
    found = estimate(scores)
    assert found.values["accuracy"] == pytest.approx(accuracy)
    assert found.values["auc"] == pytest.approx(right / pairs)


def stream(rows, *, shift=0.0, seed=0):
    generator = np.random.default_rng(seed)
    logit = generator.normal(shift, 1.5, rows)
    probability = 1 / (1 + np.exp(-logit))
    return probability, generator.random(rows) < probability


@pytest.mark.parametrize("shift", [0.0, -1.0, 2.0])
def test_estimate_follows_the_stream(shift):
    """On a calibrated stream, drifted or not, real metrics scatter around the estimate as its errors say."""
    found = []
    for seed in range(30):
        scores, labels = stream(1000, shift=shift, seed=seed)
        expected = estimate(scores)
        real = binary_quality(labels.astype(int), (scores >= 0.5).astype(int), scores, classes=[0, 1]).values
        found.append(
            [(real[name] - expected.values[name]) / expected.errors[name] for name in expected.values]
        )
    distances = np.array(found)
    assert np.abs(distances.mean(axis=0)).max() < 0.8
    assert np.abs(distances).max() < 4.5


def off(shares, labels):
    """How far, on average, a tenth's mean share is from its positives."""
    tenths = np.array_split(np.argsort(shares, kind="stable"), 10)
    return np.mean([abs(shares[tenth].mean() - labels[tenth].mean()) for tenth in tenths])


def test_calibration_repairs_distorted_scores():
    """Scores squashed away from the truth are made probabilities, and the estimate becomes right."""
    scores, labels = stream(4000)
    distorted = scores**3
    real = np.mean((distorted >= 0.5) == labels)
    for method in ("isotonic", "binned"):
        calibration = calibrate(distorted, labels, method)
        later, later_labels = stream(4000, seed=1)
        assert off(later**3, later_labels) > 0.1
        assert off(calibration.apply(later**3), later_labels) < 0.03
        estimated = estimate(distorted, calibration=calibration).values["accuracy"]
        assert estimated == pytest.approx(real, abs=0.02)
    assert abs(estimate(distorted).values["accuracy"] - real) > 0.05


def test_isotonic_by_hand():
    """Groups of 20 rows with 4, 2, 12 and 12 positives: the first two are pooled, equal ones, too."""
    scores = np.repeat([0.1, 0.2, 0.6, 0.7], 20)
    positive = np.concatenate([np.arange(20) < count for count in (4, 2, 12, 12)])
    calibration = calibrate(scores, positive)
    assert calibration.scores == pytest.approx((0.1, 0.2, 0.6, 0.7))
    assert calibration.probabilities == pytest.approx((0.15, 0.15, 0.6, 0.6))
    assert calibration.apply([0.0, 0.4, 1.0]) == pytest.approx([0.15, 0.375, 0.6])
    assert calibrate(scores, positive, "binned").probabilities == pytest.approx((0.2, 0.1, 0.6, 0.6))
    again = Calibration.from_document(json.loads(json.dumps(calibration.document())))
    assert again == calibration


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=200).filter(
        lambda rows: len({positive for _, positive in rows}) == 2
    )
)
def test_isotonic_rises_and_keeps_the_mean(rows):
    """A higher score never gets a lower probability, and all stay between 0 and 1."""
    scores = np.array([score for score, _ in rows])
    probabilities = calibrate(scores, np.array([positive for _, positive in rows])).apply(np.sort(scores))
    assert (np.diff(probabilities) >= -1e-12).all()
    assert 0 <= probabilities.min() <= probabilities.max() <= 1


def test_marked_as_an_estimate():
    """The document says what it is, and is valid JSON when a metric is undefined."""
    document = json.loads(json.dumps(estimate([0.1, 0.2]).document(), allow_nan=False))
    assert document["estimate"] is True
    assert document["method"] == "CBPE"
    assert document["estimated_binary_classification_metrics"]["precision"] == {
        "value": "NaN",
        "standard_error": "NaN",
    }
    assert "binary_classification_metrics" not in document
    assert estimate([]).document()["dataset"] == {"item_count": 0}


def test_estimate_against_the_baseline():
    """A stream whose scores lost their spread is expected to be worse than the baseline; an unchanged one is not."""
    scores, labels = stream(3000)
    baseline = binary_quality(labels.astype(int), (scores >= 0.5).astype(int), scores, classes=[0, 1])
    same, faded = estimate(stream(3000, seed=1)[0]), estimate(0.5 + (scores - 0.5) / 2)
    for name in ("accuracy", "auc"):
        assert abs(same.values[name] - baseline.values[name]) < 3 * same.errors[name]
        assert faded.values[name] < baseline.values[name] - 3 * faded.errors[name]


@pytest.mark.parametrize(
    ("scores", "positive", "method", "told"),
    [
        pytest.param([0.1, 0.9], [True, True], "isotonic", "both classes", id="one class"),
        pytest.param([0.1, 0.9], [True], "isotonic", "2 scores, 1 labels", id="lengths"),
        pytest.param([0.1, 0.9], [True, False], "platt", "neither isotonic nor binned", id="method"),
    ],
)
def test_refusals(scores, positive, method, told):
    """What no calibration can be learned from is refused."""
    with pytest.raises(ValueError, match=told):
        calibrate(scores, np.array(positive), method)
