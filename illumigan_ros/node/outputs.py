"""The outputs of one camera: which are wanted, and the messages on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Float64

from illumigan_model.attention import attention_u8
from illumigan_ros.node.messages import compressed_from_bgr, from_attention, from_bgr
from illumigan_ros.node.qos import image_qos
from illumigan_ros.node.topics import in_namespace, transport_topic

try:
    from rclpy.event_handler import PublisherEventCallbacks, UnsupportedEventTypeError

    _TELLS_MATCHES = True
except ImportError:  # Humble
    _TELLS_MATCHES = False

if TYPE_CHECKING:
    from illumigan_ros.node.parameters import CameraSettings

SAME = "same"
KEPT_ENCODINGS = {"rgb8": "rgb8", "mono8": "mono8", "8UC1": "mono8", "mono16": "mono8", "16UC1": "mono8"}


class Outputs:
    """
    The publishers image, info, attention, compressed and side_by_side, of which the parameters choose.

    Two more tell what each frame took: processing_time in the node, and pipeline_latency since its stamp.
    `on_matched` is called when a subscription comes or goes, where the distribution tells (not in Humble).
    """

    def __init__(
        self, node: LifecycleNode, camera: str, settings: CameraSettings, on_matched: Callable[[], None]
    ) -> None:
        self._node = node
        self._settings = settings
        self._on_matched = on_matched
        image = in_namespace(camera, "enhanced/image")
        topics: dict[str, tuple[type, str, bool]] = {
            "image": (Image, image, True),
            "info": (CameraInfo, in_namespace(camera, "enhanced/camera_info"), True),
            "attention": (Image, in_namespace(camera, "attention/image"), settings["publish_attention"]),
            "compressed": (CompressedImage, transport_topic(node, image, "compressed"), settings["publish_compressed"]),
            "side_by_side": (Image, in_namespace(camera, "debug/side_by_side"), settings["publish_side_by_side"]),
        }
        self._publishers: dict[str, LifecyclePublisher] = {}
        self._times = {
            name: node.create_lifecycle_publisher(
                Float64, f"~/{in_namespace(camera.strip('/'), f'debug/{name}_ms')}", 1
            )
            for name in ("processing_time", "pipeline_latency")
        }
        for name, (kind, topic, is_chosen) in topics.items():
            if is_chosen:
                self._publishers[name] = self._publisher(kind, topic)

    @property
    def topic(self) -> str:
        """The full name of the enhanced image."""
        return self._publishers["image"].topic_name

    def is_any_wanted(self) -> bool:
        """Return whether somebody listens to any output, or nobody needs to because the node is not lazy."""
        return any(self._is_wanted(name) for name in self._publishers)

    def publish(self, message: Any, image: np.ndarray, enhanced: np.ndarray, attention: np.ndarray | None) -> None:
        """Publish what came of a frame; the `attention` of one that was passed through is made where it is wanted."""
        header = message.header
        if self._is_wanted("image"):
            self._publishers["image"].publish(from_bgr(enhanced, header, self._encoding(message)))
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

    def publish_times(self, processing_s: float, latency_s: float | None) -> None:
        """Publish what a frame took, in the node and since its stamp (None where that is from another clock)."""
        for name, seconds in (("processing_time", processing_s), ("pipeline_latency", latency_s)):
            publisher = self._times[name]
            if seconds is not None and publisher.get_subscription_count():
                publisher.publish(Float64(data=1000 * seconds))

    def destroy(self) -> None:
        """Withdraw the topics."""
        for publisher in (*self._publishers.values(), *self._times.values()):
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()
        self._times.clear()

    def _is_wanted(self, name: str) -> bool:
        publisher = self._publishers.get(name)
        return publisher is not None and (not self._settings["lazy"] or publisher.get_subscription_count() > 0)

    def _encoding(self, message: Any) -> str:
        chosen = self._settings["output_encoding"]
        return KEPT_ENCODINGS.get(getattr(message, "encoding", ""), "bgr8") if chosen == SAME else chosen

    def _publisher(self, kind: type, topic: str) -> LifecyclePublisher:
        qos = image_qos(self._settings["output_depth"])
        overridable = QoSOverridingOptions.with_default_policies()
        options: dict[str, Any] = {"qos_overriding_options": overridable}
        if not _TELLS_MATCHES:
            return self._node.create_lifecycle_publisher(kind, topic, qos, **options)
        try:
            told = PublisherEventCallbacks(matched=lambda _: self._on_matched())
            return self._node.create_lifecycle_publisher(kind, topic, qos, event_callbacks=told, **options)
        except UnsupportedEventTypeError:  # by the middleware
            return self._node.create_lifecycle_publisher(kind, topic, qos, **options)
