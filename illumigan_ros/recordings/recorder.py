"""Record topics into a rosbag2 as raw CDR; ROS executable `record_bag`, for machines without rosbag2.

The subscription callback only queues bytes; a thread writes them, so a slow disk does not cost frames at once.
"""

from __future__ import annotations

import importlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.recordings.bags import CAMERA_INFO, IMAGE_TYPES, BagWriter, header_stamp_ns

if TYPE_CHECKING:
    from rclpy.node import Node

STAMPED_TYPES = (*IMAGE_TYPES, CAMERA_INFO)
QUEUE_DEPTH = 20
MOST_WAITING_BYTES = 1 << 30
POLL_SECONDS = 0.1


class WriterThread:
    """Writes queued messages to a bag; `dropped` counts those for which the disk was too slow."""

    def __init__(self, bag: BagWriter) -> None:
        """Start the thread."""
        self._bag = bag
        self._waiting: queue.SimpleQueue[tuple[str, int, bytes] | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self.error: FrameError | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def put(self, topic: str, time_ns: int, raw: bytes) -> None:
        """Queue one message."""
        with self._lock:
            if self._waiting_bytes + len(raw) > MOST_WAITING_BYTES:
                self.dropped += 1
                return
            self._waiting_bytes += len(raw)
        self._waiting.put((topic, time_ns, raw))

    def _write_all(self) -> None:
        while (item := self._waiting.get()) is not None:
            topic, time_ns, raw = item
            if self.error is None:
                try:
                    self._bag.write(topic, time_ns, raw)
                except FrameError as error:
                    self.error = error
            with self._lock:
                self._waiting_bytes -= len(raw)

    def finish(self) -> None:
        """Write what is queued; raises FrameError if anything could not be written."""
        self._waiting.put(None)
        self._thread.join()
        if self.error is not None:
            raise self.error


class Recorder:
    """Subscribes to topics as their publishers appear and hands the raw messages on.

    `received` has, for each topic, one (header stamp, time of reception) in ns for each message; the stamp is None for
    messages that begin with no header.
    """

    def __init__(self, node: Node, bag: BagWriter, topics: list[str]) -> None:
        """Prepare the topics; `connect` subscribes."""
        self._node = node
        self._bag = bag
        self._missing = [node.resolve_topic_name(topic) for topic in topics]
        self.writer = WriterThread(bag)
        self.received: dict[str, list[tuple[int | None, int]]] = {topic: [] for topic in self._missing}
        self.last_time = time.monotonic()

    @property
    def missing(self) -> list[str]:
        """Topics that nobody publishes so far."""
        return self._missing

    @property
    def count(self) -> int:
        """Number of messages received on all topics."""
        return sum(len(times) for times in self.received.values())

    def connect(self) -> None:
        """Subscribe to those of the missing topics that have a publisher by now."""
        types = dict(self._node.get_topic_names_and_types())
        for topic in list(self._missing):
            publishers = self._node.get_publishers_info_by_topic(topic)
            if topic in types and publishers:
                self._subscribe(topic, types[topic][0], publishers)
                self._missing.remove(topic)

    def _subscribe(self, topic: str, msgtype: str, publishers: list[Any]) -> None:
        from rclpy.qos import QoSProfile, QoSReliabilityPolicy

        self._bag.add_topic(topic, msgtype)
        package, _, name = msgtype.split("/")
        reliable = all(info.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE for info in publishers)
        qos = QoSProfile(
            depth=QUEUE_DEPTH,
            reliability=QoSReliabilityPolicy.RELIABLE if reliable else QoSReliabilityPolicy.BEST_EFFORT,
        )
        message_class = getattr(importlib.import_module(f"{package}.msg"), name)
        self._node.create_subscription(message_class, topic, self._callback(topic, msgtype), qos, raw=True)

    def _callback(self, topic: str, msgtype: str) -> Callable[[bytes], None]:
        times = self.received[topic]
        stamped = msgtype in STAMPED_TYPES

        def receive(raw: bytes) -> None:
            now = time.time_ns()
            self.last_time = time.monotonic()
            times.append((header_stamp_ns(raw) if stamped else None, now))
            self.writer.put(topic, now, raw)

        return receive


def record(node: Node, recorder: Recorder, wait: float | None, idle: float | None, most: int | None) -> None:
    """Spin until an interrupt, `idle` seconds of silence or `most` messages.

    Raises IllumiganError if a topic has no publisher after `wait` seconds, FrameError when the disk is full.
    """
    import rclpy

    started = time.monotonic()
    while rclpy.ok() and recorder.writer.error is None:
        if recorder.missing:
            recorder.connect()
            if not recorder.missing:
                print(f"recording {len(recorder.received)} topics", flush=True)
            elif wait is not None and time.monotonic() - started > wait:
                raise IllumiganError(f"Nobody publishes {', '.join(recorder.missing)} after {wait:g} s.")
        rclpy.spin_once(node, timeout_sec=POLL_SECONDS)
        if most is not None and recorder.count >= most:
            return
        if idle is not None and recorder.count and time.monotonic() - recorder.last_time > idle:
            return
