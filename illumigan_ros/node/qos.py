"""Quality of service: outputs that suit every subscriber, and an input that follows its publishers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError

    _TELLS_MATCHES = True
except ImportError:  # Humble
    _TELLS_MATCHES = False

if TYPE_CHECKING:
    from rclpy.node import Node

LATCHED = DurabilityPolicy.TRANSIENT_LOCAL
_HAS_MESSAGE_INFO = hasattr(Subscription, "CallbackType")  # not in Humble


def image_qos(
    depth: int,
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    """Return keep-last QoS; for outputs, reliable serves reliable and best-effort subscribers alike."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability)


def matching_reliability(publishers: Sequence[ReliabilityPolicy]) -> ReliabilityPolicy:
    """Return reliable if there are publishers and all are; best effort, which suits everybody, otherwise."""
    everyone = bool(publishers) and all(policy == ReliabilityPolicy.RELIABLE for policy in publishers)
    return ReliabilityPolicy.RELIABLE if everyone else ReliabilityPolicy.BEST_EFFORT


class FollowingSubscription:
    """
    A subscription whose reliability is that of its publishers.

    `reliability` is auto, reliable or best_effort. Auto looks at the publishers as soon as one is matched (with
    `follow` on Humble, and for publishers that cannot be matched) and subscribes anew when the answer changes. With no
    publisher yet, it is best effort, which matches all of them: frames that a reliable publisher sends in the moment
    until the reliable subscription is matched can be lost like those of any best-effort stream. Where each of the first
    frames counts, choose reliable.

    The one subscription ends before the other begins. Two at a time would lose no frame, but share the memory of what
    they receive, and Fast DDS 3.2.3 was seen to hang for ever in taking from one while the other came and went.

    `callback(message, info)` gets rclpy's message info, or an empty one on Humble, which has none. With `latched`, one
    more subscription gets what publishers that keep their last messages (transient local) have sent before we came;
    what they send later is then delivered twice. It is made once there is such a publisher: others would log a warning
    about it.
    """

    def __init__(
        self,
        node: Node,
        message_type: type,
        topic: str,
        callback: Callable[[Any, Any], None],
        *,
        reliability: str,
        depth: int,
        latched: bool = False,
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._topic = topic
        self._callback = callback
        self._depth = depth
        self._wants_latched = latched
        self._latched: Subscription | None = None
        # Up to Jazzy, rclpy does not say whose message it is: it is known only while there is a single publisher.
        self._only_publisher: bytes | None = None
        self._fixed = None if reliability == "auto" else ReliabilityPolicy[reliability.upper()]
        self._current = self._subscribe(self._look())

    @property
    def reliability(self) -> str:
        """The reliability in use: reliable or best_effort."""
        return self._current.qos_profile.reliability.name.lower()

    @property
    def topic(self) -> str:
        """The full name of the topic."""
        return self._current.topic_name

    def publisher_of(self, info: Mapping[str, Any]) -> bytes | None:
        """Return what identifies the publisher of the message with this info, or None where that cannot be known."""
        gid = info.get("publisher_gid")
        if gid:
            return bytes(gid["data"])
        return self._only_publisher

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._latched is not None:
            self._node.destroy_subscription(self._latched)
        self._node.destroy_subscription(self._current)

    def follow(self) -> None:
        """Look at the publishers and subscribe anew where their reliability wants it; to be called now and then."""
        wanted = self._look()
        if wanted == self._current.qos_profile.reliability:
            return
        self._node.destroy_subscription(self._current)
        self._current = self._subscribe(wanted)
        self._node.get_logger().debug(f"{self.topic} is now subscribed to as {self.reliability}.")

    def _look(self) -> ReliabilityPolicy:
        """Look at who publishes; return the reliability that suits them."""
        publishers = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(self._topic))
        self._only_publisher = bytes(publishers[0].endpoint_gid) if len(publishers) == 1 else None
        if self._wants_latched and any(one.qos_profile.durability == LATCHED for one in publishers):
            self._wants_latched = False
            qos = image_qos(self._depth, durability=LATCHED)
            self._latched = self._node.create_subscription(
                self._message_type, self._topic, lambda message: self._callback(message, {}), qos
            )
        return self._fixed or matching_reliability([publisher.qos_profile.reliability for publisher in publishers])

    def _subscribe(self, reliability: ReliabilityPolicy) -> Subscription:
        def with_info(message: Any, info: Any) -> None:
            self._callback(message, info)

        def without_info(message: Any) -> None:
            self._callback(message, {})

        callback: Any = with_info if _HAS_MESSAGE_INFO else without_info
        qos = image_qos(self._depth, reliability)
        subscribe = functools.partial(self._node.create_subscription, self._message_type, self._topic, callback, qos)
        if not _TELLS_MATCHES:
            return subscribe()
        try:
            return subscribe(event_callbacks=SubscriptionEventCallbacks(matched=lambda _: self.follow()))
        except UnsupportedEventTypeError:  # by the middleware
            return subscribe()
