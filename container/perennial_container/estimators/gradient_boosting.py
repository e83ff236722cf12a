"""Gradient boosted trees (XGBoost): the default estimator.

How many trees is learnt from the data: by cross-validation on small data (and then all rows are used), by a
validation split on larger data. A learning rate or depth of 0 is chosen by the number of rows, too: small data
is learnt more slowly and by shallower trees.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import xgboost

from perennial_container.errors import TrainingError, TrainingInterruptedError
from perennial_container.estimators import Options, Progress, TrainingData
from perennial_container.estimators.tree_graph import tree_graph
from perennial_container.table import Matrix

OPTIONS: Options = {
    "learning_rate": 0.0,
    "rounds": 1000,
    "num_leaves": 31,
    "max_depth": 0,
    "min_child_weight": 1.0,
    "l2": 1.0,
    "row_share": 1.0,
    "column_share": 0.8,
    "early_stopping_rounds": 30,
    "max_rows": 2_000_000,
}

SMALL_ROWS = 20_000
SMALL = {"learning_rate": 0.05, "max_depth": 4}
LARGE = {"learning_rate": 0.1, "max_depth": 6}
FOLDS = 5
VALIDATION_SHARE = 0.1
VALIDATION_ROWS = 100_000
CHUNK_ROWS = 262_144
CELLS_PER_THREAD = 250_000
REPORT_EVERY = 25

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BoostedTrees:
    """A fitted booster and the constant its trees add to."""

    booster: xgboost.Booster
    data: TrainingData
    intercept: float

    def predict(self, features: Matrix) -> npt.NDArray[np.float32]:
        matrix = xgboost.DMatrix(
            features,
            feature_types=_feature_types(self.data),
            enable_categorical=True,
            nthread=_threads(self.data),
        )
        predicted: npt.NDArray[np.float32] = self.booster.predict(matrix)
        return predicted.reshape(len(features), self.data.outputs)

    def to_onnx(self) -> onnx.ModelProto:
        model = json.loads(self.booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
        link = {
            "binary_classification": "Sigmoid",
            "multiclass_classification": "Softmax",
            "regression": None,
        }
        return tree_graph(
            model["trees"],
            model["tree_info"],
            columns=len(self.data.categories),
            outputs=self.data.outputs,
            intercept=self.intercept,
            link=link[self.data.problem],
        )


@dataclass
class _Run:
    """One booster on its way: what a checkpoint must hold to go on as if nothing had happened."""

    rounds: int
    losses: list[float] = field(default_factory=list)
    booster: xgboost.Booster | None = None

    def to_bytes(self) -> bytes:
        header = json.dumps({"rounds": self.rounds, "losses": self.losses}).encode()
        booster = b"" if self.booster is None else bytes(self.booster.save_raw("ubj"))
        return header + b"\n" + booster

    @classmethod
    def from_bytes(cls, content: bytes, parameters: dict[str, Any]) -> "_Run":
        header, _, raw = content.partition(b"\n")
        booster = xgboost.Booster(parameters, model_file=bytearray(raw)) if raw else None
        return cls(**json.loads(header), booster=booster)

    @property
    def best(self) -> int:
        """How many trees were best on the validation rows."""
        return int(np.argmin(self.losses)) + 1


def fit(data: TrainingData, options: Options, progress: Progress) -> BoostedTrees:
    """Choose the number of trees, then grow them. Raises TrainingError for options XGBoost refuses."""
    if options["rounds"] < 1 or options["max_rows"] < 2:
        raise TrainingError("gradient_boosting needs at least 1 for rounds and 2 for max_rows")
    try:
        return _fit(data, options, progress)
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[0]
        raise TrainingError(f"XGBoost refuses these hyperparameters or data: {reason}") from error


def _fit(data: TrainingData, options: Options, progress: Progress) -> BoostedTrees:
    patience = options["early_stopping_rounds"]
    order = np.random.default_rng(data.seed).permutation(len(data.target))
    if len(order) > options["max_rows"]:
        progress.report(f"boosting on a random {options['max_rows']} of {len(order)} rows (max_rows)")
        order = order[: options["max_rows"]]
    by_rows = SMALL if len(order) <= SMALL_ROWS else LARGE
    chosen = {name: value for name, value in by_rows.items() if not options[name]}
    intercept, parameters = _parameters(data, {**options, **chosen})
    if chosen:
        progress.report(f"chosen by the number of rows: {json.dumps(chosen)}")
    run = _Run.from_bytes(progress.saved, parameters) if progress.saved else None
    if run is not None and run.booster is not None:
        progress.report(f"going on from round {run.booster.num_boosted_rounds()} of an interrupted run")
    if len(order) <= SMALL_ROWS:
        run = run or _Run(_cross_validate(data, order, parameters, options, progress))
        booster = _grow(run, parameters, _matrix(data, order), None, patience, progress)
    else:
        validation = min(int(len(order) * VALIDATION_SHARE), VALIDATION_ROWS)
        training = _matrix(data, order[validation:])
        watched = _matrix(data, order[:validation], training)
        run = run or _Run(options["rounds"])
        booster = _grow(run, parameters, training, watched, patience, progress)[: run.best]
        progress.report(f"{run.best} rounds are best on {validation} validation rows")
    return BoostedTrees(booster, data, intercept)


def _cross_validate(
    data: TrainingData, order: Places, parameters: dict[str, Any], options: Options, progress: Progress
) -> int:
    """The number of rounds that is best on average over the folds."""
    fold_of = _stratified(data, order)
    silent = Progress(lambda _: None, progress.stopping)
    best = []
    for fold in range(FOLDS):
        training = _matrix(data, order[fold_of != fold])
        watched = _matrix(data, order[fold_of == fold], training)
        run = _Run(options["rounds"])
        _grow(run, parameters, training, watched, options["early_stopping_rounds"], silent)
        best.append(run.best)
    rounds = max(1, round(float(np.mean(best))))
    progress.report(f"{rounds} rounds are best in {FOLDS}-fold cross-validation (folds: {best})")
    return rounds


def _stratified(data: TrainingData, order: Places) -> Places:
    """A fold per row of the order; each class (or range of the target) is spread evenly."""
    by_target = np.argsort(data.target[order], kind="stable")
    fold_of = np.empty(len(order), np.int64)
    fold_of[by_target] = np.arange(len(order)) % FOLDS
    return fold_of


def _grow(
    run: _Run,
    parameters: dict[str, Any],
    training: xgboost.DMatrix,
    watched: xgboost.DMatrix | None,
    patience: int,
    progress: Progress,
) -> xgboost.Booster:
    """Add trees up to the run's rounds, or until the watched loss has not improved for a while."""
    if run.booster is None:
        run.booster = xgboost.Booster(parameters, [training, *([watched] if watched is not None else [])])
    for iteration in range(run.booster.num_boosted_rounds(), run.rounds):
        if progress.stopping():
            progress.save(run.to_bytes())
            raise TrainingInterruptedError(f"stopped after {iteration} rounds")
        run.booster.update(training, iteration)
        if watched is not None:
            run.losses.append(
                float(run.booster.eval_set([(watched, "watched")], iteration).rpartition(":")[2])
            )
            if iteration + 1 - run.best >= patience:
                break
        if (iteration + 1) % REPORT_EVERY == 0:
            loss = f", validation loss {run.losses[-1]:.5f}" if run.losses else ""
            progress.report(f"round {iteration + 1} of at most {run.rounds}{loss}")
    return run.booster


def _parameters(data: TrainingData, options: Options) -> tuple[float, dict[str, Any]]:
    """The intercept on the scale of the trees' sum, and XGBoost's own parameters."""
    base, intercept = 0.0, 0.0
    if data.problem == "binary_classification":
        base = float(np.clip(np.float32(data.target.mean()), 1e-6, 1 - 1e-6))
        intercept = math.log(base / (1 - base))
    objectives: dict[str, dict[str, Any]] = {
        "binary_classification": {"objective": "binary:logistic", "eval_metric": "logloss"},
        "multiclass_classification": {
            "objective": "multi:softprob",
            "eval_metric": "mlogloss",
            "num_class": data.outputs,
        },
        "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    }
    return intercept, {
        **objectives[data.problem],
        "base_score": base,
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": options["num_leaves"],
        "max_depth": options["max_depth"],
        "eta": options["learning_rate"],
        "min_child_weight": options["min_child_weight"],
        "lambda": options["l2"],
        "subsample": options["row_share"],
        "colsample_bynode": options["column_share"],
        "seed": data.seed,
        "seed_per_iteration": True,
        "nthread": _threads(data),
    }


def _threads(data: TrainingData) -> int:
    """On little data more threads only wait for each other."""
    return max(1, min(data.threads, data.features.size // CELLS_PER_THREAD))


def _feature_types(data: TrainingData) -> list[str]:
    return ["c" if count else "q" for count in data.categories]


class _Chunks(xgboost.DataIter):
    """Hands over selected rows piece by piece, so that they are never copied as a whole."""

    def __init__(self, data: TrainingData, rows: Places) -> None:
        super().__init__()
        self._data, self._rows = data, rows
        self._pieces: Iterator[Places] = iter(())
        self.reset()

    def reset(self) -> None:
        starts = range(0, len(self._rows), CHUNK_ROWS)
        self._pieces = (self._rows[start : start + CHUNK_ROWS] for start in starts)

    def next(self, input_data: Any) -> bool:
        rows = next(self._pieces, None)
        if rows is None:
            return False
        input_data(
            data=self._data.features[rows],
            label=self._data.target[rows],
            feature_types=_feature_types(self._data),
        )
        return True


def _matrix(
    data: TrainingData, rows: Places, reference: xgboost.QuantileDMatrix | None = None
) -> xgboost.QuantileDMatrix:
    return xgboost.QuantileDMatrix(
        _Chunks(data, rows), ref=reference, nthread=_threads(data), enable_categorical=True
    )
