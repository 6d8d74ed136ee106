"""Converts a TensorFlow function to an ONNX graph with readable names and sizes."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from deepcli.formats.base import OUTPUT, Exportable

_FLOATS = (1, 10, 11, 16)
"""ONNX's numbers for the types float, float16, double and bfloat16."""


def convert(model: Exportable, path: Path, opset: int) -> None:
    """Write a model as ONNX; the first axis of its input is called `batch`, the second of texts `length`.

    Raises:
        TrainingError: ONNX lacks an operation of the model.
    """
    import onnx
    import tensorflow as tf

    # Keras patches tf2onnx, which does not support NumPy 2.
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    from deepcli.errors import TrainingError

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx uses names that NumPy has deprecated
        patch_tf2onnx()
        import tf2onnx

    signature = model.signature()
    function = tf.function(lambda x: model.named(x)[OUTPUT], [signature], autograph=False)
    graph, _ = tf2onnx.convert.from_function(
        function,
        [signature],
        opset=opset,
        custom_op_handlers={"Erfc": (_erfc, []), "FloorDiv": (_floor_div, []), "FloorMod": (_floor_mod, [])},
    )
    lacking = sorted({node.op_type for node in _nodes(graph.graph) if not onnx.defs.has(node.op_type, node.domain)})
    if lacking:
        raise TrainingError(f"--format onnx: does not support this model: it lacks {', '.join(lacking)}")
    _rename(graph.graph, graph.graph.output[0].name, OUTPUT)
    for value, names in ((graph.graph.input[0], ("batch", "length")), (graph.graph.output[0], ("batch",))):
        for size, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if not size.dim_value:
                size.dim_param = name
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def _erfc(context: Any, node: Any, name: str, args: Any) -> Any:
    """Compute 1 - erf(x), because ONNX has no Erfc."""
    import numpy as np

    erf = context.make_node("Erf", [node.input[0]], name=f"{name}_erf", outputs=[f"{name}_erf:0"])
    one = context.make_const(f"{name}_one", np.ones((), np.float32))
    context.remove_node(name)
    return context.make_node("Sub", [one.output[0], erf.output[0]], name=name, outputs=list(node.output))


def _floor_mod(context: Any, node: Any, name: str, args: Any) -> Any:
    """Compute the remainder with the divisor's sign; ONNX's `Mod` of floats has the sign of C's, so `Floor` is used."""
    kind, (x, y), outputs = context.get_dtype(node.output[0]), node.input, list(node.output)
    context.remove_node(name)
    if kind not in _FLOATS:
        return context.make_node("Mod", [x, y], name=name, outputs=outputs)
    floor = context.make_node("Floor", [context.make_node("Div", [x, y]).output[0]])
    whole = context.make_node("Mul", [floor.output[0], y])
    return context.make_node("Sub", [x, whole.output[0]], name=name, outputs=outputs)


def _floor_div(context: Any, node: Any, name: str, args: Any) -> Any:
    """Divide and round down; integers are not converted to floats, which would lose their last bits."""
    kind, (x, y), outputs = context.get_dtype(node.output[0]), node.input, list(node.output)
    context.remove_node(name)
    if kind in _FLOATS:
        divided = context.make_node("Div", [x, y])
        return context.make_node("Floor", [divided.output[0]], name=name, outputs=outputs)
    rest = context.make_node("Mod", [x, y])
    whole = context.make_node("Sub", [x, rest.output[0]])
    return context.make_node("Div", [whole.output[0], y], name=name, outputs=outputs)


def _nodes(graph: Any) -> Any:
    """Yield the nodes of a graph and of the graphs inside its loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
    for value in graph.output:
        if value.name == old:
            value.name = new
