"""Thresholds from a baseline; windows that violate them, and windows that only look as if they did."""

import json
import math

import numpy as np
import pytest

from perennial_analysis.model_quality.constraints import check, compare, suggest, suggest_errors
from perennial_analysis.model_quality.statistics import (
    binary_quality,
    multiclass_quality,
    regression_quality,
)


def window(rows, *, accuracy=0.85, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, rows)
    wrong = generator.random(rows) > accuracy
    predicted = np.where(wrong, 1 - labels, labels)
    scores = np.clip(0.5 + (predicted - 0.5) * generator.random(rows), 0, 1)
    return binary_quality(labels, predicted, scores, classes=[0, 1])


BASELINE = window(4000)


def test_suggested_file():
    """Each threshold is the baseline's value; errors may not grow, all else may not fall; no constant's twin."""
    document = suggest(BASELINE)
    constraints = document["binary_classification_constraints"]
    assert document["version"] == 0.0
    assert constraints["recall"] == {
        "threshold": BASELINE.values["recall"],
        "comparison_operator": "LessThanThreshold",
    }
    assert {name for name, limit in constraints.items() if limit["comparison_operator"][0] == "G"} == {
        "false_positive_rate",
        "false_negative_rate",
    }
    assert "auc" in constraints
    assert not [name for name in constraints if "constant" in name]
    beside = json.loads(json.dumps(suggest_errors(BASELINE), allow_nan=False))
    assert beside["metrics"]["recall"] == {
        "threshold": BASELINE.values["recall"],
        "standard_error": BASELINE.errors["recall"],
        "standard_deviation": BASELINE.deviations["recall"],
    }
    few = binary_quality([0, 1], [0, 1], classes=[0, 1])
    assert suggest_errors(few)["metrics"]["recall"]["standard_deviation"] is None


def test_regression_operators():
    """The errors of a regression may not grow, and r2 may not fall."""
    limits = suggest(regression_quality([1, 2, 3], [1, 2, 4]))["regression_constraints"]
    operators = {name: limit["comparison_operator"] for name, limit in limits.items()}
    assert operators == {
        "mae": "GreaterThanThreshold",
        "mse": "GreaterThanThreshold",
        "rmse": "GreaterThanThreshold",
        "r2": "LessThanThreshold",
    }


def test_unchanged_windows_are_quiet():
    """Windows of any size from the baseline's own distribution violate nothing, a handful in a hundred at most."""
    constraints, errors = suggest(BASELINE), suggest_errors(BASELINE)
    noisy = sum(
        bool(check(window(rows, seed=seed), constraints, errors)["violations"])
        for rows in (20, 200, 2000)
        for seed in range(1, 41)
    )
    literally = sum(
        window(rows, seed=seed).values["accuracy"] < BASELINE.values["accuracy"]
        for rows in (20, 200, 2000)
        for seed in range(1, 41)
    )
    assert noisy <= 3
    assert literally > 30


@pytest.mark.parametrize(("rows", "accuracy"), [(200, 0.70), (2000, 0.80), (2000, 0.70)])
def test_worse_windows_are_told(rows, accuracy):
    """A model that lost enough for its number of rows violates, in AWS's words."""
    document = check(window(rows, accuracy=accuracy, seed=5), suggest(BASELINE), suggest_errors(BASELINE))
    found = {violation["metric_name"]: violation for violation in document["violations"]}
    value = window(rows, accuracy=accuracy, seed=5).values["accuracy"]
    assert found["accuracy"] == {
        "constraint_check_type": "LessThanThreshold",
        "description": f"Metric accuracy with {value} was LessThanThreshold {BASELINE.values['accuracy']}",
        "metric_name": "accuracy",
    }


def test_better_windows_are_quiet():
    """A metric that improved beyond all doubt is no violation."""
    assert check(window(2000, accuracy=0.95), suggest(BASELINE), suggest_errors(BASELINE))["violations"] == []


def test_hand_set_threshold():
    """A threshold that a person wrote counts as it stands: only the window's own error is allowed for."""
    constraints = {
        "version": 0.0,
        "binary_classification_constraints": {
            "accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"}
        },
    }
    [told] = compare(window(2000), constraints, suggest_errors(BASELINE))
    assert told.violated
    assert told.error == window(2000).errors["accuracy"]
    assert told.excess == pytest.approx((0.9 - told.value) / told.error)


def test_what_cannot_be_told_is_no_violation():
    """A metric that the window does not define, or whose error is unknown, never violates."""
    constraints, errors = suggest(BASELINE), suggest_errors(BASELINE)
    one = binary_quality([0], [0], [0.1], classes=[0, 1])
    assert {"recall", "auc"}.isdisjoint(told.metric for told in compare(one, constraints, errors))
    assert check(one, constraints, errors) == {"violations": []}
    single = regression_quality([1.0], [50.0])
    [told] = compare(
        single,
        {"regression_constraints": {"mae": {"threshold": 1, "comparison_operator": "GreaterThanThreshold"}}},
    )
    assert math.isnan(told.excess)
    assert not told.violated


def test_empty_window_is_quiet():
    """No rows, no violation."""
    assert check(binary_quality([], [], classes=[0, 1]), suggest(BASELINE)) == {"violations": []}


@pytest.mark.parametrize(
    ("constraints", "told"),
    [
        pytest.param({"version": 0.0, "regression_constraints": {}}, "no binary_classification", id="kind"),
        pytest.param(
            {"binary_classification_constraints": {"f1": {"threshold": 1, "comparison_operator": "<"}}},
            "'<' is neither",
            id="operator",
        ),
    ],
)
def test_refusals(constraints, told):
    """Constraints that cannot be applied are refused with the reason."""
    with pytest.raises(ValueError, match=told):
        check(BASELINE, constraints)


def test_multiclass():
    """A class that the model stopped finding violates recall and F1 of a model for three classes."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 600)
    good = np.where(generator.random(600) < 0.9, labels, (labels + 1) % 3)
    baseline = multiclass_quality(labels, good)
    drifted = multiclass_quality(labels, np.where(labels == 2, 1, good))
    found = check(drifted, suggest(baseline), suggest_errors(baseline))["violations"]
    assert {"weighted_recall", "weighted_f1"} <= {violation["metric_name"] for violation in found}
    assert check(baseline, suggest(baseline), suggest_errors(baseline)) == {"violations": []}
