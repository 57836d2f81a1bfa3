"""The worker: takes the newest frame, enhances it and publishes what came out, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from rclpy.lifecycle import LifecyclePublisher

from illumigan_model.attention import attention_u8
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError
from illumigan_ros.node.camera_info import CameraInfoCache
from illumigan_ros.node.diagnostics import ENHANCEMENT_FAILED, UNKNOWN_ENCODING, StreamStatistics
from illumigan_ros.node.engine_build import EngineBuild
from illumigan_ros.node.messages import (
    EncodingError,
    compressed_from_bgr,
    compressed_to_bgr,
    from_bgr,
    from_mono,
    to_bgr,
)
from illumigan_ros.node.parameters import Parameters
from illumigan_ros.node.slot import FrameSlot

if TYPE_CHECKING:
    from rclpy.node import Node
    from std_msgs.msg import Header

LOG_PERIOD = 5.0  # seconds between two log lines about the same kind of trouble
CLOCKS_AGREE = 10.0  # seconds; a stamp older than this, or from the future, comes from another clock
LIVE_ATTRIBUTES = ("strength", "denoise", "daylight_gate", "temporal")


class Frame(NamedTuple):
    """What the callback leaves in the slot."""

    message: Any  # Image or CompressedImage
    arrived: float  # time.monotonic()


class FrameWorker:
    """
    Lives as long as one activation of the node.

    `offer` and `infos.add` are for the subscriptions, `statistics` and `skipped` for the diagnostics. With no enhancer,
    or when it fails, the camera's own frame goes out. Between two frames, the enhancer goes on with the runtime that
    `engine` has ready. `outputs` maps image, info, attention, compressed and
    side_by_side to publishers; those that are missing are not served.
    """

    def __init__(
        self,
        node: Node,
        settings: Parameters,
        enhancer: Enhancer | None,
        engine: EngineBuild,
        outputs: Mapping[str, LifecyclePublisher],
    ) -> None:
        self._node = node
        self._settings = settings
        self._enhancer = enhancer
        self._engine = engine
        self._outputs = outputs
        self.infos = CameraInfoCache()
        self.statistics = StreamStatistics()
        self._slot: FrameSlot[Frame] = FrameSlot()
        self._unreadable: set[str] = set()
        self._reset_wanted = True  # what the Enhancer remembers is from the activation before
        self._thread = threading.Thread(target=self._run, name="enhance", daemon=True)
        self._thread.start()

    @property
    def skipped(self) -> int:
        """Frames that a newer one replaced before their turn came."""
        return self._slot.skipped

    def offer(self, message: Any) -> None:
        """Hand over a message; it is dropped where nobody listens and the node is lazy."""
        if any(self._is_wanted(name) for name in self._outputs):
            self._slot.put(Frame(message, time.monotonic()))
        else:
            self.statistics.count_idle()

    def reset(self) -> None:
        """Forget the past frames before the next one."""
        self._reset_wanted = True  # done by the worker: the Enhancer belongs to its thread

    def stop(self) -> None:
        """Finish the frame at hand and end the thread."""
        self._slot.close()
        self._thread.join()

    def _is_wanted(self, name: str) -> bool:
        publisher = self._outputs.get(name)
        return publisher is not None and (not self._settings["lazy"] or publisher.get_subscription_count() > 0)

    def _run(self) -> None:
        while (frame := self._slot.take()) is not None:
            try:
                self._process(frame)
            except Exception as error:
                if not self._node.context.ok():  # Ctrl-C took the publishers away
                    return
                self.statistics.count_failed("internal error", error)
                text = f"A frame is lost: {type(error).__name__}: {error}"
                self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)

    def _process(self, frame: Frame) -> None:
        message = frame.message
        try:
            image = self._decode(message)
        except EncodingError as error:
            self._pass_unread(frame, error)
            return
        except FrameError as error:
            self.statistics.count_failed("bad message", error)
            self._node.get_logger().error(str(error), throttle_duration_sec=LOG_PERIOD)
            return
        enhanced, attention = self._enhance(image, message.header, frame.arrived)
        self._publish(frame, image, enhanced, attention)

    def _decode(self, message: Any) -> np.ndarray:
        if hasattr(message, "encoding"):
            return to_bgr(message, self._settings["white_16bit"])
        return compressed_to_bgr(message)

    def _pass_unread(self, frame: Frame, error: EncodingError) -> None:
        """Publish a frame that nobody here can read as it is: what the camera's users read before, they still can."""
        self.statistics.count_passed_through(UNKNOWN_ENCODING, error)
        if frame.message.encoding not in self._unreadable:
            self._unreadable.add(frame.message.encoding)
            self._node.get_logger().error(f"{error} Its frames pass through unchanged.")
        self._outputs["image"].publish(frame.message)
        self._publish_info(frame.message.header, frame.message.width, frame.message.height)
        self._count_published(frame)

    def _enhance(self, image: np.ndarray, header: Header, arrived: float) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the picture to publish and its attention map; None for the map of a picture that is unchanged."""
        if self._enhancer is None:
            self.statistics.count_passed_through("no model")
            return image, None
        if not self._settings["enabled"]:
            self.statistics.count_passed_through("not enabled")
            return image, None
        for name in LIVE_ATTRIBUTES:
            setattr(self._enhancer, name, self._settings[name])
        try:
            if ready := self._engine.take():
                self._enhancer.change_runtime(*ready)
            if self._reset_wanted:
                self._reset_wanted = False
                self._enhancer.reset()
            result = self._enhancer.enhance(image, _seconds(header) or None, arrived)  # no camera stamps a frame with 0
        except Exception as error:  # whatever it is, the camera's users get their frame
            self.statistics.count_passed_through(ENHANCEMENT_FAILED, error)
            self._log_failure(str(error))
            return image, None
        self.statistics.count_processed(result.report)
        if result.report.failure:
            self._log_failure(result.report.failure)
        return result.image, result.attention

    def _log_failure(self, why: str) -> None:
        text = f"The original frame goes out, because enhancing it failed: {why}"
        self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)

    def _publish(self, frame: Frame, image: np.ndarray, enhanced: np.ndarray, attention: np.ndarray | None) -> None:
        header = frame.message.header
        if self._is_wanted("image"):
            self._outputs["image"].publish(from_bgr(enhanced, header))
        self._publish_info(header, image.shape[1], image.shape[0])
        show_both = self._is_wanted("side_by_side")
        if show_both or self._is_wanted("attention"):
            attention = attention_u8(image) if attention is None else attention
        if attention is not None and self._is_wanted("attention"):
            self._outputs["attention"].publish(from_mono(attention, header))
        if self._is_wanted("compressed"):
            jpeg = compressed_from_bgr(enhanced, header, self._settings["jpeg_quality"])
            self._outputs["compressed"].publish(jpeg)
        if attention is not None and show_both:
            panels = np.hstack([image, cv2.cvtColor(attention, cv2.COLOR_GRAY2BGR), enhanced])
            self._outputs["side_by_side"].publish(from_bgr(panels, header))
        self._count_published(frame)

    def _publish_info(self, header: Header, width: int, height: int) -> None:
        info = self.infos.matching(header, width, height)
        if info is not None:
            self._outputs["info"].publish(info)

    def _count_published(self, frame: Frame) -> None:
        age = self._node.get_clock().now().nanoseconds * 1e-9 - _seconds(frame.message.header)
        agrees = 0.0 <= age < CLOCKS_AGREE
        self.statistics.count_published(time.monotonic() - frame.arrived, age if agrees else None)


def _seconds(header: Header) -> float:
    return header.stamp.sec + header.stamp.nanosec * 1e-9
