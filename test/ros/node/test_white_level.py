"""Cameras whose white is less than 65535 in sixteen bits, before a live node."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from sensor_msgs.msg import CompressedImage, Image
from support.node import NIGHT, header, image, set_parameter

from illumigan_ros.node.messages import to_bgr


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_a_12_bit_camera_reaches_white_and_one_that_is_not_told_of_is_warned_about_once(bench, capfd, transport):
    running = bench({"enabled": False, "input_transport": transport})
    kind, topic = (Image, "/image") if transport == "raw" else (CompressedImage, "/image/compressed")
    camera = running.camera(kind, topic)
    grey = cv2.cvtColor(NIGHT, cv2.COLOR_BGR2GRAY)
    words = (grey.astype(np.uint16) * 257) >> 4

    def send(stamp: int) -> np.ndarray:
        message = image(stamp, words, "mono16")
        if transport == "compressed":
            message = CompressedImage(header=header(stamp), format="mono16; png compressed mono16")
            message.data.frombytes(cv2.imencode(".png", words)[1].tobytes())
        camera.publish(message)
        return to_bgr(running.output(stamp))[:, :, 0].astype(int)

    for stamp in range(1, 7):
        assert send(stamp).max() <= 15
    assert set_parameter(running, "white_16bit", 4095).successful
    assert np.abs(send(7) - grey).max() <= 1
    assert len([line for line in capfd.readouterr().err.splitlines() if "set white_16bit to 4095" in line]) == 1
