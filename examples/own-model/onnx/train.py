"""Trains a small neural network with scikit-learn and writes it as ONNX by hand: `train.py FOLDER`.

    FOLDER/model/model.onnx    scaling, one hidden layer, and a sigmoid
    FOLDER/model/model.json    features, classes, checksums, and a golden sample

Neither PyTorch nor a converter is needed, and serving needs nothing but ONNX Runtime. The handler named `onnx` is in
the image. The golden sample is what scikit-learn says: if the graph differed, this would stop.
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier

from perennial_container.artefact import write_own
from perennial_container.schema import Feature, Schema

OPSET = 17
IR_VERSION = 8


def graph(network: MLPClassifier, mean: np.ndarray, spread: np.ndarray) -> bytes:
    """From `features`, rows by columns, to `scores`, rows by 1."""
    (first, second), (shift, bias) = network.coefs_, network.intercepts_
    # Scaling is linear, too: it goes into the first layer.
    weights = {"w1": first / spread[:, None], "b1": shift - (mean / spread) @ first, "w2": second, "b2": bias}
    steps = [
        helper.make_node("Gemm", ["features", "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["scores"]),
    ]
    described = helper.make_graph(
        steps,
        "network",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(mean)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(described, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()


def main(folder: Path) -> None:
    cancer = load_breast_cancer()
    mean, spread = cancer.data.mean(axis=0), cancer.data.std(axis=0)
    network = MLPClassifier((8,), max_iter=2000, random_state=0)
    network.fit((cancer.data - mean) / spread, cancer.target)
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "model.onnx").write_bytes(graph(network, mean, spread))
    features = tuple(Feature(name, "float") for name in cancer.feature_names)
    classes = tuple(map(str, cancer.target_names))
    rows = cancer.data[::100]
    expected = network.predict_proba((rows - mean) / spread)[:, 1:]
    schema = Schema("binary_classification", "diagnosis", classes, features)
    write_own(model, "onnx", schema, rows.tolist(), expected=expected)


main(Path(sys.argv[1]))
