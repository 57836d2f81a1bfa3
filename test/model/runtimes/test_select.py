"""Which runtime is taken, and what is said of the others; runtimes that fail stand in for libraries that are broken."""

import sys
import types

import numpy as np
import pytest

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import select
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime


@pytest.fixture
def runtimes(monkeypatch):
    """Call with openers by name: they are all that there is, in this order."""
    module = types.ModuleType("runtimes_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(select, "has_gpu", lambda: False)

    def offer(**openers):
        for name, opener in openers.items():
            setattr(module, name, opener)
        monkeypatch.setattr(select, "RUNTIMES", {name: (module.__name__, name) for name in openers})
        monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), tuple(openers))

    return offer


def broken(*_):
    raise OSError("libbroken.so.1: no such file\nand more")


class Wrong(OnnxRuntime):
    def infer(self, image):
        return super().infer(image) + 0.5


def test_the_first_that_works_is_taken_and_each_better_one_has_its_reason_in_one_line(runtimes):
    runtimes(broken=broken, wrong=Wrong, right=OnnxRuntime)
    chain, reasons = select.open_runtime("curve_grid", "auto", 1)
    assert chain.name == "onnxruntime" and chain.architecture == "curve_grid"
    assert [reason.partition(":")[0] for reason in reasons] == ["broken", "wrong"]
    assert "no such file and more" in reasons[0] and "is off by 0.5" in reasons[1]
    chain.close()


def test_where_none_works_every_reason_is_given(runtimes):
    runtimes(broken=broken, wrong=Wrong)
    with pytest.raises(ModelError, match=r"broken: .* wrong: "):
        select.open_runtime("curve_grid", "auto", 1)


def test_the_one_that_is_asked_for_has_no_stand_in(runtimes):
    runtimes(broken=broken, right=OnnxRuntime)
    with pytest.raises(ModelError, match="no such file"):
        select.open_runtime("curve_grid", "broken", 1)
    with pytest.raises(ModelError, match="give auto or one of broken, right"):
        select.open_runtime("curve_grid", "faster", 1)


def test_an_answer_of_the_right_runtime_is_the_networks(runtimes):
    runtimes(right=OnnxRuntime)
    chain, _ = select.open_runtime("curve_grid", "auto", 1)
    thumbnail = np.full((1, 3, 72, 128), 0.1, np.float32)
    curves = chain.infer(thumbnail)
    assert curves.shape == (25, 9, 16) and np.isfinite(curves).all()
    chain.close()
