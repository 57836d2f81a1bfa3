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
    for stamp in range(1, 36):
        camera.publish(image(stamp))
        running.output(stamp)
    values = running.wait(lambda: (now := running.diagnostics()).get("frames out") == "35" and now)
    assert values["budget step"] == "frames pass through"
    np.testing.assert_array_equal(to_bgr(running.output(35)), NIGHT)
    assert int(values["frames passed through: latency budget"]) > 0
    assert any("below what passing the frames on takes" in status.message for status in running.statuses())
    log = capfd.readouterr().err
    steps = ("no denoising over time", "no denoising", "curves of every second frame", "frames pass through")
    assert [step for step in steps if f"The latency budget: {step}." in log] == list(steps)
    assert set_parameter(running, "latency_budget_ms", 0.0).successful
    camera.publish(image(36))
    running.output(36)
    camera.publish(image(37))
    assert to_bgr(running.output(37)).mean() > NIGHT.mean() + 5
