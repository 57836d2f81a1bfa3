"""A live node with a latency budget."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from sensor_msgs.msg import Image
from support.node import NIGHT, image, set_parameter

from illumigan_ros.node.messages import to_bgr


def test_a_budget_that_cannot_be_kept_costs_quality_step_by_step_and_is_told(bench, capfd):
    running = bench({"latency_budget_ms": 0.001})
    camera = running.camera(Image)
    for stamp in range(1, 31):
        camera.publish(image(stamp))
        running.output(stamp)
    values = running.wait(lambda: (now := running.diagnostics()).get("budget step") == "frames pass through" and now)
    np.testing.assert_array_equal(to_bgr(running.output(30)), NIGHT)
    assert int(values["frames passed through: latency budget"]) > 0
    assert any("below what passing the frames on takes" in status.message for status in running.statuses())
    log = capfd.readouterr().err
    steps = ("no denoising", "curves of every second frame", "frames pass through")
    assert [step for step in steps if f"The latency budget: {step}." in log] == list(steps)
    assert set_parameter(running, "latency_budget_ms", 0.0).successful
    camera.publish(image(31))
    running.output(31)
    camera.publish(image(32))
    assert to_bgr(running.output(32)).mean() > NIGHT.mean() + 5
