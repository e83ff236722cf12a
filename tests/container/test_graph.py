"""Estimators and their graphs say the same, to the last path through a tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial_container.estimators import Progress, TrainingData, choose_options, gradient_boosting, linear
from perennial_container.predictor import INPUT, OUTPUT, open_session

CATEGORIES = (0, 0, 3, 40)


def training_data(problem: str, outputs: int, seed: int) -> TrainingData:
    """Numbers on a coarse grid (many ties with thresholds), categories, and missing cells everywhere."""
    generator = np.random.default_rng(seed)
    rows = 300
    features = np.stack(
        [
            generator.normal(size=rows).round(1),
            generator.integers(-3, 3, rows) / 10,
            generator.integers(0, 3, rows),
            generator.integers(0, 40, rows),
        ],
        axis=1,
    ).astype(np.float32)
    signal = features[:, 0] + features[:, 2] + (features[:, 3] % 3) + generator.normal(size=rows)
    features[generator.random(features.shape) < 0.2] = np.nan
    if problem == "regression":
        target = (signal - signal.mean()) / signal.std()
    else:
        target = np.digitize(signal, np.quantile(signal, np.arange(1, max(outputs, 2)) / max(outputs, 2)))
    return TrainingData(features, target.astype(np.float32), CATEGORIES, problem, outputs, seed, 1)


def scores(graph: bytes, features: np.ndarray) -> np.ndarray:
    return open_session(graph, 1).run([OUTPUT], {INPUT: features})[0]


@pytest.mark.parametrize("estimator", [gradient_boosting, linear], ids=["gradient_boosting", "linear"])
@pytest.mark.parametrize(
    ("problem", "outputs"),
    [("binary_classification", 1), ("multiclass_classification", 4), ("regression", 1)],
)
def test_graph_is_the_estimator(estimator, problem: str, outputs: int):
    """The graph gives the estimator's numbers on real rows, blanked rows and rows from elsewhere."""
    data = training_data(problem, outputs, 1)
    options = choose_options(estimator.OPTIONS, {}, "it")
    fitted = estimator.fit(data, options, Progress(lambda _: None))
    graph = fitted.to_onnx().SerializeToString()
    strange = training_data(problem, outputs, 2).features * np.float32([100, -3, 1, 1])
    rows = np.concatenate([data.features, strange, np.full((1, 4), np.nan, np.float32)])
    assert scores(graph, rows) == pytest.approx(fitted.predict(rows), rel=1e-5, abs=1e-5)
    assert fitted.predict(rows).shape == (len(rows), outputs)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_routing_is_exact(seed: int):
    """With one tree whose leaves all differ, every row lands in the same leaf in both."""
    data = training_data("regression", 1, seed)
    given_options = {
        "rounds": 1,
        "learning_rate": 1.0,
        "min_child_weight": 0.0,
        "l2": 0.0,
        "column_share": 1.0,
    }
    fitted = gradient_boosting.fit(
        data, choose_options(gradient_boosting.OPTIONS, given_options, "it"), Progress(lambda _: None)
    )
    assert (
        scores(fitted.to_onnx().SerializeToString(), data.features).tolist()
        == fitted.predict(data.features).tolist()
    )


def test_learns_a_missing_category():
    """A missing category is a fact that trees can split on."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 3, 400).astype(np.float32)
    codes[generator.random(400) < 0.3] = np.nan
    data = TrainingData(
        codes[:, None], np.isnan(codes).astype(np.float32), (3,), "binary_classification", 1, 0, 1
    )
    options = choose_options(gradient_boosting.OPTIONS, {}, "it")
    fitted = gradient_boosting.fit(data, options, Progress(lambda _: None))
    missing, present = scores(fitted.to_onnx().SerializeToString(), np.array([[np.nan], [1]], np.float32))
    assert missing > 0.9
    assert present < 0.1
