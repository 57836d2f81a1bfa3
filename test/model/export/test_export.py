import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from illumigan_model import weights
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError
from illumigan_model.export.export import export_onnx, to_onnx
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.checkpoint import save_checkpoint

ARCHITECTURES = ("curve_grid", "attention_unet")
LEVELS = {"fp32": 1, "fp16": 2}
ROUNDING = 0.5


def open_session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # threads that spin are slow on a busy machine
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def run(model, **inputs):
    return open_session(model).run(None, inputs)


def as_image(frame):
    return torch.from_numpy(frame[:, :, ::-1].copy()).permute(2, 0, 1)[None] / 255


def wanted(generator, frame):
    """The torch model's answer in levels, float: enhanced BGR H x W x 3, attention H x W x 1."""
    with torch.no_grad():
        image, dark = generator(as_image(frame))
    return [(255 * part.clamp(0, 1))[0].permute(1, 2, 0).numpy() for part in (image.flip(1), dark)]


def facts_of(model):
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize("precision", LEVELS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_full_graph_is_the_torch_model_from_frame_to_frame(architecture, precision, generators, exported, frames):
    session = open_session(exported(architecture, "full", precision))
    moved = []
    for frame in frames:
        answers, levels = session.run(None, {"frame": frame[None]}), wanted(generators[architecture], frame)
        for answer, exact in zip(answers, levels, strict=True):
            assert answer.dtype == np.uint8
            assert np.abs(answer[0] - exact).max() <= LEVELS[precision] - ROUNDING + 0.01
        moved.append(np.abs(levels[0] - frame).mean())
    assert np.mean(moved) > 5  # the model does something to these frames


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_half_precision_holds_where_every_single_operation_is_rounded(architecture, generators, exported, frames):
    """ONNX Runtime computes some of a half-precision graph in single precision on a CPU; the reference does not."""
    answers = ReferenceEvaluator(exported(architecture, "full", "fp16")).run(None, {"frame": frames[2][None]})
    for answer, exact in zip(answers, wanted(generators[architecture], frames[2]), strict=True):
        assert np.abs(answer[0] - exact).max() <= LEVELS["fp16"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_core_graph_is_what_the_torch_runtime_runs(architecture, generators, exported, frames):
    generator = generators[architecture]
    model = exported(architecture, "core", "fp32")
    image = as_image(frames[1])
    if architecture == "curve_grid":
        image = torch.nn.functional.interpolate(image, THUMBNAIL_WH[::-1])
    with torch.no_grad():
        curves = generator.curves(image) if architecture == "curve_grid" else generator(image)[0]
    (answer,) = run(model, **{model.graph.input[0].name: image.numpy()})
    assert np.abs(answer - curves.numpy()).max() < 1e-4
    (halved,) = run(exported(architecture, "core", "fp16"), **{model.graph.input[0].name: image.numpy()})
    assert halved.dtype == np.float32
    assert 0 < np.abs(halved - curves.numpy()).max() < 0.01


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_uint8_stays_at_the_border_and_half_precision_halves_the_weights(architecture, exported):
    sizes = []
    for precision in LEVELS:
        model = exported(architecture, "full", precision)
        first, last = model.graph.node[0], model.graph.node[-1]
        assert (first.op_type, last.op_type) == ("Cast", "Cast")
        assert first.input[0] == "frame" and last.output[0] in ("enhanced", "attention")
        sizes.append(sum(len(tensor.raw_data) for tensor in model.graph.initializer))
    assert sizes[1] < 0.55 * sizes[0]


def test_any_size_of_frame_has_its_graph(generators, frames):
    frame = frames[0][:33, :50]
    for architecture in ARCHITECTURES:
        enhanced, attention = run(to_onnx(generators[architecture], {}, "full", "50x33"), frame=frame[None])
        levels = wanted(generators[architecture], frame)
        assert np.abs(enhanced[0] - levels[0]).max() < 1
        assert np.abs(attention[0] - levels[1]).max() < 1


@pytest.mark.parametrize("graph", sorted(weights.FOLDER.glob("*.onnx")), ids=lambda graph: graph.stem)
def test_shipped_graphs_say_what_they_are_and_under_which_licence(graph):
    facts = facts_of(onnx.load(graph))
    assert facts["model"] == graph.stem
    assert facts["licence"] in (graph.with_suffix(".md")).read_text()
    assert f"{facts['checkpoint_sha256']}  {graph.stem}.safetensors" in graph.with_suffix(".sha256").read_text()


def test_facts_travel_in_the_file(tmp_path):
    export_onnx("curve_grid", tmp_path / "full.onnx", "full", "64x48", "fp16")
    model = onnx.load(tmp_path / "full.onnx")
    facts = facts_of(model)
    recorded = (weights.FOLDER / "curve_grid.sha256").read_text()
    assert f"{facts.pop('checkpoint_sha256')}  curve_grid.safetensors" in recorded
    assert facts.pop("licence").startswith("Apache-2.0")
    assert facts == {
        "architecture": "curve_grid",
        "model": "curve_grid",
        "graph": "full",
        "size": "64x48",
        "precision": "fp16",
        "colour": "BGR",
        "range": "0..255",
        "denoise": "none",
    }
    assert [entry.version for entry in model.opset_import] == [17]
    assert [size.dim_value for size in model.graph.output[0].type.tensor_type.shape.dim] == [1, 48, 64, 3]


def test_an_exported_core_enhances_frames(tmp_path, night):
    export_onnx("curve_grid", tmp_path / "mine.onnx")
    mine = Enhancer(str(tmp_path / "mine.onnx"), "onnxruntime").enhance(night, 0.0).image
    shipped = Enhancer("curve_grid", "onnxruntime").enhance(night, 0.0).image
    assert np.abs(mine.astype(int) - shipped).max() <= 1
    assert facts_of(onnx.load(tmp_path / "mine.onnx"))["size"] == "128x72"


@pytest.mark.parametrize(
    "model,target,options,message",
    [
        ("curve_grid", "x.onnx", {"graph": "half"}, "no graph 'half'; give core or full"),
        ("curve_grid", "x.onnx", {"precision": "int8"}, "no precision 'int8'; give fp32 or fp16"),
        ("curve_grid", "x.onnx", {"graph": "full"}, "made for one size of frames; give it as WIDTHxHEIGHT"),
        ("curve_grid", "x.onnx", {"graph": "full", "size": "1280"}, "'1280' is not a size; give WIDTHxHEIGHT"),
        ("curve_grid", "x.onnx", {"graph": "full", "size": "1280x-720"}, "'1280x-720' is not a size"),
        ("curve_grid", "x.onnx", {"graph": "full", "size": "1280x8"}, "out of range; give sides of 16 to 8192"),
        ("curve_grid", "x.onnx", {"graph": "full", "size": "90000x720"}, "90000x720 is out of range"),
        ("curve_grid", "x.onnx", {"size": "1280x720"}, "a thumbnail of 128x72 of whatever frame, and not 1280x720"),
        ("curve_grid", "x.engine", {}, "must end in .onnx"),
        ("curve_grid", "no/such/x.onnx", {}, "no folder .*; make it first"),
        ("curve_grid", "folder.onnx", {}, "folder.onnx cannot be written"),
        ("no_such_model", "x.onnx", {}, "no model named 'no_such_model'"),
        ("missing.safetensors", "x.onnx", {}, "missing.safetensors does not exist"),
        ("shipped.onnx", "x.onnx", {}, "exported already; give the .safetensors or .pth file"),
        ("broken.safetensors", "x.onnx", {}, "broken.safetensors is not a checkpoint"),
        ("small.safetensors", "x.onnx", {}, "made for one size of frames"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(model, target, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\x00 no weights")
    save_checkpoint(AttentionUNet(AttentionUNetConfig(width=2)), tmp_path / "small.safetensors")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ModelError, match=message) as refusal:
        export_onnx(model, tmp_path / target, **options)
    assert "\n" not in str(refusal.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_graph_that_memory_does_not_suffice_for_is_one_sentence():
    program = """
import resource
from illumigan_model.export.export import ModelError, to_onnx
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig

used = 1024 * int(open("/proc/self/status").read().split("VmSize:")[1].split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))
try:
    to_onnx(AttentionUNet(AttentionUNetConfig(width=2)), {}, "full", "8192x8192")
except ModelError as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == "A graph of this size takes more memory than there is; give a smaller size.\n"
