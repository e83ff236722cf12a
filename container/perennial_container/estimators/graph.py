"""Wraps an estimator's computation as the graph that the artefact carries."""

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from perennial_container.predictor import INPUT, OUTPUT

OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8


def as_model(
    steps: Sequence[onnx.NodeProto],
    *,
    columns: int,
    outputs: int,
    constants: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """Wrap graph nodes as the artefact's model: `features` in, `scores` out."""
    graph = helper.make_graph(
        list(steps),
        "perennial",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, outputs])],
        list(constants),
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="perennial")
    onnx.checker.check_model(model)
    return model
