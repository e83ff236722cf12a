"""Writes XGBoost's trees as an ONNX graph.

Thresholds and leaves are 32-bit floats in both, so every row, also one with missing cells, takes the same
path. A split on a set of categories becomes a chain of equality nodes whose true branches meet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import helper

from perennial_container.estimators.graph import as_model
from perennial_container.predictor import INPUT, OUTPUT


@dataclass
class _Nodes:
    """The parallel lists that ONNX's TreeEnsembleRegressor wants."""

    rows: list[tuple[int, int, str, int, float, int, int, int]] = field(default_factory=list)
    leaves: list[tuple[int, int, int, float]] = field(default_factory=list)

    def attributes(self) -> dict[str, Any]:
        names = (
            "nodes_treeids",
            "nodes_nodeids",
            "nodes_modes",
            "nodes_featureids",
            "nodes_values",
            "nodes_truenodeids",
            "nodes_falsenodeids",
            "nodes_missing_value_tracks_true",
        )
        targets = ("target_treeids", "target_nodeids", "target_ids", "target_weights")
        table = dict(zip(names, map(list, zip(*self.rows, strict=True)), strict=True))
        return {**table, **dict(zip(targets, map(list, zip(*self.leaves, strict=True)), strict=True))}


def tree_graph(
    trees: Sequence[Mapping[str, Any]],
    tree_targets: Sequence[int],
    *,
    columns: int,
    outputs: int,
    intercept: float,
    link: str | None,
) -> onnx.ModelProto:
    """Build the graph from the trees of XGBoost's JSON model; `link` is the ONNX operator after the sum."""
    nodes = _Nodes()
    for number, (tree, target) in enumerate(zip(trees, tree_targets, strict=True)):
        _add_tree(nodes, number, target, tree)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["sum" if link else OUTPUT],
        domain="ai.onnx.ml",
        n_targets=outputs,
        aggregate_function="SUM",
        base_values=[intercept] * outputs,
        post_transform="NONE",
        **nodes.attributes(),
    )
    steps = [ensemble]
    if link:
        axis: dict[str, Any] = {"axis": 1} if link == "Softmax" else {}
        steps.append(helper.make_node(link, ["sum"], [OUTPUT], **axis))
    return as_model(steps, columns=columns, outputs=outputs)


def _add_tree(nodes: _Nodes, number: int, target: int, tree: Mapping[str, Any]) -> None:
    left, right = tree["left_children"], tree["right_children"]
    sets = dict(_category_sets(tree))
    spare = len(left)
    for node, (yes, no) in enumerate(zip(left, right, strict=True)):
        value, feature = tree["split_conditions"][node], tree["split_indices"][node]
        missing_left = int(tree["default_left"][node])
        if yes == -1:
            nodes.rows.append((number, node, "LEAF", 0, 0.0, 0, 0, 0))
            nodes.leaves.append((number, node, target, value))
        elif node not in sets:
            nodes.rows.append((number, node, "BRANCH_LT", feature, value, yes, no, missing_left))
        else:
            # XGBoost sends members of the set to the right, everything else to the left.
            place = node
            for category in sets[node][:-1]:
                nodes.rows.append(
                    (number, place, "BRANCH_EQ", feature, category, no, spare, 1 - missing_left)
                )
                place, spare = spare, spare + 1
            last = sets[node][-1]
            nodes.rows.append((number, place, "BRANCH_EQ", feature, last, no, yes, 1 - missing_left))


def _category_sets(tree: Mapping[str, Any]) -> Iterator[tuple[int, list[float]]]:
    segments = zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    )
    for node, start, size in segments:
        yield node, [float(category) for category in tree["categories"][start : start + size]]
