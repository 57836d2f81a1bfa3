"""Record topics into a rosbag2 as raw CDR.

The subscription callback only queues bytes; a thread writes them, so a slow disk does not cost frames at once. Whatever
ends a recording, it is kept: nobody can drive the same drive again.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE_TYPES, header_stamp_ns
from illumigan_ros.recordings.time_log import TimeLog
from illumigan_ros.recordings.writer_thread import WriterThread

if TYPE_CHECKING:
    from rclpy.node import Node

STAMPED_TYPES = (*IMAGE_TYPES, CAMERA_INFO)
QUEUE_DEPTH = 20
POLL_SECONDS = 0.1


class Recorder:
    """Subscribes to topics as their publishers appear and hands the raw messages on.

    `topics` are the full names, `received` counts the messages of each. `left_out` has a sentence for each topic that
    cannot be recorded, or not all of it. `logs`, where kept, has for each topic the (header stamp, time of reception)
    in ns of each message; the stamp is None for messages that begin with no header.
    """

    def __init__(
        self, node: Node, writer: WriterThread, topics: list[str], warn: Callable[[str], None], *, keep_logs: bool
    ) -> None:
        """Prepare the topics; `connect` subscribes, and `warn` is told at once what is left out."""
        self._node = node
        self._warn = warn
        self._writer = writer
        self.topics = list(dict.fromkeys(node.resolve_topic_name(topic) for topic in topics))
        self.missing = list(self.topics)
        self._types: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.received: Counter[str] = Counter()
        self.logs = {topic: TimeLog() for topic in self.topics} if keep_logs else None
        self.last_time = time.monotonic()

    @property
    def connected(self) -> int:
        """Number of topics that are subscribed to."""
        return len(self._types)

    def connect(self) -> None:
        """Subscribe to those of the missing topics that have a publisher by now, and see whether a type changed."""
        types = dict(self._node.get_topic_names_and_types())
        for topic in list(self.missing):
            publishers = self._node.get_publishers_info_by_topic(topic)
            if topic in types and publishers:
                self.missing.remove(topic)
                self._subscribe(topic, publishers)
        for topic, msgtype in self._types.items():
            others = [other for other in types.get(topic, []) if other != msgtype]
            if others:
                self.leave_out(topic, f"its messages of type {others[0]} are left out: it is recorded as {msgtype}.")

    def leave_out(self, topic: str, why: str) -> None:
        """Warn, once, that a topic is not recorded, or not all of it."""
        if topic in self.missing:
            self.missing.remove(topic)
        if topic not in self.left_out:
            self.left_out[topic] = f"{topic}: {why}"
            self._warn(self.left_out[topic])

    def _subscribe(self, topic: str, publishers: list[Any]) -> None:
        from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

        msgtype = publishers[0].topic_type
        offered = [info.qos_profile for info in publishers]
        reliable = all(qos.reliability == QoSReliabilityPolicy.RELIABLE for qos in offered)
        latched = all(qos.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
        wanted = QoSProfile(
            depth=QUEUE_DEPTH,
            reliability=QoSReliabilityPolicy.RELIABLE if reliable else QoSReliabilityPolicy.BEST_EFFORT,
            durability=QoSDurabilityPolicy.TRANSIENT_LOCAL if latched else QoSDurabilityPolicy.VOLATILE,
        )
        try:
            package, _, name = msgtype.split("/")
            message_class = getattr(importlib.import_module(f"{package}.msg"), name)
            self._writer.add_topic(topic, msgtype, reliable=reliable, latched=latched)
            self._node.create_subscription(message_class, topic, self._callback(topic, msgtype), wanted, raw=True)
        except Exception as error:  # a type from elsewhere may fail to load in any way; the other topics go on
            why = f"its type {msgtype} cannot be loaded here ({first_line(error)})"
            self.leave_out(topic, f"left out, as {why}; source the workspace that has it before recording.")
        else:
            self._types[topic] = msgtype

    def _callback(self, topic: str, msgtype: str) -> Callable[[bytes], None]:
        log = self.logs[topic] if self.logs is not None else None
        stamped = msgtype in STAMPED_TYPES

        def receive(raw: bytes) -> None:
            now = time.time_ns()
            self.last_time = time.monotonic()
            self.received[topic] += 1
            self._writer.put(topic, now, raw)
            if log is not None:
                log.append(_stamp(raw) if stamped else None, now)

        return receive


def record(
    node: Node, recorder: Recorder, writer: WriterThread, stop: threading.Event, *,
    wait: float | None, idle: float | None, most: int | None,
) -> None:  # fmt: skip
    """Spin until `stop` is set, the bag takes no more, `idle` seconds of silence or `most` messages.

    Topics that have no publisher after `wait` seconds are left out; raises IllumiganError if nothing is left to record.
    """
    import rclpy

    started = looked = time.monotonic()
    recorder.connect()
    while node.context.ok() and not stop.is_set() and writer.error is None:
        if time.monotonic() - looked >= POLL_SECONDS:
            looked = time.monotonic()
            waiting = bool(recorder.missing)
            recorder.connect()
            if wait is not None and looked - started > wait:
                _give_up_missing(recorder, wait)
            if not recorder.missing:
                if not recorder.connected:
                    raise IllumiganError("There is nothing to record: " + " ".join(recorder.left_out.values()))
                if waiting:
                    with suppress(OSError):  # whoever read it may be gone; that ends no recording
                        print(f"recording {recorder.connected} topics", flush=True)
        rclpy.spin_once(node, timeout_sec=POLL_SECONDS)
        if most is not None and recorder.received.total() >= most:
            return
        if idle is not None and recorder.received and time.monotonic() - recorder.last_time > idle:
            return


def _give_up_missing(recorder: Recorder, wait: float) -> None:
    nobody = f"Nobody publishes {', '.join(recorder.missing)} after {wait:g} s."
    if recorder.missing and not recorder.connected:
        raise IllumiganError(nobody)
    for topic in list(recorder.missing):
        recorder.leave_out(topic, f"left out, as nobody publishes it after {wait:g} s.")


def _stamp(raw: bytes) -> int | None:
    try:
        return header_stamp_ns(raw)
    except FrameError:
        return None
