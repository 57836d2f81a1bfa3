"""The outputs of one camera: which are wanted, and the messages on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from illumigan_model.attention import attention_u8
from illumigan_ros.node.messages import KeptImage, compressed_from_bgr, from_attention, from_bgr
from illumigan_ros.node.publishers import Publishers
from illumigan_ros.node.topics import in_namespace, transport_topic

if TYPE_CHECKING:
    from illumigan_ros.node.parameters import CameraSettings

SAME = "same"
KEPT_ENCODINGS = {"rgb8": "rgb8", "mono8": "mono8", "8UC1": "mono8", "mono16": "mono8", "16UC1": "mono8"}


class Outputs(Publishers):
    """The publishers image, info, attention, compressed and side_by_side, of which the parameters choose."""

    def __init__(
        self, node: LifecycleNode, camera: str, settings: CameraSettings, on_matched: Callable[[], None]
    ) -> None:
        image = in_namespace(camera, "enhanced/image")
        topics: dict[str, tuple[type, str, bool]] = {
            "image": (Image, image, True),
            "info": (CameraInfo, in_namespace(camera, "enhanced/camera_info"), True),
            "attention": (Image, in_namespace(camera, "attention/image"), settings["publish_attention"]),
            "compressed": (CompressedImage, transport_topic(node, image, "compressed"), settings["publish_compressed"]),
            "side_by_side": (Image, in_namespace(camera, "debug/side_by_side"), settings["publish_side_by_side"]),
        }
        chosen = {name: (kind, topic) for name, (kind, topic, is_chosen) in topics.items() if is_chosen}
        super().__init__(node, camera, settings, chosen, on_matched)
        self._kept = KeptImage()

    def room(self, message: Any, image: np.ndarray) -> np.ndarray | None:
        """Return memory for the enhanced picture of a frame, from which it goes out without a copy, if there is any."""
        if image.dtype != np.uint8 or not self._is_wanted("image") or self._encoding(message) != "bgr8":
            return None
        return self._kept.pixels(*image.shape[:2])

    def publish(self, message: Any, image: np.ndarray, enhanced: np.ndarray, attention: np.ndarray | None) -> None:
        """Publish what came of a frame; the `attention` of one that was passed through is made where it is wanted."""
        header = message.header
        if self._is_wanted("image"):
            if self._kept.holds(enhanced):
                made = self._kept.with_header(header)
            else:
                made = from_bgr(enhanced, header, self._encoding(message))
            self._publishers["image"].publish(made)
        show_both = self._is_wanted("side_by_side")
        if attention is None and (show_both or self._is_wanted("attention")):
            attention = attention_u8(image)
        if attention is not None and self._is_wanted("attention"):
            made = from_attention(attention, header, self._settings["attention_encoding"])
            self._publishers["attention"].publish(made)
        if self._is_wanted("compressed"):
            jpeg = compressed_from_bgr(enhanced, header, self._settings["jpeg_quality"])
            self._publishers["compressed"].publish(jpeg)
        if attention is not None and show_both:
            panels = np.hstack([image, cv2.cvtColor(attention, cv2.COLOR_GRAY2BGR), enhanced])
            self._publishers["side_by_side"].publish(from_bgr(panels, header))

    def publish_unread(self, message: Image) -> None:
        """Publish an image that nobody here can read as it is."""
        self._publishers["image"].publish(message)

    def publish_info(self, info: CameraInfo | None) -> None:
        """Publish the camera_info of the frame, where there is one."""
        if info is not None:
            self._publishers["info"].publish(info)

    def _encoding(self, message: Any) -> str:
        chosen = self._settings["output_encoding"]
        return KEPT_ENCODINGS.get(getattr(message, "encoding", ""), "bgr8") if chosen == SAME else chosen
