"""Runs a model's graph: encoded features in, predictions out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from perennial_container.blocks import BlockSession
from perennial_container.errors import ArtefactError
from perennial_container.schema import Schema
from perennial_container.table import Matrix

INPUT = "features"
OUTPUT = "scores"

Doubles = npt.NDArray[np.float64]

NO_LABELS = np.empty(0, np.int64)
NO_PROBABILITIES = np.empty((0, 0))


class Predictions(NamedTuple):
    """One entry per row. `score` is the positive class's or the best class's probability, or the number.

    `labels` are places in the schema's classes (empty for regression), `probabilities` is rows by classes
    (empty unless there are more than two classes).
    """

    score: Doubles
    labels: npt.NDArray[np.int64] = NO_LABELS
    probabilities: Doubles = NO_PROBABILITIES

    def part(self, start: int, end: int) -> "Predictions":
        """Those of some of the rows, [start, end)."""
        return Predictions(self.score[start:end], self.labels[start:end], self.probabilities[start:end])


@dataclass(frozen=True)
class Rescaling:
    """Regression graphs predict the standardised target; this leads back, in double precision."""

    offset: float = 0.0
    scale: float = 1.0


class Session(Protocol):
    """What computes: a graph of ONNX Runtime, or a model behind a handler of its own."""

    def run(self, names: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
        """The named outputs, each rows by outputs."""


def open_session(graph: bytes, threads: int) -> Session:
    """Load a graph as training writes it: from `features` to `scores`, each row for itself."""
    session = session_of(graph, 1)
    names = [entry.name for entry in session.get_inputs()], [entry.name for entry in session.get_outputs()]
    if names != ([INPUT], [OUTPUT]):
        raise ArtefactError(f"model.onnx must read {INPUT!r} and give {OUTPUT!r}, it has {names}")
    return BlockSession(session, threads) if threads > 1 else session


def session_of(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load any graph, with a fixed number of threads that sleep when there is nothing to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ArtefactError(f"model.onnx cannot be loaded: {str(error)[:300]}") from error


@dataclass(frozen=True)
class Predictor:
    """A loaded graph, or a model behind a handler, together with what its numbers mean."""

    session: Session
    schema: Schema
    rescaling: Rescaling
    threshold: float

    def raw(self, features: Matrix) -> npt.NDArray[Any]:
        """What the session itself gives: rows by outputs."""
        result: npt.NDArray[Any] = self.session.run([OUTPUT], {INPUT: features})[0]
        return result

    def predict(self, features: Matrix) -> Predictions:
        """Predict encoded rows."""
        return self._told(self.raw(features))

    def predict_parts(self, parts: Iterator[Matrix]) -> Predictions:
        """The same of rows that come in parts, at least one. Raises what making them raises."""
        if isinstance(self.session, BlockSession):
            return self._told(self.session.run_parts([OUTPUT], INPUT, parts)[0])
        return self.predict(np.concatenate(list(parts)))

    def _told(self, found: npt.NDArray[Any]) -> Predictions:
        raw = found.astype(np.float64)
        if self.schema.problem == "regression":
            return Predictions(raw[:, 0] * self.rescaling.scale + self.rescaling.offset)
        if self.schema.problem == "binary_classification":
            score = raw[:, 0]
            return Predictions(score, (score >= self.threshold).astype(np.int64))
        labels = raw.argmax(axis=1)
        return Predictions(raw[np.arange(len(raw)), labels], labels, raw)
