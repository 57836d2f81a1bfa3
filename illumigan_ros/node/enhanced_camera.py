"""One camera of the node: what comes in is enhanced and goes out, or goes out as it came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError
from illumigan_model.frames.exposure import to_eight_bits
from illumigan_model.runtimes import Runtime
from illumigan_ros.node import budget
from illumigan_ros.node.budget import Budget
from illumigan_ros.node.camera import Camera, Frame
from illumigan_ros.node.messages import EncodingError, NoPictureError, compressed_to_bgr, to_bgr
from illumigan_ros.node.outputs import Outputs
from illumigan_ros.node.statistics import (
    ENHANCED,
    ENHANCEMENT_FAILED,
    NO_MODEL,
    PASSED,
    REJECTED,
    SKIPPED,
    UNKNOWN_ENCODING,
    UNWANTED,
    Outcome,
)
from illumigan_ros.node.white_level import WhiteLevelWatch
from illumigan_ros.node.worker import LOG_PERIOD

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode
    from std_msgs.msg import Header

    from illumigan_ros.node.parameters import CameraSettings

CLOCKS_AGREE = 10.0  # seconds; a stamp older than this, or from the future, comes from another clock
LIVE_ATTRIBUTES = ("strength", "denoise_over_time", "daylight_gate", "temporal")

Offer = Callable[[str, Frame], None]
NextRuntime = Callable[[], tuple[Runtime, list[str]] | None]


class EnhancedCamera:
    """
    Lives from configure to cleanup; frames pass between `start` and `stop`.

    With no enhancer, or when it fails, the camera's own frame goes out. Between two frames, the enhancer goes on with
    what `next_runtime` has ready, if anything.
    """

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: CameraSettings,
        enhancer: Enhancer | None,
        next_runtime: NextRuntime,
    ) -> None:
        self._node = node
        self.settings = settings
        self._enhancer = enhancer
        self._next_runtime = next_runtime
        self._offer: Offer | None = None
        self.camera = Camera(node, name, settings, self._receive)
        self.outputs = Outputs(node, name, settings, self.look)
        self.budget = Budget()
        self._unreadable: set[str] = set()
        self._white_level = WhiteLevelWatch()
        self._reset_wanted = True

    def start(self, offer: Offer) -> None:
        """Let frames come in, and hand them over for `process`."""
        self._offer = offer
        self._reset_wanted = True  # what the Enhancer remembers is from the activation before
        self.look()

    def stop(self) -> None:
        """Let no frames come in."""
        self._offer = None
        self.camera.stop()

    def look(self) -> None:
        """See who listens and who publishes; to be called now and then, and when that has changed."""
        if self._offer is not None:
            self.camera.look(self.outputs.is_any_wanted())

    def reset(self) -> None:
        """Forget the past frames before the next one."""
        self._reset_wanted = True  # done by the worker: the Enhancer belongs to its thread

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
        message = frame.message
        if self._is_too_old(frame):
            return Outcome(SKIPPED, "too old")
        try:
            image = self._decode(message)
        except EncodingError as error:
            return self._pass_unread(frame, error)
        except FrameError as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=LOG_PERIOD)
            return Outcome(REJECTED, "no picture" if isinstance(error, NoPictureError) else "bad message", str(error))
        outcome, enhanced, attention = self._enhance(image, message.header, frame.arrived)
        plain = image if image.dtype == np.uint8 else to_eight_bits(image)
        self.outputs.publish(message, plain, plain if enhanced is None else enhanced, attention)
        self.outputs.publish_info(self.camera.infos.matching(message.header, image.shape[1], image.shape[0]))
        self._note_published(frame)
        return outcome

    def _age(self, header: Header) -> float | None:
        """Return how many seconds ago the stamp was, None where it is from another clock than the node's."""
        age = self._node.get_clock().now().nanoseconds * 1e-9 - _seconds(header)
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
            image = to_bgr(message, white, self._white_level, deep=True)
        else:
            most = self.settings["max_pixels"]
            image = compressed_to_bgr(message, white, self._white_level, deep=True, max_pixels=most)
        if self._white_level.warning:
            self._node.get_logger().warning(self._white_level.warning)
            self._white_level.warning = ""
        return image

    def _pass_unread(self, frame: Frame, error: EncodingError) -> Outcome:
        """Publish a frame that nobody here can read as it is: what the camera's users read before, they still can."""
        message = frame.message
        if message.encoding not in self._unreadable:
            self._unreadable.add(message.encoding)
            self._node.get_logger().error(f"{error} Its frames pass through unchanged.")
        self.outputs.publish_unread(message)
        self.outputs.publish_info(self.camera.infos.matching(message.header, message.width, message.height))
        self._note_published(frame)
        return Outcome(PASSED, UNKNOWN_ENCODING, str(error))

    def _enhance(
        self, image: np.ndarray, header: Header, arrived: float
    ) -> tuple[Outcome, np.ndarray | None, np.ndarray | None]:
        """Return what became of the picture, the enhanced one and its attention map; None where it is unchanged."""
        if self._enhancer is None:
            return Outcome(PASSED, NO_MODEL), None, None
        if not self.settings["enabled"]:
            return Outcome(PASSED, "not enabled"), None, None
        if self.budget.step == budget.PASS:
            return Outcome(PASSED, "latency budget"), None, None
        try:
            stamp = _seconds(header) or None  # no camera stamps a frame with 0
            result = self._prepared(self._enhancer).enhance(image, stamp, arrived)
        except Exception as error:  # whatever it is, the camera's users get their frame
            self._log_failure(str(error))
            return Outcome(PASSED, ENHANCEMENT_FAILED, str(error)), None, None
        report = result.report
        if report.failure:
            self._log_failure(report.failure)
        fate = PASSED if report.bypassed else ENHANCED
        outcome = Outcome(fate, report.bypassed or "", report.failure or "", report)
        return outcome, result.image, result.attention

    def _log_failure(self, why: str) -> None:
        text = f"The original frame goes out, because enhancing it failed: {why}"
        self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)

    def _prepared(self, enhancer: Enhancer) -> Enhancer:
        """Return the enhancer with the parameters and the runtime that hold from this frame on."""
        for name in LIVE_ATTRIBUTES:
            setattr(enhancer, name, self.settings[name])
        enhancer.denoise = 0.0 if self.budget.step >= budget.NO_DENOISE else self.settings["denoise"]
        enhancer.keep_curves = self.budget.step >= budget.EVERY_SECOND
        if ready := self._next_runtime():
            enhancer.change_runtime(*ready)
        if self._reset_wanted:
            self._reset_wanted = False
            enhancer.reset()
        return enhancer

    def _note_published(self, frame: Frame) -> None:
        latency, age = time.monotonic() - frame.arrived, self._age(frame.message.header)
        self.camera.statistics.count_published(latency, age)
        self.outputs.publish_times(latency, age)
        before = self.budget.step
        self.budget.observe(1000 * latency, self.settings["latency_budget_ms"])
        if self.budget.step != before:
            camera = f" of {self.camera.name}" if self.camera.name else ""
            self._node.get_logger().info(f"The latency budget{camera}: {self.budget.name}.")


def _seconds(header: Header) -> float:
    return header.stamp.sec + header.stamp.nanosec * 1e-9
