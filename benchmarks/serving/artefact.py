"""Writes the trees of scikit-learn's model as our artefact: `artefact.py FOLDER`, in the container's environment.

The golden sample's scores are scikit-learn's, so a server that comes up has been held against them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from models import Model
from onnx import helper

from perennial_container.artefact import write
from perennial_container.encoding import FeatureEncoding
from perennial_container.estimators.graph import as_model
from perennial_container.schema import Feature, Schema

NODES = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
TARGETS = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def below(threshold: float) -> float:
    """The largest 32-bit number that is not above: rows of 32-bit numbers then go the same way."""
    near = np.float32(threshold)
    return float(np.nextafter(near, np.float32(-np.inf)) if near > threshold else near)


def ensemble(stages: list[list[dict[str, Any]]]) -> dict[str, list[Any]]:
    """The attributes of ONNX's tree ensemble: of each stage, one tree per output."""
    nodes, leaves = [], []
    trees = [(target, tree) for stage in stages for target, tree in enumerate(stage)]
    for number, (target, tree) in enumerate(trees):
        for node, leaf in enumerate(tree["is_leaf"]):
            if leaf:
                nodes.append((number, node, "LEAF", 0, 0.0, 0, 0, 0))
                leaves.append((number, node, target, tree["value"][node]))
            else:
                threshold = below(tree["num_threshold"][node])
                places = (tree["left"][node], tree["right"][node], tree["missing_go_to_left"][node])
                nodes.append((number, node, "BRANCH_LEQ", tree["feature_idx"][node], threshold, *places))
    names = [*(f"nodes_{name}" for name in NODES), "nodes_missing_value_tracks_true"]
    table = dict(zip(names, map(list, zip(*nodes, strict=True)), strict=True))
    return table | dict(zip(TARGETS, map(list, zip(*leaves, strict=True)), strict=True))


def main(folder: Path) -> None:
    spec, document = Model.read(folder), json.loads((folder / "trees.json").read_text())
    outputs = len(document["baseline"])
    sums = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["scores" if spec.classes == 1 else "sum"], domain="ai.onnx.ml",
        n_targets=outputs, base_values=document["baseline"], aggregate_function="SUM", post_transform="NONE",
        **ensemble(document["trees"]),
    )  # fmt: skip
    link = {1: [], 2: [helper.make_node("Sigmoid", ["sum"], ["scores"])]}
    steps = [sums, *link.get(spec.classes, [helper.make_node("Softmax", ["sum"], ["scores"], axis=1)])]
    features = [
        Feature(f"f{place}", "string" if place < spec.texts else "float") for place in range(spec.features)
    ]
    words = tuple(document["words"])
    problem = {1: "regression", 2: "binary_classification"}.get(spec.classes, "multiclass_classification")
    classes = () if spec.classes == 1 else tuple(map(str, range(spec.classes)))
    description = {
        "schema": Schema(problem, "y", classes, tuple(features)).to_json(),
        "features": [
            FeatureEncoding(each, words if each.categorical else None).to_json() for each in features
        ],
        "rescaling": {"offset": 0.0, "scale": 1.0},
        "threshold": 0.5,
        "golden": {"rows": document["rows"], "scores": document["scores"]},
    }
    graph = as_model(steps, columns=spec.features, outputs=outputs).SerializeToString()
    write(folder / "model", graph, description)


main(Path(sys.argv[1]))
