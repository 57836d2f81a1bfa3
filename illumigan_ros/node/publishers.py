"""The publishers of one camera's outputs: reliable, overridable, worked for only while somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import Float64

from illumigan_ros.node.qos import image_qos
from illumigan_ros.node.topics import in_namespace

try:
    from rclpy.event_handler import PublisherEventCallbacks, UnsupportedEventTypeError

    _TELLS_MATCHES = True
except ImportError:  # Humble
    _TELLS_MATCHES = False

if TYPE_CHECKING:
    from illumigan_ros.node.parameters import CameraSettings


class Publishers:
    """
    The publishers of some outputs by name, given the type and topic of each; the first is the main one.

    Two more tell what each frame took: processing_time in the node, and pipeline_latency since its stamp.
    `on_matched` is called when a subscription comes or goes, where the distribution tells (not in Humble).
    """

    def __init__(
        self,
        node: LifecycleNode,
        camera: str,
        settings: CameraSettings,
        topics: Mapping[str, tuple[type, str]],
        on_matched: Callable[[], None],
    ) -> None:
        self._node = node
        self._settings = settings
        self._on_matched = on_matched
        self._publishers: dict[str, LifecyclePublisher] = {}
        self._times = {
            name: node.create_lifecycle_publisher(
                Float64, f"~/{in_namespace(camera.strip('/'), f'debug/{name}_ms')}", 1
            )
            for name in ("processing_time", "pipeline_latency")
        }
        for name, (kind, topic) in topics.items():
            self._publishers[name] = self._publisher(kind, topic)

    @property
    def topic(self) -> str:
        """The full name of the main output's topic."""
        return next(iter(self._publishers.values())).topic_name

    @property
    def topics(self) -> set[str]:
        """The full names of the topics of all outputs."""
        return {publisher.topic_name for publisher in self._publishers.values()}

    def is_any_wanted(self) -> bool:
        """Return whether somebody listens to any output, or nobody needs to because the node is not lazy."""
        return any(self._is_wanted(name) for name in self._publishers)

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
