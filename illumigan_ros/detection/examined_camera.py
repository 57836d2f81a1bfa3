"""One camera of the detecting node: what is seen in its frames goes out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import first_line
from illumigan_ros.detection.outputs import DetectionOutputs
from illumigan_ros.node.camera import Frame
from illumigan_ros.node.messages import EncodingError
from illumigan_ros.node.statistics import REJECTED, UNKNOWN_ENCODING, UNPUBLISHED, Outcome
from illumigan_ros.node.stream import CameraStream
from illumigan_ros.node.worker import LOG_PERIOD

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode

    from illumigan_ros.node.parameters import CameraSettings

EXAMINED = "examined"


class ExaminedCamera(CameraStream[DetectionOutputs]):
    """
    Looks for objects in the frames of one camera.

    Where there is no detector, or it fails, nothing goes out: a message without detections would say that nothing is
    there.
    """

    fates = (EXAMINED, *UNPUBLISHED)
    with_info = False

    def __init__(self, node: LifecycleNode, name: str, settings: CameraSettings, detector: Detector | None) -> None:
        self._detector = detector
        super().__init__(node, name, settings, DetectionOutputs(node, name, settings, self.look))

    def work(self, frame: Frame, image: np.ndarray) -> Outcome:
        """Publish what is seen in a frame."""
        if self._detector is None:
            return Outcome(REJECTED, "no detector")
        began = time.perf_counter()
        try:
            seen = self._detector.detect(image, self.settings["threshold"])
        except Exception as error:  # onnxruntime's exceptions share no public base class
            text = f"The detector fails on this frame: {first_line(error)}"
            self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)
            return Outcome(REJECTED, "detection failed", text)
        classes = chosen(self.settings["classes"])
        if classes:
            seen = seen.of(*classes)
        detected = time.perf_counter()
        self.outputs.publish(frame.message.header, image, seen)
        self._note_published(frame)
        stages = {"detect": 1000 * (detected - began), "publish": 1000 * (time.perf_counter() - detected)}
        return Outcome(EXAMINED, stages_ms=stages, values={"boxes in the last frame": str(len(seen))})

    def work_unread(self, frame: Frame, error: EncodingError) -> Outcome:
        """Log, once for each encoding, that it cannot be read."""
        if self._is_new_kind(frame.message.encoding):
            self._node.get_logger().error(f"{error} Nothing is detected in its frames.")
        return Outcome(REJECTED, UNKNOWN_ENCODING, str(error))


def chosen(classes: list[str]) -> list[str]:
    """Return the names in the parameter `classes`; none stands for all classes."""
    return [name for name in classes if name]
