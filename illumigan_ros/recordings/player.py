"""Publish a bag or a video as a camera: `image` (or `image/compressed`) and `camera_info`, at the recorded pace.

ROS executable `play_bag` and command `illumigan play-bag`; remap with `--ros-args -r image:=/camera/image_raw`.
"""

from __future__ import annotations

import math
import queue
import statistics
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.node.topics import transport_topic
from illumigan_ros.recordings.cdr import CAMERA_INFO, header_stamp_ns, restamped
from illumigan_ros.recordings.footage import CAMERA_TOPICS, NANOSECONDS, Footage
from illumigan_ros.recordings.messages import BagMessage
from illumigan_ros.recordings.time_log import TimeLog

if TYPE_CHECKING:
    from rclpy.node import Node

QUEUE_DEPTH = 5
READ_AHEAD = 8
CLOCK_PERIOD = 0.01
OTHERS_SECONDS = 1.0
STILL_FPS = 10  # of a loop over footage that does not tell its frame rate
MOST_INTERVALS = 1000  # that tell the frame rate
MOST_PAIRS = 16  # images whose camera_info may still come


def read_ahead(messages: Iterator[BagMessage]) -> Generator[BagMessage, None, None]:
    """Yield the same messages while a thread fetches the next few, so that a slow read does not delay a frame.

    Closing this generator ends the thread; after that nothing reads the footage any more.
    """
    ready: queue.Queue[BagMessage | Exception | None] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def fetch() -> None:
        try:
            for message in messages:
                ready.put(message)
                if stopped.is_set():
                    return
            ready.put(None)
        except Exception as error:  # raised again where the messages are used
            ready.put(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            with suppress(queue.Empty):  # it may wait for room
                ready.get_nowait()
            thread.join(CLOCK_PERIOD)


def topic_of(node: Node, msgtype: str) -> str:
    """Return the topic that messages of this type are published on, see transport_topic."""
    base, _, transport = CAMERA_TOPICS[msgtype].partition("/")
    return transport_topic(node, base, transport) if transport else base


class NewStamps:
    """Stamps that rise from frame to frame; an image and the camera_info that share a stamp share the new one, too."""

    def __init__(self) -> None:
        self._newest_ns = 0
        self._pairs: OrderedDict[int, tuple[int, set[str]]] = OrderedDict()

    def __call__(self, topic: str, original_ns: int, now_ns: int) -> int:
        """Return the new stamp of a message: `now_ns`, or a little more where that would not rise; all in ns."""
        stamp_ns, topics = self._pairs.get(original_ns, (0, {topic}))
        if topic in topics:  # stamps that repeat, as in a loop or where they are all zero, are other frames
            stamp_ns = self._newest_ns = max(now_ns, self._newest_ns + 1)
            topics = set()
        topics.add(topic)
        self._pairs[original_ns] = (stamp_ns, topics)
        self._pairs.move_to_end(original_ns)
        if len(self._pairs) > MOST_PAIRS:
            self._pairs.popitem(last=False)
        return stamp_ns


class Player:
    """Publishes footage on a node.

    `count` is the number of images published; `log`, where kept, has (header stamp, time of publishing) of each, in ns;
    the stamp is None for a damaged image that is too short for one.
    """

    def __init__(self, node: Node, footage: Footage, *, clock: bool, restamp: bool, keep_log: bool) -> None:
        """Create the publishers: reliable with a short queue, which serves both kinds of subscriber."""
        from rclpy.qos import QoSProfile
        from rosgraph_msgs.msg import Clock
        from sensor_msgs import msg

        types = [footage.image_type] + ([CAMERA_INFO] if footage.has_camera_info else [])
        self._publishers = {}
        for kind in types:
            message_class = getattr(msg, kind.split("/")[-1])
            topic = topic_of(node, kind)
            self._publishers[CAMERA_TOPICS[kind]] = node.create_publisher(message_class, topic, QUEUE_DEPTH)
        self._image_topic = CAMERA_TOPICS[footage.image_type]
        self._clock = node.create_publisher(Clock, "/clock", QoSProfile(depth=1)) if clock else None
        self._restamp = restamp
        self._stamped = footage.stamped
        self._new_stamp = NewStamps()
        self._last_image = self._next_round = -math.inf
        self.count = 0
        self.log = TimeLog() if keep_log else None

    def wait_for_subscribers(self, wanted: int, timeout: float) -> None:
        """Wait until the image topic has that many subscribers; raises IllumiganError after `timeout` seconds."""
        publisher = self._publishers[self._image_topic]
        deadline = time.monotonic() + timeout
        while publisher.get_subscription_count() < wanted:
            if time.monotonic() > deadline:
                raise IllumiganError(
                    f"Only {publisher.get_subscription_count()} of {wanted} subscribers came to {publisher.topic_name} "
                    f"within {timeout:g} s; start them, or check ROS_DOMAIN_ID and the topic's name."
                )
            time.sleep(CLOCK_PERIOD)
        # Who takes the images mostly takes camera_info as well; its subscription is found a moment later.
        deadline = min(deadline, time.monotonic() + OTHERS_SECONDS)
        others = [other for other in self._publishers.values() if other is not publisher]
        while wanted and time.monotonic() < deadline and not all(other.get_subscription_count() for other in others):
            time.sleep(CLOCK_PERIOD)

    def play(self, messages: Iterator[BagMessage], rate: float) -> None:
        """Publish the messages when they are due; a further round begins one frame interval after the last image.

        Raises FrameError if no image is among them.
        """
        with closing(read_ahead(messages)) as ahead:
            times = self._play_round(ahead, rate)
        if not times:
            raise FrameError("The footage has no images to play.")
        interval = statistics.median(after - before for before, after in pairwise(times)) if len(times) > 1 else 0
        interval = interval or NANOSECONDS / STILL_FPS
        self._next_round = self._last_image + interval / NANOSECONDS / rate

    def _play_round(self, messages: Iterator[BagMessage], rate: float) -> deque[int]:
        """Publish the messages once; return the recorded times of the last images, in ns."""
        times: deque[int] = deque(maxlen=MOST_INTERVALS + 1)
        start, started_ns, first = 0.0, 0, None
        for message in messages:
            if first is None:
                first = message.time_ns
                start = max(self._next_round, time.monotonic())
                started_ns = time.time_ns() + round((start - time.monotonic()) * NANOSECONDS)
            self._wait_until(start + (message.time_ns - first) / NANOSECONDS / rate, message.time_ns, rate)
            due_ns = started_ns + round((message.time_ns - first) / rate)
            raw, stamp_ns = self._stamped_anew(message, time.time_ns() if self._restamp else due_ns)
            if message.topic == self._image_topic:
                times.append(message.time_ns)
                self.count += 1
                self._last_image = time.monotonic()
                if self.log is not None:
                    self.log.append(stamp_ns, time.time_ns())
            self._publishers[message.topic].publish(raw)
        return times

    def _stamped_anew(self, message: BagMessage, now_ns: int) -> tuple[bytes, int | None]:
        """Return the bytes to publish and their stamp, a new one where wanted; a damaged message goes as it is."""
        try:
            stamp_ns = header_stamp_ns(message.raw)
        except FrameError:
            return message.raw, None
        if not self._restamp and self._stamped:
            return message.raw, stamp_ns
        stamp_ns = self._new_stamp(message.topic, stamp_ns, now_ns)
        return restamped(message.raw, stamp_ns), stamp_ns

    def _wait_until(self, due: float, time_ns: int, rate: float) -> None:
        """Sleep until `due`, in slices so that /clock keeps running through long gaps."""
        while (left := due - time.monotonic()) > 0:
            self._publish_clock(time_ns - round(left * rate * NANOSECONDS))
            time.sleep(min(left, CLOCK_PERIOD))
        self._publish_clock(time_ns)

    def _publish_clock(self, time_ns: int) -> None:
        if self._clock is not None:
            message: Any = self._clock.msg_type()
            message.clock.sec, message.clock.nanosec = divmod(max(0, time_ns), NANOSECONDS)
            self._clock.publish(message)

    def finish(self) -> None:
        """Give reliable subscribers a moment to take the last messages."""
        from rclpy.duration import Duration

        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=2))
