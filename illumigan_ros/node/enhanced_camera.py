"""One camera of the node: what comes in is enhanced and goes out, or goes out as it came."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames.exposure import to_eight_bits
from illumigan_model.runtimes import Runtime
from illumigan_ros.node import budget
from illumigan_ros.node.budget import Budget
from illumigan_ros.node.camera import Frame
from illumigan_ros.node.messages import EncodingError
from illumigan_ros.node.outputs import Outputs
from illumigan_ros.node.statistics import ENHANCED, ENHANCEMENT_FAILED, NO_MODEL, PASSED, UNKNOWN_ENCODING, Outcome
from illumigan_ros.node.stream import CameraStream, seconds
from illumigan_ros.node.worker import LOG_PERIOD

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode

    from illumigan_ros.node.parameters import CameraSettings

LIVE_ATTRIBUTES = ("strength", "denoise_over_time", "daylight_gate", "temporal")

NextRuntime = Callable[[], tuple[Runtime, list[str]] | None]


class EnhancedCamera(CameraStream[Outputs]):
    """
    Enhances the frames of one camera.

    With no enhancer, or when it fails, the camera's own frame goes out. Between two frames, the enhancer goes on with
    what `next_runtime` has ready, if anything.
    """

    is_deep = True

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: CameraSettings,
        enhancer: Enhancer | None,
        next_runtime: NextRuntime,
    ) -> None:
        self._enhancer = enhancer
        self._next_runtime = next_runtime
        self._reset_wanted = True
        self.budget = Budget()
        self.largest = 0  # pixels of the largest frame
        super().__init__(node, name, settings, Outputs(node, name, settings, self.look))

    def reset(self) -> None:
        """Forget the past frames before the next one."""
        self._reset_wanted = True  # done by the worker: the Enhancer belongs to its thread

    def second_best(self, fault: str) -> str:
        """Return what of this camera is second best, or else the fault of the whole node, "" for none."""
        if self.budget.is_exhausted:
            return "The latency budget is below what passing the frames on takes."
        return f"The latency budget asks for: {self.budget.name}. {fault}" if self.budget.step else fault

    def values(self) -> dict[str, str]:
        """Return the step of the latency budget."""
        return {"budget step": self.budget.name}

    def work(self, frame: Frame, image: np.ndarray) -> Outcome:
        """Enhance a frame and publish it, or the original."""
        message = frame.message
        self.largest = max(self.largest, image.shape[0] * image.shape[1])
        outcome, enhanced, attention = self._enhance(image, message, frame.arrived)
        plain = image if image.dtype == np.uint8 else to_eight_bits(image)
        self.outputs.publish(message, plain, plain if enhanced is None else enhanced, attention)
        self.outputs.publish_info(self.camera.infos.matching(message.header, image.shape[1], image.shape[0]))
        self._note_published(frame)
        return outcome

    def work_unread(self, frame: Frame, error: EncodingError) -> Outcome:
        """Publish a frame that nobody here can read as it is: what the camera's users read before, they still can."""
        message = frame.message
        if self._is_new_kind(message.encoding):
            self._node.get_logger().error(f"{error} Its frames pass through unchanged.")
        self.outputs.publish_unread(message)
        self.outputs.publish_info(self.camera.infos.matching(message.header, message.width, message.height))
        self._note_published(frame)
        return Outcome(PASSED, UNKNOWN_ENCODING, str(error))

    def _enhance(
        self, image: np.ndarray, message: Any, arrived: float
    ) -> tuple[Outcome, np.ndarray | None, np.ndarray | None]:
        """Return what became of the picture, the enhanced one and its attention map; None where it is unchanged."""
        if self._enhancer is None:
            return Outcome(PASSED, NO_MODEL), None, None
        if not self.settings["enabled"]:
            return Outcome(PASSED, "not enabled"), None, None
        if self.budget.step == budget.PASS:
            return Outcome(PASSED, "latency budget"), None, None
        try:
            stamp = seconds(message.header) or None  # no camera stamps a frame with 0
            room = self.outputs.room(message, image)
            result = self._prepared(self._enhancer).enhance(image, stamp, arrived, room)
        except Exception as error:  # whatever it is, the camera's users get their frame
            self._log_failure(str(error))
            return Outcome(PASSED, ENHANCEMENT_FAILED, str(error)), None, None
        report = result.report
        if report.failure:
            self._log_failure(report.failure)
        fate = PASSED if report.bypassed else ENHANCED
        told = {"mean luma in": f"{report.luma_in:.3f}", "mean luma out": f"{report.luma_out:.3f}"}
        outcome = Outcome(
            fate, report.bypassed or "", report.failure or "", report.stages_ms, report.restarts, values=told
        )
        return outcome, result.image, result.attention

    def _log_failure(self, why: str) -> None:
        text = f"The original frame goes out, because enhancing it failed: {why}"
        self._node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)

    def _prepared(self, enhancer: Enhancer) -> Enhancer:
        """Return the enhancer with the parameters and the runtime that hold from this frame on."""
        for name in LIVE_ATTRIBUTES:
            setattr(enhancer, name, self.settings[name])
        if self.budget.step >= budget.STILL:
            enhancer.denoise_over_time = 0.0
        enhancer.denoise = 0.0 if self.budget.step >= budget.NO_DENOISE else self.settings["denoise"]
        enhancer.keep_curves = self.budget.step >= budget.EVERY_SECOND
        if ready := self._next_runtime():
            enhancer.change_runtime(*ready)
        if self._reset_wanted:
            self._reset_wanted = False
            enhancer.reset()
        return enhancer

    def _note_published(self, frame: Frame) -> float:
        latency = super()._note_published(frame)
        before = self.budget.step
        self.budget.observe(1000 * latency, self.settings["latency_budget_ms"])
        if self.budget.step != before:
            camera = f" of {self.camera.name}" if self.camera.name else ""
            self._node.get_logger().info(f"The latency budget{camera}: {self.budget.name}.")
        return latency
