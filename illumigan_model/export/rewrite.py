"""Rewrite an ONNX graph for the runtimes: constants folded, and the body in half precision.

TensorRT computes in half precision by a flag up to version 10; from 11 on the graph itself must say so (NVIDIA's
migration guide from 10 to 11, "Strongly typed networks are now required"), which is what `to_half` is for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

SINGLE = ("Exp", "Log", "Pow", "Reciprocal", "ReduceMean", "ReduceSum", "Sigmoid", "Softmax", "Sqrt", "Tanh")
"""Operators that stay in single precision: they are cheap here, and lose or need digits that half does not have."""

SUFFIX: dict[int, str] = {TensorProto.FLOAT: "single", TensorProto.FLOAT16: "half"}


def constants_of(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Return a graph's initializers by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> None:
    """Give a graph new nodes, and as initializers those of the constants that the nodes read."""
    read = {name for node in nodes for name in node.input}
    for part in (graph.node, graph.initializer, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(constants[name], name) for name in sorted(read & set(constants)))


def fold_constants(model: onnx.ModelProto) -> None:
    """Compute every node that depends on constants only, once and for all; its result becomes an initializer."""
    constants = constants_of(model.graph)
    kept = []
    for node in model.graph.node:
        inputs = [name for name in node.input if name]
        if all(name in constants for name in inputs):
            part = helper.make_graph([node], "part", [], [helper.make_empty_tensor_value_info(node.output[0])])
            part.initializer.extend(numpy_helper.from_array(constants[name], name) for name in inputs)
            (value,) = ReferenceEvaluator(helper.make_model(part, opset_imports=model.opset_import)).run(None, {})
            constants[node.output[0]] = np.asarray(value)
        else:
            kept.append(node)
    replace_nodes(model.graph, kept, constants)


def to_half(model: onnx.ModelProto) -> None:
    """Let a graph compute in half precision between its inputs and outputs, whose types stay.

    Casts stand where precision changes. Operators of `SINGLE` stay in single precision, and so does a node with a
    number that half precision cannot hold (an epsilon of 1e-8 would become 0). Batch norms become a product and a sum
    whose factors are computed in single precision: a small variance would not survive.

    Args:
        model: a float32 graph whose constants are initializers, as `fold_constants` leaves it.
    """
    graph, constants = model.graph, constants_of(model.graph)
    types = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    nodes: list[onnx.NodeProto] = []

    def cast(name: str, wanted: int, copy: str) -> None:
        nodes.append(helper.make_node("Cast", [name], [copy], f"{copy}_cast", to=wanted))
        types[copy] = wanted

    def at_hand(name: str, wanted: int) -> str:
        """Return the name under which a node's input is at hand in the wanted float type."""
        copy = f"{name}_{SUFFIX[wanted]}"
        if not name or types.get(name) == wanted:
            return name
        if name not in constants:
            if copy not in types:
                cast(name, wanted, copy)
            return copy
        if wanted == TensorProto.FLOAT or constants[name].dtype != np.float32:
            return name
        constants[copy] = constants[name].astype(np.float16)
        return copy

    for node in [part for whole in graph.node for part in without_batch_norm(whole, constants)]:
        if node.op_type == "Cast":
            wanted = helper.get_node_attr_value(node, "to")
            if wanted == TensorProto.FLOAT:
                wanted = TensorProto.FLOAT16  # the levels of a uint8 frame fit
                node.attribute[0].i = wanted
        else:
            is_single = node.op_type in SINGLE or not all(survives(constants.get(name)) for name in node.input)
            wanted = TensorProto.FLOAT if is_single else TensorProto.FLOAT16
            halved = 1 if node.op_type == "Resize" else len(node.input)  # its scales stay single by definition
            node.input[:] = [at_hand(name, wanted) for name in node.input[:halved]] + node.input[halved:]
        nodes.append(node)
        types |= dict.fromkeys(node.output, wanted)
    for name in [value.name for value in graph.output if types[value.name] == TensorProto.FLOAT16]:
        for node in nodes:
            node.input[:] = [f"{name}_half" if other == name else other for other in node.input]
            node.output[:] = [f"{name}_half" if other == name else other for other in node.output]
        cast(f"{name}_half", TensorProto.FLOAT, name)
    replace_nodes(graph, nodes, constants)


def survives(constant: np.ndarray | None) -> bool:
    """Return whether a constant (None: a tensor that is none) is itself in half precision, but for rounding."""
    if constant is None or constant.dtype != np.float32:
        return True
    with np.errstate(over="ignore"):
        half = constant.astype(np.float16)
    vanished = constant.size == 1 and not half.any() and constant.any()
    return bool(np.isfinite(half).all()) and not vanished


def without_batch_norm(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> Iterator[onnx.NodeProto]:
    """Give a node as it is, or for a batch norm of N x C x H x W the product and the sum that it amounts to."""
    if node.op_type != "BatchNormalization":
        yield node
        return
    image, *names = node.input
    scale, shift, mean, variance = (constants[name][None, :, None, None] for name in names)
    factor, summand, product = (f"{node.output[0]}_{part}" for part in ("factor", "summand", "product"))
    constants[factor] = scale / np.sqrt(variance + np.float32(helper.get_node_attr_value(node, "epsilon")))
    constants[summand] = shift - mean * constants[factor]
    yield helper.make_node("Mul", [image, factor], [product], f"{node.name}_product")
    yield helper.make_node("Add", [product, summand], [node.output[0]], f"{node.name}_sum")
