"""Quality of service: outputs that suit every subscriber, and an input that follows its publishers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError

    _TELLS_MATCHES = True
except ImportError:  # Humble
    _TELLS_MATCHES = False

if TYPE_CHECKING:
    from rclpy.node import Node

FOLLOW_PERIOD = 0.2  # seconds between two looks at who publishes
_HAS_MESSAGE_INFO = hasattr(Subscription, "CallbackType")  # not in Humble


def image_qos(depth: int, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> QoSProfile:
    """Return volatile keep-last QoS; reliable serves reliable and best-effort subscribers alike."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=DurabilityPolicy.VOLATILE
    )


def matching_reliability(publishers: Sequence[ReliabilityPolicy]) -> ReliabilityPolicy:
    """Return reliable if there are publishers and all are; best effort, which suits everybody, otherwise."""
    everyone = bool(publishers) and all(policy == ReliabilityPolicy.RELIABLE for policy in publishers)
    return ReliabilityPolicy.RELIABLE if everyone else ReliabilityPolicy.BEST_EFFORT


class FollowingSubscription:
    """
    A subscription whose reliability is that of its publishers.

    `reliability` is auto, reliable or best_effort. Auto looks at the publishers as soon as one is matched (every 0.2 s
    on Humble and for publishers that cannot be matched) and subscribes anew when the answer changes. With no publisher
    yet, it is best effort, which matches all of them: frames that a reliable publisher sends in the moment until the
    reliable subscription is matched, too, can be lost like those of any best-effort stream. Where each of the first
    frames counts, choose reliable.

    `callback(message, info)` gets rclpy's message info, or an empty one on Humble, which has none. While one
    subscription takes over from the other both stay open, and a frame that came through both is delivered once.
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
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._topic = topic
        self._callback = callback
        self._depth = depth
        self._generation = 0
        self._previous: Subscription | None = None
        self._seen: set[tuple[int, int]] = set()
        self._timer = None
        self._follows = reliability == "auto"
        if self._follows:
            self._current = self._subscribe(self._wanted())
            # A steady clock, so that a paused simulation does not stop us from following.
            self._timer = node.create_timer(FOLLOW_PERIOD, self._follow, clock=Clock(clock_type=ClockType.STEADY_TIME))
        else:
            self._current = self._subscribe(ReliabilityPolicy[reliability.upper()])

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
        # Up to Jazzy, rclpy does not say whose message it is: it is known only while there is a single publisher.
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        return bytes(publishers[0].endpoint_gid) if len(publishers) == 1 else None

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._drop_previous()
        self._node.destroy_subscription(self._current)

    def _wanted(self) -> ReliabilityPolicy:
        topic = self._node.resolve_topic_name(self._topic)
        publishers = self._node.get_publishers_info_by_topic(topic)
        return matching_reliability([publisher.qos_profile.reliability for publisher in publishers])

    def _follow(self) -> None:
        wanted = self._wanted()
        if wanted == self._current.qos_profile.reliability:
            return
        self._drop_previous()
        self._previous = self._current
        self._generation += 1
        self._current = self._subscribe(wanted)
        self._node.get_logger().debug(f"{self.topic} is now subscribed to as {self.reliability}.")

    def _subscribe(self, reliability: ReliabilityPolicy) -> Subscription:
        generation = self._generation

        def with_info(message: Any, info: Any) -> None:
            self._deliver(generation, message, info)

        def without_info(message: Any) -> None:
            self._deliver(generation, message, {})

        def matched(_: Any) -> None:
            if generation == self._generation:
                self._follow()

        callback: Any = with_info if _HAS_MESSAGE_INFO else without_info
        qos = image_qos(self._depth, reliability)
        subscribe = functools.partial(self._node.create_subscription, self._message_type, self._topic, callback, qos)
        if not (self._follows and _TELLS_MATCHES):
            return subscribe()
        try:
            return subscribe(event_callbacks=SubscriptionEventCallbacks(matched=matched))
        except UnsupportedEventTypeError:  # by the middleware
            return subscribe()

    def _deliver(self, generation: int, message: Any, info: Any) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if generation < self._generation:
            self._seen.add(stamp)
        else:
            self._drop_previous()
            if stamp in self._seen:
                self._seen.discard(stamp)
                return
            self._seen.clear()
        self._callback(message, info)

    def _drop_previous(self) -> None:
        if self._previous is not None:
            self._node.destroy_subscription(self._previous)
            self._previous = None
