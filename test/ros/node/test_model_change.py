"""Another runtime or model takes over in the live node, while frames pass."""

import importlib
import sys
import threading
import types

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image
from support.node import NIGHT, assert_accounted, image, set_parameter

from illumigan_model.attention import attention_u8
from illumigan_model.runtimes import select
from illumigan_ros.node.messages import to_bgr


def test_while_another_runtime_is_opened_originals_go_out_and_then_it_takes_over(bench, monkeypatch, capfd):
    pytest.importorskip("torch", reason="needs a second runtime")
    go, opener = threading.Event(), select.RUNTIMES["torch"]

    def wait_and_open(*arguments):
        assert go.wait(60)
        return getattr(importlib.import_module(opener[0]), opener[1])(*arguments)

    monkeypatch.setitem(sys.modules, "slow_torch", types.SimpleNamespace(open=wait_and_open))
    monkeypatch.setitem(select.RUNTIMES, "torch", ("slow_torch", "open"))
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "torch"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    running = bench()
    camera = running.camera(Image)
    chain = running.node._enhancer._runtime
    chain._runtime.input = "no such input"
    for stamp in (1, 2, 3):
        camera.publish(image(stamp))
        np.testing.assert_array_equal(to_bgr(running.output(stamp)), NIGHT)
        np.testing.assert_array_equal(to_bgr(running.output(stamp, "/attention/image"))[:, :, 0], attention_u8(NIGHT))
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "3" else None)
    assert values["frames passed through: enhancement failed"] == "3"
    assert values["last error"].endswith("Another runtime is being opened.")
    go.set()
    chain._takeover.join(60)
    for stamp in (4, 5):
        camera.publish(image(stamp))
        assert to_bgr(running.output(stamp)).mean() > NIGHT.mean() + 5
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "5" else None)
    (warning,) = [
        line for line in capfd.readouterr().err.splitlines() if "[WARN]" in line and "shared memory" not in line
    ]
    assert f"{values['runtime in detail']} takes over: onnxruntime: ONNX Runtime failed on this frame" in warning
    assert values["runtime not used 1"].startswith("onnxruntime: ")
    assert values["frames passed through"] == "3"
    assert (values["frames rejected"], values["frames skipped"]) == ("0", "0")
    assert any(one.level == DiagnosticStatus.WARN and "takes over" in one.message for one in running.statuses())


def test_another_model_takes_over_while_frames_pass_and_one_that_is_not_there_does_not(bench):
    running = bench()
    camera = running.camera(Image)
    stamp = 0

    def send() -> np.ndarray:
        nonlocal stamp
        stamp += 1
        camera.publish(image(stamp))
        return to_bgr(running.output(stamp))

    by_curves = send()
    assert set_parameter(running, "model", "no_such_model").successful

    def warned() -> bool:  # on a busy machine no frame may come between two statuses, and the latest says that, too
        return any(one.level == DiagnosticStatus.WARN and "no_such_model" in one.message for one in running.statuses())

    running.wait(lambda: send() is not None and warned())
    assert running.diagnostics()["model"] == "curve_grid_detect"
    assert (
        set_parameter(running, "runtime", "torch").successful
        and set_parameter(running, "model", "curve_grid_detect").successful
    )
    running.wait(lambda: send() is not None and running.diagnostics().get("runtime") == "torch")
    assert np.abs(send().astype(int) - by_curves).mean() < 3
    running.wait(lambda: running.diagnostics().get("frames out") == str(stamp))
    counts = assert_accounted(running)
    assert counts["enhanced"] == counts["in"] == stamp
