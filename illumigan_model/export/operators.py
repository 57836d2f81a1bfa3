"""Operators that every TensorRT on a Jetson can parse, and the check of a graph against them.

The table holds what docs/operators.md of github.com/onnx/onnx-tensorrt lists as supported in its releases for TensorRT
8.5 (JetPack 5), 8.6 (JetPack 6.0), 10.1 and 10.15 (before and after 10.3, JetPack 6.1 and 6.2), cut down to what an
image network of static shape has use for; for 11 (JetPack 7) no such table was at hand. Where releases differ the
narrowest rule holds: opset 17 is the newest that 8.5 reads, shapes and the like must be constants, pooling may not
dilate, Resize is nearest or linear, and uint8 lives at the graph's border only, one Cast away from floats.

GridSample is not among them: before 11.2 it takes flat pictures only, and no torch2trt converts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import onnx
from onnx import TensorProto, helper

from illumigan_model.errors import ModelError

OPSET = 17
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


@dataclass(frozen=True)
class Limits:
    """What a node of one operator must keep to.

    `attributes` gives the values that an attribute may have, or for a list of numbers those that each number may have;
    one that is not named here is free. `constants` are the positions of inputs that must be constants.
    """

    attributes: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}))
    constants: tuple[int, ...] = ()


FREE = Limits()
POOL = Limits({"auto_pad": (b"NOTSET",), "dilations": (1,), "storage_order": (0,)})
SHAPED = Limits(constants=(1,))

OPERATORS: dict[str, Limits] = {
    **dict.fromkeys(("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"), FREE),
    **dict.fromkeys(("Abs", "Ceil", "Erf", "Exp", "Floor", "Identity", "Log", "Neg", "Reciprocal", "Sqrt"), FREE),
    **dict.fromkeys(("Clip", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Tanh"), FREE),
    **dict.fromkeys(("Concat", "Flatten", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "MatMul"), FREE),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "Softmax", "Transpose"), FREE),
    **dict.fromkeys(("Reshape", "Split", "Squeeze", "Unsqueeze"), SHAPED),
    "AveragePool": POOL,
    "BatchNormalization": Limits({"training_mode": (0,)}, constants=(1, 2, 3, 4)),
    "Cast": Limits({"to": (*FLOATS, TensorProto.UINT8)}),
    "Conv": Limits({"auto_pad": (b"NOTSET",)}, constants=(1, 2)),
    "ConvTranspose": Limits({"auto_pad": (b"NOTSET",)}, constants=(1, 2)),
    "MaxPool": POOL,
    "ReduceSum": Limits({"noop_with_empty_axes": (0,)}, constants=(1,)),
    "Resize": Limits(
        {
            "mode": (b"nearest", b"linear"),
            "coordinate_transformation_mode": (b"half_pixel", b"pytorch_half_pixel", b"asymmetric", b"align_corners"),
            "nearest_mode": (b"floor", b"ceil", b"round_prefer_floor", b"round_prefer_ceil"),
            "exclude_outside": (0,),
        },
        constants=(1, 2, 3),
    ),
    "Slice": Limits(constants=(1, 2, 3, 4)),
}


def check_operators(model: onnx.ModelProto) -> None:
    """Check that every TensorRT from 8.5 to 11 can parse a graph.

    Args:
        model: a graph whose constants are initializers.

    Raises:
        ModelError: a node is outside of the table or its limits, the opset is not 17, or a shape is not static; the
            message names the node and its operator.
    """
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": OPSET}:
        raise ModelError(f"The graph has the operator sets {opsets} instead of ONNX's {OPSET}; export it again.")
    graph = onnx.shape_inference.infer_shapes(model).graph
    constants = {tensor.name for tensor in graph.initializer}
    kinds = {value.name: value.type.tensor_type for value in (*graph.input, *graph.value_info, *graph.output)}
    for value in graph.input:
        if fault := fault_of_tensor(kinds[value.name], (*FLOATS, TensorProto.UINT8)):
            raise ModelError(f"The graph would not run on every TensorRT from 8.5 on: its input {value.name} {fault}.")
    borders = {value.name for value in graph.output}
    for node in graph.node:
        faults = [fault_of(node, constants)]
        for name in node.output:
            uint8 = (TensorProto.UINT8,) if node.op_type == "Cast" and name in borders else ()
            faults.append(fault_of_tensor(kinds.get(name), (*FLOATS, *uint8)))
        if fault := next(filter(None, faults), None):
            raise ModelError(
                f"The graph would not run on every TensorRT from 8.5 on: its node {node.name or node.output[0]} "
                f"({node.op_type}) {fault}."
            )


def fault_of(node: onnx.NodeProto, constants: set[str]) -> str | None:
    """Say what is wrong with a node, None if nothing is; `constants` are the names of the graph's constants."""
    if node.domain or node.op_type not in OPERATORS:
        return "is not among the operators that all of them know"
    limits = OPERATORS[node.op_type]
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        allowed = limits.attributes.get(attribute.name)
        if allowed and not set(value if isinstance(value, list) else [value]) <= set(allowed):
            return f"has {attribute.name} = {value}, where only {' or '.join(map(str, allowed))} works everywhere"
    for position in limits.constants:
        if position < len(node.input) and node.input[position] and node.input[position] not in constants:
            return f"computes its input {node.input[position]}, which must be a constant"
    return None


def fault_of_tensor(kind: onnx.TypeProto.Tensor | None, types: tuple[int, ...]) -> str | None:
    """Say what is wrong with the shape or type of a tensor, None if nothing is."""
    if kind is None or not all(size.HasField("dim_value") for size in kind.shape.dim):
        return "has a shape that is not known beforehand"
    if kind.elem_type not in types:
        return f"is of type {TensorProto.DataType.Name(kind.elem_type)}, where only floats work"
    return None
