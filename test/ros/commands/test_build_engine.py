"""`illumigan build-engine` with a real program that builds, in a cache of the test's own."""

import re
import sys
from pathlib import Path

import pytest
from support.commands import error, illumigan

from illumigan_model.errors import ModelError
from illumigan_model.tensorrt import engine_cache
from illumigan_model.weights import find_weights
from illumigan_ros.commands import build_engine as engine_command
from illumigan_ros.commands import doctor

PROGRAM = """
import hashlib, os, sys, time
complaint, runs, onnx, target, precision = sys.argv[1:]
open(runs, "a").write(onnx + " ")
print("layer 1 of 9", flush=True)
time.sleep(0.5)
if complaint:
    sys.exit(complaint)
open(target, "wb").write(open(onnx, "rb").read() + precision.encode())
"""


@pytest.fixture
def tensorrt(tmp_path, monkeypatch):
    """Call with a complaint, or none: from then on, this is what building an engine does."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engine_command, "LOG_PERIOD", 0.0)
    (tmp_path / "program.py").write_text(PROGRAM)

    def install(complaint=""):
        command = (sys.executable, "-I", "-S", str(tmp_path / "program.py"), complaint, str(tmp_path / "runs"))
        monkeypatch.setattr(engine_cache, "TENSORRT", engine_cache.Builder(command, lambda: {"gpu": "none"}))
        return lambda: (tmp_path / "runs").read_text().split()

    return install


def test_the_engine_of_the_shipped_model_is_built_once_with_progress(tensorrt):
    runs = tensorrt()
    output = illumigan("build-engine")
    assert re.search(r"building the engine of curve_grid_detect\.onnx \(fp16\) for \d+ s: layer 1 of 9", output)
    engine = engine_cache.find(find_weights("curve_grid_detect", (".onnx",)), "fp16", engine_cache.TENSORRT)
    assert str(engine) in output
    assert "layer 1 of 9" not in illumigan("build-engine", "--model", "curve_grid_detect")
    assert len(runs()) == 1
    illumigan("build-engine", "--precision", "fp32")
    assert len(runs()) == 2


def test_of_weights_without_a_graph_one_is_made_of_the_size(tensorrt, tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
    from illumigan_model.generators.checkpoint import save_checkpoint

    weights = tmp_path / "mine.safetensors"
    save_checkpoint(AttentionUNet(AttentionUNetConfig(width=4)), weights)
    runs = tensorrt()
    for _ in range(2):
        output = illumigan("build-engine", "--model", weights, "--size", "64x48")
    graph = runs()[0]
    assert runs() == [graph]
    assert f"model {graph}, runtime tensorrt" in output
    assert Path(graph).name.startswith("mine-64x48-")
    import onnxruntime

    assert onnxruntime.InferenceSession(graph).get_inputs()[0].shape == [1, 3, 48, 64]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--precision", "int4"], "no precision 'int4'; give fp32 or fp16"),
        (["--model", "no_such_model"], "no model named 'no_such_model'"),
        (["--timeout", "0"], "--timeout must be a number above 0"),
        (["--timeout", "0.001"], "took more than 0.06 s"),
        (["--size", "640x360"], "The core of a CurveGrid sees a thumbnail of 128x72"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(tensorrt, arguments, complaint):
    tensorrt()
    if "--size" in arguments:
        pytest.importorskip("torch", reason="needs torch")
    sentence = error("build-engine", *arguments)
    assert sentence.startswith("error: ")
    assert complaint in sentence


def test_the_builders_last_word_is_quoted(tensorrt):
    tensorrt("the GPU is on fire")
    assert error("build-engine") == "error: Building the engine failed: the GPU is on fire."


def test_the_doctor_lists_the_engines_and_says_which_fit(tensorrt, monkeypatch, tmp_path):
    assert [(found.state, found.text) for found in doctor.look_at_engines()] == [
        ("ok", f"no engines in {tmp_path / 'cache' / 'illumigan' / 'trt'}, 0.0 MB")
    ]
    tensorrt()
    for precision in ("fp16", "fp32"):
        illumigan("build-engine", "--precision", precision)

    def look():
        cache, *engines = doctor.look_at_engines()
        assert cache.text.startswith("2 engines in ")
        assert cache.text.endswith(", 0.3 MB")
        return sorted((found.text, found.state) for found in engines)

    fp16, fp32 = (f"curve_grid_detect.onnx in {precision} for none, 0.2 MB; " for precision in ("fp16", "fp32"))
    assert look() == [(fp16 + "fits this machine", "ok"), (fp32 + "fits this machine", "ok")]
    here = engine_cache.TENSORRT
    monkeypatch.setattr(engine_cache, "TENSORRT", here._replace(facts=lambda: {"gpu": "Orin"}))
    assert look()[0] == (fp16 + "does not fit this machine: gpu was none and is Orin", "note")
    monkeypatch.setattr(engine_cache, "TENSORRT", here._replace(options=lambda _: {"workspace_bytes": 5}))
    assert look()[1][0].endswith("workspace bytes was not there and is 5")
    monkeypatch.setattr(engine_cache, "TENSORRT", here._replace(facts=without_tensorrt))
    assert look()[0] == (fp16 + "does not fit this machine: TensorRT is away.", "note")
    record = next((tmp_path / "cache").rglob("record.json"))
    record.write_text(record.read_text().replace('"fp', '"int'))
    assert "not used: it was built for another purpose." in [text for text, _ in look()]


def test_what_is_left_of_an_uninstalled_tensorrt_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "what_pip_uninstall_left").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("illumigan_model.tensorrt.build.MODULES", ("what_pip_uninstall_left",))
    assert "left is not installed completely" in error("build-engine")


def test_no_minutes_are_spent_on_somebody_elses_graph(tensorrt, tmp_path):
    tensorrt()
    (tmp_path / "foreign.onnx").write_bytes(b"a graph of something else")
    assert "foreign.onnx was not exported by illumigan" in error("build-engine", "--model", tmp_path / "foreign.onnx")
    assert not (tmp_path / "runs").exists()


def without_tensorrt():
    raise ModelError("TensorRT is away.")


def test_without_tensorrt_and_a_gpu_it_says_so(tensorrt):
    try:
        engine_cache.tensorrt_facts()
    except ModelError as refusal:
        assert error("build-engine") == f"error: {refusal}"
    else:
        pytest.skip("this machine has both")
