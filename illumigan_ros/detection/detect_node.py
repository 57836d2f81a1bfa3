"""
The detecting node: frames of one or more cameras in, detections and frames with their boxes out.

Run it with `ros2 run illumigan detect_node`, behind the enhancing node with `ros2 launch illumigan
night_detection.launch.py`. `illumigan_ros/node/camera_node.py` has what it shares with the enhancing node.
"""

from __future__ import annotations

from illumigan_ros.starting import start

if __name__ == "__main__":
    start("illumigan_ros.detection.detect_node")  # before ROS is imported, which may not find room to start

from typing import Any

from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import IllumiganError, first_line
from illumigan_model.weights import find_detector
from illumigan_ros.detection import vision_messages
from illumigan_ros.detection.examined_camera import ExaminedCamera, chosen
from illumigan_ros.detection.settings import SETTINGS
from illumigan_ros.node.camera_node import CameraNode
from illumigan_ros.node.parameters import CameraSettings
from illumigan_ros.node.run import run


class DetectNode(CameraNode[ExaminedCamera]):
    """Subscribes to cameras and publishes what a detector sees in their frames."""

    without = "Nothing is detected"

    def __init__(self, **node_options: Any) -> None:
        self._detector: Detector | None = None
        super().__init__("detect", SETTINGS, **node_options)
        if not vision_messages.is_installed():
            self.get_logger().warning(vision_messages.MISSING)

    def _open(self) -> None:
        detector = Detector(find_detector(self._settings["detector"]), self._settings["threads"] or None)
        for settings in self._settings.for_cameras().values():
            complaint = unknown_class(settings["classes"], detector)
            if complaint:
                raise IllumiganError(complaint)
        self._detector = detector
        layout = detector.layout.name
        size = f"{detector.width} x {detector.height}"
        self.get_logger().info(f"The detector {detector.name} answers as {layout}, to pictures of {size}.")

    def _stream(self, name: str, settings: CameraSettings) -> ExaminedCamera:
        return ExaminedCamera(self, name, settings, self._detector)

    def _close(self) -> None:
        self._detector = None

    def _objection(self, name: str, value: Any) -> str | None:
        return unknown_class(value, self._detector) if name == "classes" and self._detector else None

    def _how(self) -> str:
        return f"with {self._detector.name}" if self._detector else "without a detector, so nothing goes out"

    def _why_not_loaded(self, error: Exception) -> str:
        if isinstance(error, IllumiganError):
            return str(error)
        detector = self._settings["detector"]
        return f"the detector {detector} cannot be loaded ({type(error).__name__}: {first_line(error)})"

    def _node_values(self) -> dict[str, str]:
        values = {"detector": self._settings["detector"]}
        if self._detector is not None:
            values["layout"] = self._detector.layout.name
        return values

    def _fault(self) -> str:
        return "" if vision_messages.is_installed() else vision_messages.MISSING


def unknown_class(classes: list[str], detector: Detector) -> str | None:
    """Return a sentence about a name that the detector has no class for, None where there is none."""
    unknown = detector.unknown(chosen(classes))
    if not unknown:
        return None
    return f"{detector.name} knows no class {unknown[0]!r}; it knows {', '.join(detector.names)}."


def main(args: list[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit code, 2 where ROS or the node refuses what it was started with."""
    return run(DetectNode, args)
