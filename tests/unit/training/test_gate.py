"""A candidate enters the registry only past its own figures, bias, the champion, and the policy."""

import pytest

from perennial.evaluation import Evaluation
from perennial.gate import judge
from perennial.sections import Gate

GATE = {"minimum": 0.8, "minimum_gain": 0.01, "approval": "automatic"}


def evaluation(metrics, champion=None, bias=None):
    return Evaluation.model_validate(
        {
            "problem": "binary_classification",
            "target": "deny",
            "estimator": "gradient_boosting",
            "rows": {"total": 1000, "training": 800, "holdout": 200},
            "metrics": metrics,
            "champion": champion,
            "bias": bias,
        }
    )


def champion(auc, error=None, standard_error=0.004):
    difference = {"auc": {"value": 0.0, "standard_error": standard_error}}
    return {"version": "3", "metrics": {"auc": auc} if auc else {}, "error": error, "difference": difference}


def bias(**metrics):
    return {"facet": "afam", "privileged": "no", "metrics": metrics}


@pytest.mark.parametrize(
    ("metrics", "other", "gate", "status", "words"),
    [
        pytest.param(
            {"auc": 0.9},
            champion(0.85),
            {},
            "Approved",
            "better than version 3's 0.85",
            id="beats the champion",
        ),
        pytest.param({"auc": 0.9}, None, {}, "Approved", "no champion", id="the first, by policy"),
        pytest.param(
            {"auc": 0.9},
            None,
            {"approval": "manual"},
            "PendingManualApproval",
            "asks a person",
            id="the first, by hand",
        ),
        pytest.param(
            {"auc": 0.855},
            champion(0.85),
            {},
            "Rejected",
            "less than the gain of +0.01",
            id="gains too little",
        ),
        pytest.param({"auc": 0.84}, champion(0.85), {}, "Rejected", "worse than version 3's", id="loses"),
        pytest.param(
            {"auc": 0.79}, None, {}, "Rejected", "below the gate's minimum 0.8", id="below the gate"
        ),
        pytest.param({"f1": 0.9}, None, {}, "Rejected", "reported no auc", id="metric missing"),
        pytest.param({"auc": None}, None, {}, "Rejected", "reported no auc", id="metric not computable"),
        pytest.param(
            {"auc": 0.9},
            champion(None, error="model.onnx is damaged"),
            {},
            "PendingManualApproval",
            "model.onnx is damaged",
            id="champion could not be scored",
        ),
        pytest.param(
            {"auc": 0.9},
            champion(0.88, standard_error=0.02),
            {},
            "Approved",
            "which may be chance",
            id="gain within the noise is told",
        ),
    ],
)
def test_judge(metrics, other, gate, status, words):
    """The verdict follows from the figures, and its reason names them."""
    verdict = judge(evaluation(metrics, other), "auc", Gate(**{**GATE, **gate}))
    assert (status, True) == (verdict.status, words in verdict.reason), verdict.reason


@pytest.mark.parametrize(
    ("score", "other", "gate", "status"),
    [
        pytest.param(3.0, 3.5, {}, "Approved", id="a smaller error is better"),
        pytest.param(4.0, 3.5, {}, "Rejected", id="a larger error is worse"),
        pytest.param(5.1, None, {"maximum": 5.0}, "Rejected", id="over the maximum"),
        pytest.param(4.9, None, {"maximum": 5.0}, "Approved", id="under the maximum"),
    ],
)
def test_judge_by_an_error(score, other, gate, status):
    """For errors less is better, against the gate and against the champion."""
    against = {"version": "3", "metrics": {"rmse": other}} if other else None
    assert (
        status
        == judge(evaluation({"rmse": score}, against), "rmse", Gate(approval="automatic", **gate)).status
    )


@pytest.mark.parametrize(
    ("limits", "measured", "status"),
    [
        pytest.param({"DPPL": 0.2}, bias(DPPL=0.15), "Approved", id="within"),
        pytest.param({"DPPL": 0.2}, bias(DPPL=-0.25), "Rejected", id="over, to the other side"),
        pytest.param({"DI": 0.2}, bias(DI=1.1), "Approved", id="a ratio is unbiased at one"),
        pytest.param({"DI": 0.2}, bias(DI=0.7), "Rejected", id="a ratio far from one"),
        pytest.param({"DPPL": 0.2}, bias(DPPL=None), "Rejected", id="not computable"),
        pytest.param({"DPPL": 0.2}, None, "Rejected", id="not measured"),
    ],
)
def test_judge_bias(limits, measured, status):
    """A limit on bias holds on both sides of the unbiased value, and is not met by silence."""
    assert (
        status
        == judge(
            evaluation({"auc": 0.9}, None, measured), "auc", Gate(approval="automatic", max_bias=limits)
        ).status
    )
