import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from illumigan_model import weights
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError, Stopped
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.given import as_planes
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.checkpoint import save_checkpoint
from illumigan_model.runtimes import graphs, onnx_runtime, select, self_check
from illumigan_model.runtimes.select import RuntimeChain, open_runtime
from illumigan_model.runtimes.torch_runtime import TorchRuntime

HERE = ("onnxruntime", "onnxruntime-cpu", "openvino", "torch")  # those that need no GPU
TOLERANCES = {"curve_grid": 2e-3, "attention_unet": 0.03}


@pytest.fixture
def thumbnail(night):
    return as_planes(cv2.resize(night, THUMBNAIL_WH, interpolation=cv2.INTER_AREA))


@pytest.fixture
def grid():
    """The shipped CurveGrid's graph."""
    return onnx.load(weights.find_weights("curve_grid", (".onnx",)))


@pytest.fixture(scope="session")
def unet(generators, tmp_path_factory):
    """A checkpoint of a small AttentionUNet."""
    path = tmp_path_factory.mktemp("weights") / "unet.safetensors"
    save_checkpoint(generators["attention_unet"], path)
    return str(path)


def with_library(name):
    if name == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is optional")


@pytest.mark.parametrize("runtime", HERE)
@pytest.mark.parametrize("architecture", TOLERANCES)
def test_all_runtimes_say_what_the_generator_says(architecture, runtime, generators, unet, night, thumbnail):
    torch = pytest.importorskip("torch")
    with_library(runtime)
    generator = generators[architecture]
    is_grid = architecture == "curve_grid"
    image = thumbnail if is_grid else as_planes(cv2.resize(night, (352, 288)))
    chain, reasons = open_runtime("curve_grid" if is_grid else unet, runtime, 1)
    answer = chain.infer(image)
    with torch.inference_mode():
        batch = torch.from_numpy(image)
        wanted = (generator.curves(batch) if is_grid else generator(batch)[0])[0].numpy()
    assert answer.shape == wanted.shape
    assert np.abs(answer - wanted).max() < TOLERANCES[architecture]
    assert chain.describe().startswith(f"{runtime.removesuffix('-cpu')} (")
    assert reasons == []


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_the_published_generator_runs_on_a_reduced_frame_of_any_size(runtime, unet, night):
    with_library(runtime)
    small = Enhancer(unet, runtime, threads=1, daylight_gate=False)
    whole = Enhancer(unet, "torch", threads=1, daylight_gate=False)
    for width, height in ((352, 288), (320, 240), (500, 281)):
        frame = cv2.resize(night, (width, height))
        images = [enhancer.enhance(frame).image for enhancer in (small, whole)]
        assert images[0].shape == frame.shape
        assert np.abs(images[0].astype(float) - images[1]).mean() < 3


def test_a_checkpoint_is_exported_once_and_kept(tmp_path, monkeypatch, unet):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    left_over, at_work = (tmp_path / "illumigan" / "onnx" / f".{name}.part" for name in ("left_over", "at_work"))
    for folder, days in ((left_over, 2), (at_work, 0)):
        folder.mkdir(parents=True)
        (folder / "graph.onnx").write_bytes(b"half of it")
        os.utime(folder, 2 * (time.time() - days * 86400,))
    made = graphs.find_graph(unet)
    assert made.is_relative_to(tmp_path)
    assert sorted(path.name for path in made.parent.iterdir()) == sorted([made.name, ".at_work.part"])
    shutil.rmtree(at_work)
    written = made.stat().st_mtime_ns
    chain, _ = open_runtime(unet, "onnxruntime", 1)
    assert chain.describe() == "onnxruntime (CPU, fp32)"
    assert graphs.find_graph(unet).stat().st_mtime_ns == written
    assert graphs.code_digest(graphs.PACKAGE) in made.name
    whole = made.read_bytes()
    made.write_bytes(whole[:-5000])
    assert len(graphs.find_graph(unet).read_bytes()) == len(whole)
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_other_code_makes_other_graphs(tmp_path):
    made_by = graphs.code_digest(graphs.PACKAGE)
    shutil.copytree(graphs.PACKAGE, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    assert graphs.code_digest(tmp_path / "other") == made_by
    for source in ("generators/attention_unet.py", "export/rewrite.py", "attention.py", "runtimes/night.png"):
        with (tmp_path / "other" / source).open("ab") as file:
            file.write(b"\n")
        assert graphs.code_digest(tmp_path / "other") != made_by
        shutil.copy(graphs.PACKAGE / source, tmp_path / "other" / source)
    (tmp_path / "other" / "README.md").touch()
    assert graphs.code_digest(tmp_path / "other") == made_by


@pytest.mark.parametrize("runtime", ["auto", "onnxruntime"])
def test_an_export_that_is_not_wanted_any_longer_ends_at_once(tmp_path, monkeypatch, unet, children, runtime):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    before, exports = children(), []

    def stop(_said):
        exports.extend(set(children()) - set(before))
        raise Stopped("the user has gone away")

    with pytest.raises(Stopped, match="gone away"):
        Enhancer(unet, runtime, threads=1, on_progress=stop)
    assert len(exports) == 1  # nor is it tried again for another runtime
    assert not set(exports) & set(children())
    assert list((tmp_path / "illumigan" / "onnx").iterdir()) == []
    assert [why for why in open_runtime(unet, runtime, 1)[1] if "not installed" not in why] == []


def test_a_wider_network_sees_a_smaller_picture(unet, tmp_path):
    wide = tmp_path / "wide.safetensors"
    save_checkpoint(AttentionUNet(AttentionUNetConfig(width=20)), wide)
    sizes = [np.prod(graphs.inner_size(Path(path))) for path in (unet, wide, tmp_path / "200_net_G_A.pth")]
    assert sizes[0] > 1.5 * sizes[1]
    assert sizes[1] == sizes[2]


def test_where_no_graph_can_be_kept_torch_takes_over_and_says_why(tmp_path, monkeypatch, unet):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    chain, reasons = open_runtime(unet, "auto", 1)
    assert chain.name == "torch"
    assert "onnxruntime: The model's graph cannot be kept" in reasons[1]
    assert "let XDG_CACHE_HOME name a folder" in reasons[1]


def test_a_machine_with_a_gpu_is_told_why_its_engine_does_not_run(monkeypatch):
    monkeypatch.setattr(select, "has_gpu", lambda: True)
    chain, reasons = open_runtime("curve_grid", "auto", 1)
    if chain.name != "tensorrt":
        assert reasons[0].startswith("tensorrt: ")
        assert "\n" not in reasons[0]


def test_a_tensorrt_that_is_broken_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "tensorrt.py").write_text("raise OSError('libnvinfer.so.10: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr("illumigan_model.tensorrt.build.MODULES", ("tensorrt",))
    chain = RuntimeChain("curve_grid", ("tensorrt", "onnxruntime"), 1)
    assert chain.name == "onnxruntime"
    assert "tensorrt does not load (libnvinfer.so.10" in chain.notes[0]


@pytest.mark.parametrize("fault", ["refuses", "says NaN", "breaks"])
def test_a_runtime_that_fails_on_a_frame_hands_it_to_the_next_one(fault, thumbnail, grid, tmp_path, night):
    enhancer = Enhancer("curve_grid", "onnxruntime", threads=1)
    wanted = enhancer.enhance(night, 0.0).image
    said = []
    chain = RuntimeChain("curve_grid", ("onnxruntime", "openvino-1999", "torch"), 1, on_takeover=said.append)
    enhancer.change_runtime(chain, chain.notes)
    enhancer.reset()
    if fault == "refuses":
        chain._runtime.input = "no such input"
    elif fault == "breaks":
        chain._runtime.infer = None  # whatever that raises
    else:
        spoil(grid, "Add", np.nan, tmp_path / "nan.onnx")
        chain._runtime.session = onnx_runtime.open_session(tmp_path / "nan.onnx", 1, ["CPUExecutionProvider"])
    enhanced = enhancer.enhance(night, 0.0)
    assert np.abs(enhanced.image.astype(int) - wanted).max() <= 1
    assert enhanced.report.runtime == enhancer.runtime == "torch"
    reason, why_not_the_next = enhancer.runtime_reasons
    assert reason.startswith("onnxruntime: ")
    assert why_not_the_next.startswith("openvino-1999: it cannot be used here")
    enhancer.enhance(night, 0.1)
    assert said == [f"torch (CPU, fp32) takes over: {reason} {why_not_the_next}"]


def test_the_last_runtime_stays_and_may_fare_better_with_the_next_frame(thumbnail):
    said = []
    chain = RuntimeChain("curve_grid", ("onnxruntime",), 1, on_takeover=said.append)
    right, chain._runtime.input = chain._runtime.input, "no such input"
    with pytest.raises(ModelError, match="failed on this frame"):
        chain.infer(thumbnail)
    chain._runtime.input = right
    assert chain.infer(thumbnail).shape == (25, 9, 16)
    assert said == chain.notes == []


def spoil(graph, operator, number, path):
    """Write a graph whose answer is the right one combined with a number."""
    (output,) = graph.graph.output
    for node in graph.graph.node:
        node.output[:] = ["right" if name == output.name else name for name in node.output]
    graph.graph.initializer.append(numpy_helper.from_array(np.float32(number), "number"))
    graph.graph.node.append(helper.make_node(operator, ["right", "number"], [output.name]))
    onnx.save(graph, path)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    "operator,number,message",
    [
        ("Add", np.nan, "not a number"),
        ("Mul", 0.0, "off by"),
        ("Mul", 0.99, "off by"),
        ("Max", 1.0, "off by"),  # a constant
    ],
)
def test_a_graph_that_answers_something_else_is_found_out(operator, number, message, runtime, grid, tmp_path):
    with_library(runtime)
    spoil(grid, operator, number, tmp_path / "spoilt.onnx")
    with pytest.raises(ModelError, match=message):
        open_runtime(str(tmp_path / "spoilt.onnx"), runtime, 1)


def test_weights_that_were_tampered_with_are_found_out_without_a_sha256(grid, tmp_path):
    kernel = max(grid.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(kernel).copy()
    values[0] += 1.0
    kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
    onnx.save(grid, tmp_path / "tampered.onnx")
    with pytest.raises(ModelError, match="off by"):
        Enhancer(str(tmp_path / "tampered.onnx"))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    "key,value,message",
    [
        ("graph", "full", "is the full graph, which runtimes do not run; export the core graph"),
        ("size", "256x144", "for a thumbnail of 256x144 instead of 128x72"),
        ("size", "large", "was not exported by illumigan"),
        ("reference", "", "its reference is missing.; export it again"),
        ("reference", "AAAA", "reference in the graph's metadata cannot be read"),
    ],
)
def test_metadata_that_are_not_of_a_core_graph_are_refused(key, value, message, runtime, grid, tmp_path):
    with_library(runtime)
    for entry in grid.metadata_props:
        entry.value = value if entry.key == key else entry.value
    onnx.save(grid, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=message):
        open_runtime(str(tmp_path / "other.onnx"), runtime, 1)


@pytest.mark.parametrize("runtime", ["auto", "onnxruntime", "openvino"])
def test_a_foreign_onnx_file_is_refused(runtime, grid, tmp_path):
    with_library(runtime)
    del grid.metadata_props[:]
    onnx.save(grid, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="not exported by illumigan"):
        Enhancer(str(tmp_path / "foreign.onnx"), runtime)


@pytest.mark.parametrize(
    "model,runtime,message",
    [
        ("no_such_model", "auto", "no model named 'no_such_model'; give one of"),
        ("missing.onnx", "auto", "does not exist"),
        ("curve_grid", "no_such_runtime", "no runtime named"),
    ],
)
def test_what_is_missing_is_named(model, runtime, message):
    with pytest.raises(ModelError, match=message):
        Enhancer(model, runtime)


@pytest.mark.parametrize("name", ["run", "run.onnx"])
def test_a_folder_in_place_of_weights_is_called_one(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ModelError, match=f"{name} is a folder and no file of weights; give"):
        Enhancer(str(tmp_path / name))
    with pytest.raises(ModelError, match="There is no model named ''"):
        Enhancer("")


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".pth"])
@pytest.mark.parametrize("runtime", ["auto", "onnxruntime", "torch"])
def test_a_truncated_file_is_named(tmp_path, suffix, runtime):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"\x08\x01 not a model")
    with pytest.raises(ModelError, match=f"broken{suffix}"):
        Enhancer(str(path), runtime)


def test_a_file_that_would_run_code_is_refused_in_one_sentence(tmp_path):
    class Code:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Code()))
    with pytest.raises(ModelError) as refusal:
        Enhancer(str(tmp_path / "evil.pth"), "torch")
    assert str(refusal.value).endswith("evil.pth holds something else than weights, maybe code, and is not loaded.")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "unreadable.onnx").symlink_to("/proc/self/mem")
    with pytest.raises(ModelError, match=r"unreadable\.onnx cannot be read"):
        Enhancer(str(tmp_path / "unreadable.onnx"))


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_a_sha256_beside_a_file_of_ones_own_is_heeded(tmp_path, suffix):
    mine = tmp_path / f"my own{suffix}"
    shutil.copy(weights.FOLDER / f"curve_grid{suffix}", mine)
    (tmp_path / "my own.sha256").write_text(f"{weights.sha256(mine)}  folder/my own{suffix}\n")
    runtime = "onnxruntime" if suffix == ".onnx" else "torch"
    Enhancer(str(mine), runtime)
    content = bytearray(mine.read_bytes())
    content[content.index(b"Apache") if suffix == ".onnx" else -4] ^= 1  # nothing that the test picture could show
    mine.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        Enhancer(str(mine), runtime)
    (tmp_path / "my own.sha256").write_text("of something else\n")
    Enhancer(str(mine), runtime)


def test_shipped_weights_that_were_tampered_with_are_refused(tmp_path, monkeypatch):
    for path in weights.FOLDER.glob("curve_grid.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "curve_grid.sha256").write_text("")
    with pytest.raises(ModelError, match="damaged"):
        Enhancer("curve_grid", "onnxruntime")
    shutil.copy(Path(weights.__file__).with_name("curve_grid.sha256"), tmp_path)
    Enhancer("curve_grid", "onnxruntime")
    damaged = tmp_path / "curve_grid.onnx"
    damaged.write_bytes(damaged.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="damaged"):
        Enhancer("curve_grid", "onnxruntime")
    enhancer = Enhancer("curve_grid")  # PyTorch's file is whole
    assert enhancer.runtime == "torch"
    assert "curve_grid.onnx is damaged" in enhancer.runtime_reasons[0]


@pytest.mark.parametrize("model", weights.available_models())
def test_every_shipped_model_has_its_card_and_its_hashes(model):
    recorded = (weights.FOLDER / f"{model}.sha256").read_text()
    for suffix in (".onnx", ".safetensors"):
        if suffix == ".safetensors" or (weights.FOLDER / f"{model}.onnx").exists():
            assert f"{weights.sha256(weights.FOLDER / (model + suffix))}  {model}{suffix}" in recorded
    card = (weights.FOLDER / f"{model}.md").read_text()
    for heading in ("Licence", "How it was made", "Scores", "What it can and cannot do"):
        text = card.split(f"## {heading}\n")[1].split("\n## ")[0]
        assert len(text) > 80
        assert "@@" not in text


def test_the_default_needs_neither_torch_nor_onnx(night, tmp_path):
    cv2.imwrite(str(tmp_path / "night.png"), night)
    program = """
import sys
import cv2
from illumigan_model.enhancer import Enhancer

enhancer = Enhancer()
enhancer.enhance(cv2.imread(sys.argv[1]))
assert enhancer.runtime == "onnxruntime"
print({"torch", "onnx", "openvino", "tensorrt"} & set(sys.modules))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "night.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout == "set()\n"


def test_nothing_is_sent_home_and_no_trace_is_left(tmp_path):
    program = """
import os
from illumigan_model.enhancer import Enhancer
print(Enhancer(runtime="onnxruntime").runtime, os.environ["ORT_DISABLE_TELEMETRY"])
"""
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    surroundings.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=surroundings)
    assert done.stdout == "onnxruntime 1\n"
    assert not list(tmp_path.rglob("*Microsoft*")), "where the library keeps who it is and what it will send"


def test_the_test_picture_is_a_night_picture_that_no_conversion_sees():
    image = self_check.night_picture(THUMBNAIL_WH)
    assert image.shape == (1, 3, 72, 128)
    assert 0.02 < image.mean() < 0.15
    assert image.std() > 0.02
    reference = self_check.digest(TorchRuntime("curve_grid", 1).infer(image))
    assert np.abs(self_check.from_text(self_check.to_text(reference)) - reference).max() < 1e-3
