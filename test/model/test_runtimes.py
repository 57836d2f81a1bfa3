import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from illumigan_model import weights
from illumigan_model.enhancer import Enhancer, as_planes, shrink
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.select import RUNTIMES, open_runtime


@pytest.fixture
def thumbnail(night):
    return as_planes(shrink(night, night[::4, ::4]))


@pytest.mark.parametrize("model", weights.available_models())
def test_all_runtimes_say_the_same_on_a_real_picture(model, thumbnail):
    answers = [open_runtime(model, name, 1)[0].infer(thumbnail) for name in RUNTIMES]
    for answer in answers:
        assert answer.shape == (25, 9, 16)
        assert np.abs(answer - answers[0]).max() < 1e-3


def test_auto_takes_the_next_runtime_and_says_why(tmp_path):
    path = tmp_path / "mine.safetensors"
    shutil.copy(weights.find_weights("curve_grid", (".safetensors",)), path)
    enhancer = Enhancer(str(path))
    assert enhancer.runtime == "torch"
    assert "onnxruntime" in enhancer.runtime_reasons[0]


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


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".pth"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"\x08\x01 not a model")
    with pytest.raises(ModelError, match=f"broken{suffix}"):
        Enhancer(str(path))


def test_a_foreign_onnx_file_is_refused(tmp_path):
    graph = onnx.load(weights.find_weights("curve_grid", (".onnx",)))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="not exported by illumigan"):
        Enhancer(str(tmp_path / "foreign.onnx"))


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


@pytest.mark.parametrize("model", weights.available_models())
def test_every_shipped_model_has_its_card_and_its_hashes(model):
    recorded = (weights.FOLDER / f"{model}.sha256").read_text()
    for suffix in (".onnx", ".safetensors"):
        assert f"{weights.sha256(weights.FOLDER / (model + suffix))}  {model}{suffix}" in recorded
    card = (weights.FOLDER / f"{model}.md").read_text()
    for heading in ("Licence", "How it was made", "Scores", "What it can and cannot do"):
        text = card.split(f"## {heading}\n")[1].split("\n## ")[0]
        assert len(text) > 80
        assert "@@" not in text
