"""The node's worker as frames with whatever stamps reach it: real messages, over DDS."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image
from skimage import data

from illumigan_model.frames import succession
from illumigan_model.frames.succession import JUMP
from illumigan_ros.node.messages import to_bgr

NIGHT = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (64, 48), interpolation=cv2.INTER_AREA) // 6
NOW = 1_700_000_000
STAMPS = st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
STAMPS |= st.tuples(st.integers(NOW - 300, NOW + 300), st.integers(0, 10**9 - 1)) | st.just((0, 0))


def image(stamp) -> Image:
    message = Image(encoding="bgr8", height=NIGHT.shape[0], width=NIGHT.shape[1], step=3 * NIGHT.shape[1])
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.data.frombytes(NIGHT.tobytes())
    return message


def send(running, camera, stamps):
    """Publish a frame for each stamp, one after the other came out; return what came."""
    out = running.received["/enhanced/image"]
    for stamp in stamps:
        count = len(out)
        camera.publish(image(stamp))
        running.wait(lambda count=count: len(out) > count)
    return out[-len(stamps) :]


def test_frames_of_any_stamps_come_out_bright_and_are_none_of_them_failures(bench):
    running = bench({"input_reliability": "reliable"})
    camera = running.camera(Image)

    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(STAMPS, min_size=1, max_size=6))
    def follow(stamps):
        for stamp, made in zip(stamps, send(running, camera, stamps), strict=True):
            assert (made.header.stamp.sec, made.header.stamp.nanosec) == stamp
            assert to_bgr(made).mean() > NIGHT.mean() + 5

    follow()
    count = str(len(running.received["/enhanced/image"]))
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == count else None)
    assert values["frames passed through"] == values["frames rejected"] == "0"


def test_a_clock_that_is_set_back_or_far_ahead_is_told_in_the_diagnostics(bench):
    running = bench()
    camera = running.camera(Image)
    out = send(running, camera, [(NOW, 0), (NOW - 60, 0), (NOW - 60, 10**8), (NOW + 10**7, 0), (NOW - 60, 2 * 10**8)])
    for made in out[1], out[3], out[4]:  # all but the one that follows
        np.testing.assert_array_equal(to_bgr(made), to_bgr(out[0]))
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "5" else None)
    assert values[f"memory begun anew: {JUMP}"] == "3"


def test_a_frame_without_a_stamp_among_stamped_ones_is_no_jump(bench, monkeypatch):
    monkeypatch.setattr(succession, "LONGEST_GAP", 60.0)  # arrivals count, which are far apart on a busy machine
    running = bench()
    camera = running.camera(Image)
    send(running, camera, [(NOW, 0), (0, 0), (NOW, 2 * 10**8), (0, 0)])
    values = running.wait(lambda: running.diagnostics() if running.diagnostics().get("frames out") == "4" else None)
    assert not [name for name in values if name.startswith("memory begun anew")]
