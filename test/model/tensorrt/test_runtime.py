"""What an engine that cannot be used says, and lets go of. TensorRT for RTX loads without a GPU, and fails as it must.

Where two precisions are to be told apart, which takes a GPU, the shipped network in ONNX Runtime stands for an engine.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from illumigan_model.errors import ModelError
from illumigan_model.runtimes.graphs import GraphFacts
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_model.tensorrt import build, cuda, engine_cache, runtime
from illumigan_model.tensorrt.engine_folder import try_lock

FACTS = GraphFacts("curve_grid", (128, 72), "fp32", "")


@pytest.mark.skipif(Path("/dev/nvidia0").exists() or Path("/etc/nv_tegra_release").exists(), reason="has a GPU")
def test_an_engine_that_does_not_load_is_let_go_of_at_once(tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")
    monkeypatch.setattr(build, "MODULES", ("tensorrt_rtx",))
    monkeypatch.setattr(cuda, "facts", lambda: {})  # so that it goes on without a GPU
    engine = tmp_path / "cut off.engine"
    engine.write_bytes(bytes(1000))
    with pytest.raises(ModelError, match=r"cut off\.engine does not run here") as refusal:
        runtime.TensorrtRuntime(engine, FACTS, "fp16")
    with engine.open("rb+") as file:
        assert try_lock(file.fileno())
    assert refusal.value.__traceback__  # which keeps all that was there


class InOnnxRuntime(OnnxRuntime):
    """The shipped network; half precision spoils its answers in a model that does not bear it."""

    opened: list["InOnnxRuntime"]

    def __init__(self, engine: Path, _facts: GraphFacts, precision: str) -> None:
        super().__init__("curve_grid", 1)
        self.is_spoilt, self.is_closed = f"spoils {precision}" in engine.read_text(), False
        self.notes = [f"tensorrt: {precision} has something to say."]
        self.opened.append(self)

    def infer(self, image: np.ndarray) -> np.ndarray:
        return super().infer(image) + self.is_spoilt

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def engines(tmp_path, monkeypatch):
    """Call with what the engines of the precisions that have been built do."""
    monkeypatch.setattr(runtime, "load_tensorrt", lambda: None)
    monkeypatch.setattr(cuda, "facts", lambda: {})
    monkeypatch.setattr(runtime, "TensorrtRuntime", InOnnxRuntime)
    monkeypatch.setattr(InOnnxRuntime, "opened", [], raising=False)
    built = {}

    def find(_graph, precision, *, model):
        if precision not in built:
            raise ModelError(f"There is no engine of {model} ({precision}).")
        return built[precision]

    monkeypatch.setattr(engine_cache, "find", find)

    def build(**what):
        for precision, text in what.items():
            built[precision] = tmp_path / precision
            built[precision].write_text(text)

    return build


def test_single_precision_stands_in_for_half_and_the_reason_is_told(engines):
    engines(fp16="spoils fp16", fp32="")
    opened = runtime.open_tensorrt("curve_grid", 1)
    assert [one.is_closed for one in InOnnxRuntime.opened] == [True, False]
    assert opened is InOnnxRuntime.opened[1]
    why, own = opened.notes
    assert re.match(r"tensorrt: Its answer to the test picture is off by 1", why)
    assert own == "tensorrt: fp32 has something to say."


def test_where_no_precision_can_be_used_the_reasons_of_both_are_told(engines):
    with pytest.raises(ModelError, match=r"no engine of curve_grid \(fp16\)\. .*no engine of curve_grid \(fp32\)\.$"):
        runtime.open_tensorrt("curve_grid", 1)
    engines(fp16="spoils fp16")
    with pytest.raises(ModelError, match=r"Its answer .* off by .*no engine of curve_grid \(fp32\)"):
        runtime.open_tensorrt("curve_grid", 1)
    assert InOnnxRuntime.opened[0].is_closed


def test_nothing_is_told_of_single_precision_where_half_is_right(engines):
    engines(fp16="", fp32="")
    assert runtime.open_tensorrt("curve_grid", 1).notes == ["tensorrt: fp16 has something to say."]
