import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from illumigan_model.errors import ModelError
from illumigan_model.export.operators import check_operators

SHAPE = [1, 4, 8, 8]


def graph(*nodes, shape=SHAPE, kind=TensorProto.FLOAT, out=TensorProto.FLOAT, opset=17, **constants):
    """A model from x to y with these nodes and constants."""
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    outputs = [helper.make_tensor_value_info("y", out, None)]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    whole = helper.make_graph(list(nodes), "test", inputs, outputs, initializers)
    return onnx.shape_inference.infer_shapes(helper.make_model(whole, opset_imports=[helper.make_opsetid("", opset)]))


def resize(**attributes):
    return graph(node("Resize", "x", "", "scales", **attributes), scales=np.array([1, 1, 2, 2], np.float32))


def node(kind, *inputs, out="y", **attributes):
    return helper.make_node(kind, inputs, [out], f"the_{kind}", **attributes)


@pytest.mark.parametrize(
    "model",
    [
        graph(node("Relu", "x")),
        resize(mode="linear", coordinate_transformation_mode="align_corners"),
        graph(node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])),
        graph(node("Cast", "x", out="a", to=1), node("Cast", "a", to=2), kind=TensorProto.UINT8, out=TensorProto.UINT8),
    ],
)
def test_what_every_version_knows_passes(model):
    check_operators(model)


@pytest.mark.parametrize(
    "model,message",
    [
        (graph(node("GridSample", "x", "grid"), grid=np.zeros((1, 8, 8, 2), np.float32)), r"\(GridSample\) is not"),
        (graph(node("HardSwish", "x")), r"the_HardSwish \(HardSwish\) is not among the operators"),
        (graph(node("Shape", "x"), out=TensorProto.INT64), r"the_Shape \(Shape\) is not"),
        (resize(mode="cubic"), r"the_Resize \(Resize\) has mode = b'cubic'"),
        (resize(coordinate_transformation_mode="tf_crop_and_resize"), "has coordinate_transformation_mode = b'tf_crop"),
        (graph(node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 1])), r"\(MaxPool\) has dilations = \[2, 1\]"),
        (graph(node("AveragePool", "x", kernel_shape=[2, 2], auto_pad="SAME_UPPER")), "has auto_pad = b'SAME_UPPER'"),
        (graph(node("Conv", "x", "x")), r"the_Conv \(Conv\) computes its input x, which must be a constant"),
        (graph(node("Cast", "x", to=TensorProto.INT32), out=TensorProto.INT32), r"the_Cast \(Cast\) has to = 6"),
        (
            graph(node("Cast", "x", out="a", to=2), node("Cast", "a", to=1)),
            r"the_Cast \(Cast\) is of type UINT8, where only floats work",
        ),
        (
            graph(node("Transpose", "x", perm=[0, 3, 1, 2]), kind=TensorProto.UINT8, out=TensorProto.UINT8),
            r"the_Transpose \(Transpose\) is of type UINT8",
        ),
        (graph(node("Add", "x", "x"), kind=TensorProto.DOUBLE, out=TensorProto.DOUBLE), "input x is of type DOUBLE"),
        (graph(node("Relu", "x"), shape=["batch", 4, 8, 8]), "its input x has a shape that is not known beforehand"),
        (graph(node("Relu", "x"), opset=18), "operator sets {'': 18} instead of ONNX's 17"),
    ],
)
def test_what_some_version_does_not_know_is_refused_by_name(model, message):
    onnx.checker.check_model(model)
    with pytest.raises(ModelError, match=message):
        check_operators(model)
