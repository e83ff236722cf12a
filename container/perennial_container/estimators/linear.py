"""A regularised linear model, also the worked example of an own estimator in docs/container.md.

Numbers are standardised, missing ones sit at their mean; each category has a weight of its own, missing and
unknown categories have none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy import optimize, special

from perennial_container.errors import TrainingInterruptedError
from perennial_container.estimators import Options, Progress, TrainingData
from perennial_container.estimators.graph import as_model
from perennial_container.predictor import INPUT, OUTPUT
from perennial_container.table import Matrix

OPTIONS: Options = {"l2": 1.0, "iterations": 200, "max_rows": 500_000}

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Weights by columns of the design matrix and outputs; the last row is the intercept."""

    data: TrainingData
    mean: Weights
    deviation: Weights
    weights: Weights

    def predict(self, features: Matrix) -> Weights:
        return _link(self.data, _design(self.data, features, self.mean, self.deviation) @ self.weights)

    def to_onnx(self) -> onnx.ModelProto:
        """Numbers: a matrix product. Categories: a table look-up each, the last entry for missing ones."""
        constants, steps, sums = [], [], ["intercept"]
        numeric = [place for place, count in enumerate(self.data.categories) if not count]
        constants.append(_constant("intercept", self.weights[-1:]))
        row = 0
        if numeric:
            scaled = self.weights[: len(numeric)] / self.deviation[:, None]
            constants += [_constant("scaled", scaled), _constant("mean", self.mean), _constant("zero", 0.0)]
            constants.append(numpy_helper.from_array(np.array(numeric, np.int64), "numeric"))
            steps += [
                helper.make_node("Gather", [INPUT, "numeric"], ["numbers"], axis=1),
                helper.make_node("Sub", ["numbers", "mean"], ["centred"]),
                helper.make_node("IsNaN", ["centred"], ["missing"]),
                helper.make_node("Where", ["missing", "zero", "centred"], ["known"]),
                helper.make_node("MatMul", ["known", "scaled"], ["number_sum"]),
            ]
            sums.append("number_sum")
            row = len(numeric)
        for place, count in enumerate(self.data.categories):
            if count:
                table = np.vstack([self.weights[row : row + count], np.zeros((1, self.data.outputs))])
                constants += [_constant(f"table{place}", table), _constant(f"none{place}", float(count))]
                constants.append(numpy_helper.from_array(np.array(place, np.int64), f"place{place}"))
                steps += [
                    helper.make_node("Gather", [INPUT, f"place{place}"], [f"cell{place}"], axis=1),
                    helper.make_node("IsNaN", [f"cell{place}"], [f"missing{place}"]),
                    helper.make_node(
                        "Where", [f"missing{place}", f"none{place}", f"cell{place}"], [f"known{place}"]
                    ),
                    helper.make_node("Cast", [f"known{place}"], [f"code{place}"], to=TensorProto.INT64),
                    helper.make_node("Gather", [f"table{place}", f"code{place}"], [f"sum{place}"], axis=0),
                ]
                sums.append(f"sum{place}")
                row += count
        link = {
            "binary_classification": "Sigmoid",
            "multiclass_classification": "Softmax",
            "regression": "Identity",
        }
        steps.append(helper.make_node("Sum", sums, ["total"]))
        steps.append(helper.make_node(link[self.data.problem], ["total"], [OUTPUT]))
        return as_model(
            steps, columns=len(self.data.categories), outputs=self.data.outputs, constants=constants
        )


def fit(data: TrainingData, options: Options, progress: Progress) -> Linear:
    """Minimise the loss with an L2 penalty."""
    rows = np.random.default_rng(data.seed).permutation(len(data.target))[: options["max_rows"]]
    if len(rows) < len(data.target):
        progress.report(f"fitting on a random {len(rows)} of {len(data.target)} rows (max_rows)")
    features, target = data.features[rows], data.target[rows]
    numeric = features[:, [not count for count in data.categories]].astype(np.float64)
    known = ~np.isnan(numeric)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, numeric, 0.0).sum(axis=0) / counts
    deviation = (np.where(known, numeric - mean, 0.0) ** 2).sum(axis=0) ** 0.5 / counts**0.5
    deviation[deviation == 0] = 1.0
    design = _design(data, features, mean, deviation)
    shape = (design.shape[1], data.outputs)
    truth = (
        np.eye(data.outputs)[target.astype(int)] if data.outputs > 1 else target[:, None].astype(np.float64)
    )

    def loss(flat: Weights) -> tuple[float, Weights]:
        if progress.stopping():
            raise TrainingInterruptedError("stopped while fitting")
        weights = flat.reshape(shape)
        margin = design @ weights
        penalty = np.vstack([weights[:-1], np.zeros((1, data.outputs))]) * (options["l2"] / len(rows))
        gradient = design.T @ (_link(data, margin) - truth) / len(rows) + penalty
        return _loss(data, margin, truth) + float((penalty * weights).sum() / 2), gradient.ravel()

    found = optimize.minimize(
        loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": options["iterations"]}
    )
    progress.report(f"loss {found.fun:.5f} after {found.nit} iterations")
    return Linear(data, mean, deviation, found.x.reshape(shape))


def _design(data: TrainingData, features: Matrix, mean: Weights, deviation: Weights) -> Weights:
    """Standardised numbers, a column per category, and ones."""
    numeric = features[:, [not count for count in data.categories]].astype(np.float64)
    blocks = [np.where(np.isnan(numeric), 0.0, (numeric - mean) / deviation)]
    blocks += [
        (features[:, [place]] == np.arange(count)).astype(np.float64)
        for place, count in enumerate(data.categories)
        if count
    ]
    return np.hstack([*blocks, np.ones((len(features), 1))])


def _link(data: TrainingData, margin: Weights) -> Weights:
    if data.problem == "regression":
        return margin
    return np.asarray(special.expit(margin) if data.outputs == 1 else special.softmax(margin, axis=1))


def _loss(data: TrainingData, margin: Weights, truth: Weights) -> float:
    if data.problem == "regression":
        return float(((margin - truth) ** 2).mean() / 2)
    if data.outputs == 1:
        return float((np.logaddexp(0, margin) - truth * margin).mean())
    return float((special.logsumexp(margin, axis=1) - (truth * margin).sum(axis=1)).mean())


def _constant(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, np.float32), name)
