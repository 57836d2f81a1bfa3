"""One camera of a node: its frames come in, something is made of them, and that goes out."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_ros.node.camera import Camera, Frame
from illumigan_ros.node.messages import EncodingError, NoPictureError, compressed_to_bgr, to_bgr
from illumigan_ros.node.publishers import Publishers
from illumigan_ros.node.statistics import FATES, REJECTED, SKIPPED, UNWANTED, Outcome
from illumigan_ros.node.white_level import WhiteLevelWatch
from illumigan_ros.node.worker import LOG_PERIOD

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode
    from std_msgs.msg import Header

    from illumigan_ros.node.parameters import CameraSettings

CLOCKS_AGREE = 10.0  # seconds; a stamp older than this, or from the future, comes from another clock

Offer = Callable[[str, Frame], None]
AnyOutputs = TypeVar("AnyOutputs", bound=Publishers)


class CameraStream(Generic[AnyOutputs]):
    """
    Lives from configure to cleanup; frames pass between `start` and `stop`.

    Frames end in one of `fates`. Pictures of sixteen bits are decoded as such with `is_deep`, as eight bits without.
    """

    fates: Sequence[str] = FATES
    with_info = True
    is_deep = False

    def __init__(self, node: LifecycleNode, name: str, settings: CameraSettings, outputs: AnyOutputs) -> None:
        self._node = node
        self.settings = settings
        self.outputs = outputs
        self._offer: Offer | None = None
        self.camera = Camera(node, name, settings, self._receive, fates=self.fates, with_info=self.with_info)
        self._white_level = WhiteLevelWatch()
        self._unreadable: set[str] = set()

    @abstractmethod
    def work(self, frame: Frame, image: np.ndarray) -> Outcome:
        """Make something of a frame (its pixels in BGR), publish it, and say what became of it."""

    @abstractmethod
    def work_unread(self, frame: Frame, error: EncodingError) -> Outcome:
        """Do what can be done with a frame that nobody here can read."""

    def second_best(self, fault: str) -> str:
        """Return what of this camera is second best, or else the fault of the whole node, "" for none."""
        return fault

    def values(self) -> dict[str, str]:
        """Return what the diagnostics are to tell beyond the statistics."""
        return {}

    def reset(self) -> None:
        """Forget the past frames before the next one."""

    def start(self, offer: Offer) -> None:
        """Let frames come in, and hand them over for `process`."""
        self._offer = offer
        self.reset()  # what is remembered is from the activation before
        self.look()

    def stop(self) -> None:
        """Let no frames come in."""
        self._offer = None
        self.camera.stop()

    def look(self) -> None:
        """See who listens and who publishes; to be called now and then, and when that has changed."""
        if self._offer is not None:
            self.camera.look(self.outputs.is_any_wanted())

    def release(self) -> None:
        """Withdraw the outputs."""
        self.stop()
        self.outputs.destroy()

    def _receive(self, frame: Frame) -> None:
        if self._offer is None or not self.outputs.is_any_wanted():
            self.camera.statistics.settle(Outcome(UNWANTED))
        else:
            self._offer(self.camera.name, frame)

    def process(self, frame: Frame) -> Outcome:
        """Work on one frame, on the worker's thread, and say what became of it."""
        if self._is_too_old(frame):
            return Outcome(SKIPPED, "too old")
        try:
            image = self._decode(frame.message)
        except EncodingError as error:
            return self.work_unread(frame, error)
        except FrameError as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=LOG_PERIOD)
            return Outcome(REJECTED, "no picture" if isinstance(error, NoPictureError) else "bad message", str(error))
        return self.work(frame, image)

    def _age(self, header: Header) -> float | None:
        """Return how many seconds ago the stamp was, None where it is from another clock than the node's."""
        age = self._node.get_clock().now().nanoseconds * 1e-9 - seconds(header)
        return age if 0.0 <= age < CLOCKS_AGREE else None

    def _is_too_old(self, frame: Frame) -> bool:
        limit = self.settings["max_age_ms"]
        if not limit:
            return False
        age = self._age(frame.message.header)
        return 1000 * (time.monotonic() - frame.arrived if age is None else age) > limit

    def _decode(self, message: Any) -> np.ndarray:
        white = self.settings["white_16bit"]
        if hasattr(message, "encoding"):
            image = to_bgr(message, white, self._white_level, deep=self.is_deep)
        else:
            most = self.settings["max_pixels"]
            image = compressed_to_bgr(message, white, self._white_level, deep=self.is_deep, max_pixels=most)
        if self._white_level.warning:
            self._node.get_logger().warning(self._white_level.warning)
            self._white_level.warning = ""
        return image

    def _is_new_kind(self, encoding: str) -> bool:
        """Return, once for each encoding that cannot be read, that it is the first frame of that kind."""
        is_new = encoding not in self._unreadable
        self._unreadable.add(encoding)
        return is_new

    def _note_published(self, frame: Frame) -> float:
        """Count a frame that something came of; return the seconds since it arrived."""
        latency, age = time.monotonic() - frame.arrived, self._age(frame.message.header)
        self.camera.statistics.count_published(latency, age)
        self.outputs.publish_times(latency, age)
        return latency


def seconds(header: Header) -> float:
    """Return a header's stamp."""
    return header.stamp.sec + header.stamp.nanosec * 1e-9
