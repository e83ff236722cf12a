"""Writes the trees of scikit-learn's model as our artefact: `artefact.py FOLDER`, in the container's environment.

The golden sample's scores are scikit-learn's, so a server that comes up has been held against them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnx import helper

from perennial_container.artefact import write
from perennial_container.encoding import FeatureEncoding
from perennial_container.estimators.graph import as_model
from perennial_container.schema import Feature, Schema


def below(threshold: float) -> float:
    """The largest 32-bit number that is not above: rows of 32-bit numbers then go the same way."""
    near = np.float32(threshold)
    return float(np.nextafter(near, np.float32(-np.inf)) if near > threshold else near)


def main(folder: Path) -> None:
    document = json.loads((folder / "trees.json").read_text())
    columns = len(document["rows"][0])
    nodes, leaves = [], []
    for number, tree in enumerate(document["trees"]):
        for node, leaf in enumerate(tree["is_leaf"]):
            if leaf:
                nodes.append((number, node, "LEAF", 0, 0.0, 0, 0, 0))
                leaves.append((number, node, 0, tree["value"][node]))
            else:
                threshold = below(tree["num_threshold"][node])
                places = (tree["left"][node], tree["right"][node], tree["missing_go_to_left"][node])
                nodes.append((number, node, "BRANCH_LEQ", tree["feature_idx"][node], threshold, *places))
    names = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    table = dict(
        zip(
            [*(f"nodes_{name}" for name in names), "nodes_missing_value_tracks_true"],
            map(list, zip(*nodes, strict=True)),
            strict=True,
        )
    )
    targets = ("target_treeids", "target_nodeids", "target_ids", "target_weights")
    table |= dict(zip(targets, map(list, zip(*leaves, strict=True)), strict=True))
    sums = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["sum"], domain="ai.onnx.ml", n_targets=1,
        base_values=[document["baseline"]], aggregate_function="SUM", post_transform="NONE", **table,
    )  # fmt: skip
    steps = [sums, helper.make_node("Sigmoid", ["sum"], ["scores"])]
    features = tuple(Feature(f"f{place}", "float") for place in range(columns))
    description = {
        "schema": Schema("binary_classification", "y", ("0", "1"), features).to_json(),
        "features": [FeatureEncoding(feature).to_json() for feature in features],
        "rescaling": {"offset": 0.0, "scale": 1.0},
        "threshold": 0.5,
        "golden": {"rows": document["rows"], "scores": [[score] for score in document["scores"]]},
    }
    graph = as_model(steps, columns=columns, outputs=1).SerializeToString()
    write(folder / "model", graph, description)


main(Path(sys.argv[1]))
