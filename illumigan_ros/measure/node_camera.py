"""The cameras of `illumigan benchmark --node`: a process of its own."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from illumigan_ros.measure.benchmark import get_frames
from illumigan_ros.node.process import ros_node
from illumigan_ros.starting import start

if TYPE_CHECKING:
    from rclpy.node import Node

WARM_UP = 2.0  # seconds; the first frames find out who is there
SUBSCRIBERS_SECONDS = 60.0
BEGIN, END = "begin", "end"
DEPTH = 5


def messages_of(size: tuple[int, int]) -> list[Any]:
    """Return Image messages of the night drive, which get their header when they are sent."""
    from sensor_msgs.msg import Image

    made = []
    for frame in get_frames(size, None):
        message = Image(encoding="bgr8", height=size[1], width=size[0], step=3 * size[0])
        message.data.frombytes(frame.reshape(-1))
        made.append(message)
    return made


class Cameras:
    """Publishers of image and camera_info for each name."""

    def __init__(self, node: Node, names: list[str], size: tuple[int, int]) -> None:
        from sensor_msgs.msg import CameraInfo, Image

        self._clock = node.get_clock()
        self._messages = messages_of(size)
        self._info = CameraInfo(width=size[0], height=size[1])
        self.images = [node.create_publisher(Image, f"/{name}/image", DEPTH) for name in names]
        self._infos = [node.create_publisher(CameraInfo, f"/{name}/camera_info", DEPTH) for name in names]

    def wait_for_subscribers(self) -> None:
        """Wait until somebody subscribes to each, for some time."""
        deadline = time.monotonic() + SUBSCRIBERS_SECONDS
        while not all(image.get_subscription_count() for image in self.images) and time.monotonic() < deadline:
            time.sleep(0.02)

    def play(self, rate: float, seconds: float) -> int:
        """Publish at this rate, each frame with the time of its publishing; return the number of frames of each."""
        sent = 0
        began = time.monotonic()
        while (due := sent / rate) < seconds:
            time.sleep(max(0.0, began + due - time.monotonic()))
            message = self._messages[sent % len(self._messages)]
            for image, info in zip(self.images, self._infos, strict=True):
                message.header.stamp = self._info.header.stamp = self._clock.now().to_msg()
                info.publish(self._info)
                image.publish(message)
            sent += 1
            late = time.monotonic() - began - sent / rate
            if late > 1 / rate:  # as a camera, it sends no frame afterwards
                began += late
        return sent


def main() -> None:
    """Play, and print JSON: frames sent by each camera before and in the time that counts, which is told in ns."""
    names, width, height, rate, seconds, waits = sys.argv[1:]
    with ros_node("cameras", []) as node:
        cameras = Cameras(node, names.split(","), (int(width), int(height)))
        if int(waits):
            cameras.wait_for_subscribers()
        warmed_up = cameras.play(float(rate), WARM_UP)
        print(BEGIN, flush=True)
        began, computed = time.time_ns(), time.process_time()
        sent = cameras.play(float(rate), float(seconds))
        ended, computed = time.time_ns(), time.process_time() - computed
        print(END, flush=True)
        told = {"warmed_up": warmed_up, "sent": sent, "began": began, "ended": ended, "cpu_seconds": computed}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    start("illumigan_ros.measure.node_camera")
