"""Live topics in the viewer: what the node takes in and puts out, and what its diagnostics say."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.view.recording import Recording

if TYPE_CHECKING:
    from rclpy.node import Node

POLL_SECONDS = 0.1
STAGE = re.compile(r"(?:stage )?(\w+) p50 ms")  # what the diagnostics call a stage, or the whole latency
OUTPUTS = {"enhanced": "enhanced/image", "attention": "attention/image"}


class LiveTopics:
    """Logs the messages of one camera as they come.

    `frames` counts the enhanced ones, `unreadable` images that are left out, `stages` how often stage times came.
    """

    def __init__(self, node: Node, recording: Recording, camera: str, image: str, *, compressed: bool) -> None:
        """Subscribe to the topics of the camera in a namespace ("" for the node's own)."""
        from diagnostic_msgs.msg import DiagnosticArray
        from sensor_msgs.msg import CompressedImage, Image

        from illumigan_ros.node.messages import compressed_to_bgr, to_bgr
        from illumigan_ros.node.qos import FollowingSubscription
        from illumigan_ros.node.topics import in_namespace, transport_topic

        self._recording = recording
        self.frames = self.unreadable = self.stages = 0
        given = in_namespace(camera, image)
        self._input = node.resolve_topic_name(given)
        topics = {"input": given, **{name: in_namespace(camera, topic) for name, topic in OUTPUTS.items()}}
        readers: dict[str, Any] = dict.fromkeys(topics, to_bgr)
        kinds: dict[str, type] = dict.fromkeys(topics, Image)
        if compressed:
            topics["input"] = transport_topic(node, given, "compressed")
            readers["input"], kinds["input"] = compressed_to_bgr, CompressedImage
        self._subscriptions = [
            FollowingSubscription(
                node, kinds[name], topic, self._logger(name, readers[name]), reliability="auto", depth=5
            )
            for name, topic in topics.items()
        ]
        node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnostics, 5)

    def _logger(self, name: str, read: Any) -> Any:
        def log(message: Any, _: Any) -> None:
            try:
                pixels = read(message)
            except FrameError:
                self.unreadable += 1
                return
            stamp = message.header.stamp
            self._recording.at(stamp.sec + stamp.nanosec / 1e9, is_date=True)
            self._recording.picture(name, pixels[..., 0] if name == "attention" else pixels)
            self.frames += name == "enhanced"

        return log

    def _diagnostics(self, message: Any) -> None:
        """Log the median times of the stages of those who enhance our camera."""
        for status in message.status:
            found = ((pair, STAGE.fullmatch(pair.key)) for pair in status.values)
            stages = {match[1]: float(pair.value) for pair, match in found if match}
            if stages and status.hardware_id.removesuffix("/compressed") == self._input:
                stamp = message.header.stamp
                self._recording.at(stamp.sec + stamp.nanosec / 1e9, is_date=True)
                self._recording.stages(stages)
                self.stages += 1

    def follow(self) -> None:
        """Follow the publishers' reliability; to be called now and then."""
        for subscription in self._subscriptions:
            subscription.follow()


def view_live(node: Node, topics: LiveTopics, stop: threading.Event, *, wait: float, frames: int | None) -> None:
    """Log what comes until `stop` is set, or so many enhanced frames have come.

    Raises IllumiganError if none has come after `wait` seconds.
    """
    import rclpy

    begin = looked = time.monotonic()
    while node.context.ok() and not stop.is_set():
        rclpy.spin_once(node, timeout_sec=POLL_SECONDS)
        now = time.monotonic()
        if now - looked >= POLL_SECONDS:
            looked = now
            topics.follow()
        if frames is not None and topics.frames >= frames:
            return
        if not topics.frames and now - begin > wait:
            raise IllumiganError(
                f"No enhanced frame has come within {wait:g} s; start the node, or name its camera with --camera."
            )
