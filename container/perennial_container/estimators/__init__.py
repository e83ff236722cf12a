"""The estimators to choose from, and what a module must offer to be one.

`training.estimator` in model.yaml names a row of this table, or any importable module by its dotted name. A module
whose models have no graph says with `HANDLER` what serves them, as in `perennial_container.handlers`; what its `fit`
returns then has `save(folder)` in the place of `to_onnx`.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from perennial_container.errors import TrainingError
from perennial_container.schema import Problem
from perennial_container.table import Matrix

ESTIMATORS = {
    "gradient_boosting": "perennial_container.estimators.gradient_boosting",
    "linear": "perennial_container.estimators.linear",
}

Options = Mapping[str, Any]


@dataclass(frozen=True)
class TrainingData:
    """What an estimator learns from.

    `features` is rows by columns, NaN where missing; `categories[c]` is the number of categories of column c,
    whose cells are then places 0, 1, ..., or 0 if the column is numeric. `target` holds class places, or the
    standardised number for a regression. `outputs` is 1, or the number of classes if they are more than two.
    """

    features: Matrix
    target: npt.NDArray[np.float32]
    categories: tuple[int, ...]
    problem: Problem
    outputs: int
    seed: int
    threads: int


class Fitted(Protocol):
    """A trained model that says the same thing twice: directly, and as an ONNX graph."""

    def predict(self, features: Matrix) -> npt.NDArray[np.floating[Any]]:
        """Rows by `outputs`: the positive class's probability, every class's, or the standardised number."""

    def to_onnx(self) -> onnx.ModelProto:
        """A graph from `features` (float32, rows by columns) to `scores` (float32, rows by outputs)."""


@dataclass
class Progress:
    """How an estimator that takes long reports, and survives an interruption.

    `saved` is what an interrupted run of the same training left; `stopping()` turns true after SIGTERM, and
    then `save` should be given what makes a restart cheap, and TrainingInterruptedError be raised.
    """

    report: Callable[[str], None]
    stopping: Callable[[], bool] = lambda: False
    save: Callable[[bytes], None] = lambda _: None
    saved: bytes | None = field(default=None, repr=False)


def find_estimator(name: str) -> ModuleType:
    """The module behind a name: it has `OPTIONS` (name -> default) and `fit(data, options, progress)`."""
    path = ESTIMATORS.get(name, name if "." in name else None)
    if path is None:
        raise TrainingError(f"there is no estimator {name!r}; known are {', '.join(ESTIMATORS)}")
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        raise TrainingError(f"the estimator {name!r} cannot be imported: {error}") from error
    lacking = [attribute for attribute in ("OPTIONS", "fit") if not hasattr(module, attribute)]
    if lacking:
        raise TrainingError(f"the estimator {name!r} lacks {' and '.join(lacking)}")
    return module


def choose_options(defaults: Options, given: Options, estimator: str) -> dict[str, Any]:
    """The defaults, replaced by what is given; unknown names and wrong types are refused."""
    for name, value in given.items():
        if name not in defaults:
            near = difflib.get_close_matches(name, defaults, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(defaults)}"
            raise TrainingError(f"{estimator} has no hyperparameter {name!r}; {hint}")
        if not _same_kind(value, defaults[name]):
            raise TrainingError(
                f"hyperparameter {name!r} of {estimator} is {value!r}, "
                f"expected a value like {defaults[name]!r}"
            )
    return {**defaults, **given}


def _same_kind(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
