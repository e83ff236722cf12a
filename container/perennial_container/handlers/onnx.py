"""Serves any ONNX graph of one numeric input: `model.onnx`, whatever tool wrote it.

The input is rows by features of 32-bit floats. The output taken is `scores`, else `probabilities` as scikit-learn's
converter names it, else the last.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from perennial_container.cpu import available_cpus
from perennial_container.errors import ArtefactError
from perennial_container.handlers import Batch
from perennial_container.predictor import session_of

PREFERRED = ("scores", "probabilities")
Model = tuple[onnxruntime.InferenceSession, str, str]


def load(model_dir: Path) -> Model:
    """The session with the names of its input and its output."""
    session = session_of((model_dir / "model.onnx").read_bytes(), available_cpus())
    inputs = [entry.name for entry in session.get_inputs()]
    if len(inputs) != 1:
        raise ArtefactError(f"model.onnx must read one input, rows by features; it reads {inputs}")
    return session, inputs[0], chosen([entry.name for entry in session.get_outputs()])


def predict(model: Model, batch: Batch) -> Any:
    session, given, wanted = model
    return session.run([wanted], {given: batch.matrix})[0]


def chosen(outputs: Sequence[str]) -> str:
    """The name of the output that holds the scores."""
    return next((name for name in PREFERRED if name in outputs), outputs[-1])
