import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from illumigan_model.export.rewrite import fold_constants, to_half

SHAPE = [1, 2, 4, 4]


def graph(*nodes, **constants):
    """A float32 model from x to y with these nodes and constants."""
    border = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)] for name in "xy"]
    initializers = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    whole = helper.make_graph(list(nodes), "test", *border, initializers)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, image):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": image})[0]


def test_an_epsilon_that_half_precision_does_not_have_is_kept():
    model = graph(helper.make_node("Add", ["x", "tiny"], ["sum"]), helper.make_node("Log", ["sum"], ["y"]), tiny=1e-8)
    to_half(model)
    assert np.allclose(run(model, np.zeros(SHAPE, np.float32)), np.log(1e-8))


def test_a_number_too_large_for_half_precision_is_kept():
    model = graph(
        helper.make_node("Mul", ["x", "large"], ["product"]), helper.make_node("Log", ["product"], ["y"]), large=1e6
    )
    to_half(model)
    assert np.allclose(run(model, np.ones(SHAPE, np.float32)), np.log(1e6))


def test_a_batch_norm_of_small_variance_stays_what_it_is():
    norm = helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["y"], epsilon=1e-10)
    values = {"scale": [2e-4, 1], "shift": [0.5, 0], "mean": [0.25, 0], "variance": [1e-9, 1]}
    model = graph(norm, **values)
    image = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    wanted = run(model, image)
    to_half(model)
    assert np.abs(run(model, image) - wanted).max() < 0.01


def test_constants_are_computed_beforehand_and_the_unread_left_out():
    model = graph(
        helper.make_node("Mul", ["two", "three"], ["six"]),
        helper.make_node("Mul", ["x", "six"], ["y"]),
        two=2,
        three=3,
        unread=4,
    )
    fold_constants(model)
    assert [node.op_type for node in model.graph.node] == ["Mul"]
    assert [(tensor.name, numpy_helper.to_array(tensor)) for tensor in model.graph.initializer] == [("six", 6)]
    assert np.allclose(run(model, np.ones(SHAPE, np.float32)), 6)
