"""The worker: takes the newest frame of each camera in turn and works on it, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from illumigan_ros.node.camera import Camera, Frame
from illumigan_ros.node.slot import Slots
from illumigan_ros.node.statistics import REJECTED, SKIPPED, Outcome

if TYPE_CHECKING:
    from rclpy.node import Node

LOG_PERIOD = 5.0  # seconds between two log lines about the same kind of trouble


class Stream(Protocol):
    """What is done with the frames of one camera."""

    camera: Camera

    def process(self, frame: Frame) -> Outcome:
        """Work on one frame, on the worker's thread, and say what became of it."""


class FrameWorker:
    """
    Lives as long as one activation of the node; `offer` is for the subscriptions.

    Every frame that is offered ends in exactly one count of its camera's statistics.
    """

    def __init__(self, node: Node, streams: Mapping[str, Stream]) -> None:
        self._node = node
        self._streams = streams
        self._slots: Slots[str, Frame] = Slots(streams)
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    def offer(self, name: str, frame: Frame) -> None:
        """Hand over a frame of the camera with this name; it replaces one that still waits."""
        if self._slots.put(name, frame) is not None:
            reason = "the node stops" if self._slots.closed else "a newer one came"
            self._streams[name].camera.statistics.settle(Outcome(SKIPPED, reason))

    def stop(self) -> None:
        """Finish the frame at hand and end the thread."""
        for name, _ in self._slots.close():
            self._streams[name].camera.statistics.settle(Outcome(SKIPPED, "the node stops"))
        self._thread.join()

    def _run(self) -> None:
        while (taken := self._slots.take()) is not None:
            name, frame = taken
            stream = self._streams[name]
            try:
                outcome = stream.process(frame)
            except Exception as error:
                outcome = Outcome(REJECTED, "internal error", f"{type(error).__name__}: {error}")
                if self._node.context.ok():  # after Ctrl-C, the publishers are gone
                    text = f"A frame is lost: {type(error).__name__}: {error}"
                    self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)
            stream.camera.statistics.settle(outcome)
