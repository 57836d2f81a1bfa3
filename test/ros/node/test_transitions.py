"""The live node through its lifecycle, with weights that can be loaded and others."""

import os
import signal
import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.lifecycle.node import LifecycleNodeMixin
from sensor_msgs.msg import Image
from support.node import NIGHT, image, set_parameter, state, transition

from illumigan_model.runtimes import select
from illumigan_ros.node.messages import to_bgr


@pytest.mark.parametrize("name", ["no_such_model", "bad.onnx", "~no_such_user/weights.onnx", "n" * 300])
def test_without_usable_weights_the_camera_still_comes_through(bench, tmp_path, name):
    model = str(tmp_path / name) if name == "bad.onnx" else name
    if name == "bad.onnx":
        (tmp_path / name).write_bytes(b"these are no weights")
    running = bench({"model": model})
    camera = running.camera(Image)
    camera.publish(image(1))
    np.testing.assert_array_equal(to_bgr(running.output(1)), NIGHT)
    values = running.wait(running.diagnostics)
    assert values["level"] == DiagnosticStatus.ERROR
    assert name in values["message"]
    # The way back: another model, after cleanup.
    assert transition(running, Transition.TRANSITION_DEACTIVATE)
    running.wait(lambda: camera.get_subscription_count() == 0)
    assert transition(running, Transition.TRANSITION_CLEANUP)
    assert set_parameter(running, "model", "curve_grid").successful
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(2))
    assert to_bgr(running.output(2)).mean() > NIGHT.mean() + 5


@pytest.mark.parametrize("name", ["no_such_model", "~no_such_user/weights.onnx"])
def test_a_manager_is_told_that_configure_failed(bench, name):
    running = bench({"model": name, "autostart": False})
    assert not transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "unconfigured"
    assert set_parameter(running, "model", "curve_grid").successful
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "inactive"


@pytest.mark.parametrize("raises", [False, True])
def test_an_illegal_transition_is_refused_and_frames_go_on(bench, monkeypatch, raises):
    if raises:  # as rclpy does up to Jazzy
        private = "_LifecycleNodeMixin__change_state"
        change_state = getattr(LifecycleNodeMixin, private)

        def strict(node, which: int):
            if which not in [transition[0] for transition in node._state_machine.available_transitions]:
                raise RuntimeError("Failed to trigger lifecycle state machine transition: no such transition")
            return change_state(node, which)

        monkeypatch.setattr(LifecycleNodeMixin, private, strict)
    running = bench()
    camera = running.camera(Image)
    assert not transition(running, Transition.TRANSITION_CONFIGURE)
    assert state(running) == "active"
    camera.publish(image(1))
    running.output(1)


def test_ten_lifecycle_cycles_leave_nothing_behind(bench):
    running = bench({"autostart": False})
    threads, left = threading.active_count(), []
    for _ in range(10):
        for step in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
        ):
            assert transition(running, step)
        node = running.node
        left.append([len(list(things)) for things in (node.publishers, node.subscriptions, node.timers)])
        assert [thread for thread in threading.enumerate() if thread.name == "frames"] == []
    assert left == [left[0]] * 10
    assert threading.active_count() <= threads + 2  # the runtime may keep a pool
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    camera = running.camera(Image)
    running.wait(lambda: node.count_subscribers("/enhanced/image") == 1)
    camera.publish(image(1))
    running.output(1)
    assert transition(running, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(running) == "finalized"


def test_a_shutdown_does_not_wait_for_the_graph_of_a_runtime_that_takes_over(bench, children, monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    monkeypatch.setitem(select.ORDERS, ("cpu", "attention_unet"), ("torch", "onnxruntime"))
    before = set(children())
    running = bench({"model": "attention_unet"})
    camera = running.camera(Image)
    running.node._enhancer._runtime._runtime.network = None
    camera.publish(image(1))
    (export,) = running.wait(lambda: set(children()) - before)
    os.kill(export, signal.SIGSTOP)  # it takes for ever
    assert transition(running, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert set(children()) == before
    np.testing.assert_array_equal(to_bgr(running.output(1)), NIGHT)
    assert list((tmp_path / "illumigan" / "onnx").iterdir()) == []
