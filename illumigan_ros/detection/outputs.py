"""The outputs of one camera of the detecting node: detections, and the frame with their boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image

from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.drawing import draw_detections
from illumigan_ros.detection.vision_messages import is_installed, to_detection_array
from illumigan_ros.node.messages import compressed_from_bgr, from_bgr
from illumigan_ros.node.publishers import Publishers
from illumigan_ros.node.topics import in_namespace, transport_topic

if TYPE_CHECKING:
    from std_msgs.msg import Header

    from illumigan_ros.node.parameters import CameraSettings


class DetectionOutputs(Publishers):
    """The publishers detections, where vision_msgs is installed, image, and compressed if it is chosen."""

    def __init__(
        self, node: LifecycleNode, camera: str, settings: CameraSettings, on_matched: Callable[[], None]
    ) -> None:
        topics: dict[str, tuple[type, str]] = {}
        if is_installed():
            from vision_msgs.msg import Detection2DArray

            topics["detections"] = (Detection2DArray, in_namespace(camera, "detections"))
        image = in_namespace(camera, "detections/image")
        topics["image"] = (Image, image)
        if settings["publish_compressed"]:
            topics["compressed"] = (CompressedImage, transport_topic(node, image, "compressed"))
        super().__init__(node, camera, settings, topics, on_matched)

    def publish(self, header: Header, image: np.ndarray, seen: Detections) -> None:
        """Publish what is seen in a frame (uint8 BGR H x W x 3), under the camera's own header."""
        if self._is_wanted("detections"):
            height, width = image.shape[:2]
            self._publishers["detections"].publish(to_detection_array(seen, header, width, height))
        if not (self._is_wanted("image") or self._is_wanted("compressed")):
            return
        drawn = draw_detections(image, seen)
        if self._is_wanted("image"):
            self._publishers["image"].publish(from_bgr(drawn, header))
        if self._is_wanted("compressed"):
            self._publishers["compressed"].publish(compressed_from_bgr(drawn, header, self._settings["jpeg_quality"]))
