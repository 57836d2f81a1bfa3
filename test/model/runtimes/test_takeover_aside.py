"""A live Enhancer opens another runtime aside: frames go on as they came, and runtimes change between two of them."""

import sys
import threading
import types

import cv2
import numpy as np
import pytest

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError, Stopped
from illumigan_model.runtimes import select
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime

PATIENCE = 30


class Gate:
    """Lets the second runtime be opened when `go` is set; `begun` tells that somebody waits for it."""

    def __init__(self) -> None:
        self.begun, self.go, self.opened = threading.Event(), threading.Event(), []
        self.tells = True  # how opening comes along


@pytest.fixture
def gate(monkeypatch):
    made = Gate()

    class Slow(OnnxRuntime):
        name = "slow"

        def __init__(self, model, threads, on_progress):
            made.begun.set()
            while not made.go.wait(0.01):
                if made.tells:
                    on_progress("step 1 of 9")
            super().__init__(model, threads, on_progress)
            made.opened.append(self)

    monkeypatch.setitem(sys.modules, "slow_runtime", types.SimpleNamespace(Slow=Slow))
    monkeypatch.setitem(select.RUNTIMES, "slow", ("slow_runtime", "Slow"))
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "slow"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    yield made
    made.go.set()


@pytest.fixture
def frame(night):
    return cv2.resize(night, (64, 48), interpolation=cv2.INTER_AREA)


def wait_for(thread):
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_originals_go_out_while_another_runtime_is_opened_which_then_takes_over(gate, frame):
    said = []
    with Enhancer(threads=1, live=True, denoise_over_time=0, on_takeover=said.append) as enhancer:
        right = enhancer.enhance(frame, 0.0)
        chain = enhancer._runtime
        chain._runtime.input = "no such input"
        for index in range(1, 6):
            made = enhancer.enhance(frame, index / 30)
            assert made.image is frame
            assert made.report.runtime == "onnxruntime"
            assert "failed on this frame" in made.report.failure
            assert "Another runtime is being opened." in made.report.failure
        assert said == []
        gate.go.set()
        wait_for(chain._takeover)
        made = enhancer.enhance(frame, 0.2)
        np.testing.assert_array_equal(made.image, right.image)
        assert made.report.runtime == "slow"
        assert len(said) == 1
        assert said[0].startswith("slow (CPU, fp32) takes over: onnxruntime: ONNX Runtime failed on this frame")


def test_where_no_other_runtime_opens_the_failed_one_is_asked_again(gate, frame, monkeypatch):
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "openvino-1999"))
    with Enhancer(threads=1, live=True) as enhancer:
        chain = enhancer._runtime
        right, chain._runtime.input = chain._runtime.input, "no such input"
        assert enhancer.enhance(frame).report.failure
        wait_for(chain._takeover)
        assert enhancer.enhance(frame).report.failure
        chain._runtime.input = right
        assert enhancer.enhance(frame).report.failure is None


@pytest.mark.parametrize("tells", [True, False])
def test_closing_lets_go_of_a_runtime_that_is_being_opened(gate, frame, monkeypatch, tells):
    monkeypatch.setattr(select, "PATIENCE_S", PATIENCE if tells else 0.0)
    gate.tells = tells
    enhancer = Enhancer(threads=1, live=True)
    chain = enhancer._runtime
    chain._runtime.input = "no such input"
    enhancer.enhance(frame)
    assert gate.begun.wait(PATIENCE)
    enhancer.close()
    assert chain._takeover.is_alive() != tells
    gate.go.set()
    wait_for(chain._takeover)
    assert not gate.opened or not hasattr(gate.opened[0], "session")  # it is closed, too
    with pytest.raises(ModelError):
        chain.infer(np.zeros((1, 3, 72, 128), np.float32))


def test_what_is_told_to_stop_opening_stops_and_tries_again_later(gate, frame):
    wanted = threading.Event()

    def stop(_said):
        if not wanted.is_set():
            raise Stopped("not now")

    with Enhancer(threads=1, live=True, on_progress=stop) as enhancer:
        chain = enhancer._runtime
        chain._runtime.input = "no such input"
        assert enhancer.enhance(frame).image is frame
        wait_for(chain._takeover)
        wanted.set()
        gate.go.set()
        enhancer.enhance(frame)
        wait_for(chain._takeover)
        assert enhancer.enhance(frame).report.runtime == "slow"
