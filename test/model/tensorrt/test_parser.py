"""Every exported graph through a real TensorRT parser and builder, which need no GPU in TensorRT for RTX."""

import pytest

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")

LOGGER = trt.Logger(trt.Logger.ERROR)


def build(content):
    """The engine of an ONNX file's content, and the shapes and types of its inputs and outputs."""
    builder = trt.Builder(LOGGER)
    network = builder.create_network()
    parser = trt.OnnxParser(network, LOGGER)
    assert parser.parse(content), [str(parser.get_error(index)) for index in range(parser.num_errors)]
    tensors = [network.get_input(index) for index in range(network.num_inputs)]
    tensors += [network.get_output(index) for index in range(network.num_outputs)]
    engine = builder.build_serialized_network(network, builder.create_builder_config())
    return engine, [(tensor.name, tuple(tensor.shape), tensor.dtype) for tensor in tensors]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("architecture", ["curve_grid", "attention_unet"])
def test_every_graph_becomes_an_engine(architecture, precision, exported):
    engine, border = build(exported(architecture, "full", precision).SerializeToString())
    assert engine.nbytes > 10_000
    assert border == [
        ("frame", (1, 90, 160, 3), trt.uint8),
        ("enhanced", (1, 90, 160, 3), trt.uint8),
        ("attention", (1, 90, 160, 1), trt.uint8),
    ]
    engine, border = build(exported(architecture, "core", precision).SerializeToString())
    assert engine.nbytes > 10_000
    assert (
        border
        == {
            "curve_grid": [("thumbnail", (1, 3, 72, 128), trt.float32), ("curves", (1, 25, 9, 16), trt.float32)],
            "attention_unet": [("image", (1, 3, 90, 160), trt.float32), ("enhanced", (1, 3, 90, 160), trt.float32)],
        }[architecture]
    )


def test_half_precision_is_half_of_the_engine(exported):
    sizes = [build(exported("attention_unet", "core", kind).SerializeToString())[0].nbytes for kind in ("fp32", "fp16")]
    assert sizes[1] < sizes[0]


def test_a_truncated_graph_is_no_engine(exported):
    with pytest.raises(AssertionError):
        build(exported("curve_grid", "core", "fp32").SerializeToString()[:5000])
