"""One camera as a node takes it in: subscribed to while its frames are wanted, with its counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from illumigan_model.system.memory import give_back
from illumigan_ros.node.camera_info import CameraInfoCache
from illumigan_ros.node.qos import FollowingSubscription
from illumigan_ros.node.statistics import FATES, StreamStatistics
from illumigan_ros.node.topics import in_namespace, transport_topic

if TYPE_CHECKING:
    from rclpy.node import Node

    from illumigan_ros.node.parameters import CameraSettings

LINGER = 2.0  # seconds that the input is kept after its frames are no longer wanted: listeners come and go


class Frame(NamedTuple):
    """What a callback leaves in the slot."""

    message: Any  # Image or CompressedImage
    arrived: float  # time.monotonic()


class Camera:
    """
    The topics of one camera, in its namespace ("" for the node's own).

    `receive` gets each frame, after it is counted as received; it must see to it that it is settled, with one of
    `fates`. It is called, as everything here, on the executor's thread. `with_info` subscribes to camera_info, too.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        settings: CameraSettings,
        receive: Callable[[Frame], None],
        *,
        fates: Sequence[str] = FATES,
        with_info: bool = True,
    ) -> None:
        self._node = node
        self.name = name
        self._settings = settings
        self._receive = receive
        self.infos = CameraInfoCache()
        self.statistics = StreamStatistics(fates)
        self._with_info = with_info
        self._image: FollowingSubscription | None = None
        self._info: FollowingSubscription | None = None
        self._wanted_at = 0.0
        self._is_untidy = False

    @property
    def is_subscribed(self) -> bool:
        """Whether frames come in."""
        return self._image is not None

    @property
    def reliability(self) -> str:
        """The reliability of the input in use: reliable or best_effort, "" while it is not subscribed to."""
        return self._image.reliability if self._image is not None else ""

    @property
    def topic(self) -> str:
        """The full name of the image topic."""
        return self._node.resolve_topic_name(self._image_source()[1])

    def look(self, is_wanted: bool) -> None:
        """Subscribe or unsubscribe as the frames are wanted, and follow the publishers; to be called now and then."""
        now = time.monotonic()
        if is_wanted:
            self._wanted_at = now
        if self._image is None:
            if is_wanted:
                self._subscribe()
            elif self._is_untidy:
                give_back()  # once more, as by now the executor has let go of the subscription
            self._is_untidy = False
        elif now - self._wanted_at > LINGER:
            self.stop()
            give_back()
            self._is_untidy = True
        else:
            self._image.follow()
            if self._info is not None:
                self._info.follow()

    def stop(self) -> None:
        """Unsubscribe."""
        for subscription in (self._image, self._info):
            if subscription is not None:
                subscription.destroy()
        self._image = self._info = None

    def _image_source(self) -> tuple[type, str]:
        image = in_namespace(self.name, "image")
        if self._settings["input_transport"] == "compressed":
            return CompressedImage, transport_topic(self._node, image, "compressed")
        return Image, image

    def _subscribe(self) -> None:
        kind, topic = self._image_source()
        depth, reliability = self._settings["qos_depth"], self._settings["input_reliability"]
        self._image = FollowingSubscription(
            self._node, kind, topic, self._on_image, reliability=reliability, depth=depth
        )
        if not self._with_info:
            return
        self._info = FollowingSubscription(
            self._node,
            CameraInfo,
            in_namespace(self.name, "camera_info"),
            lambda message, info: self.infos.add(message),
            reliability="auto",
            depth=depth,
            latched=True,
        )

    def _on_image(self, message: Any, info: Any) -> None:
        if self._image is None:  # a message that was already taken when we stopped
            return
        sequence = info.get("publication_sequence_number")
        publisher = None if sequence is None else self._image.publisher_of(info)
        self.statistics.count_received(sequence, publisher)
        self._receive(Frame(message, time.monotonic()))
