"""
A live node with cameras: frames of one or more cameras in, and what is made of them out.

It is a lifecycle node: what works on frames is loaded on configure, topics are live while active; with `autostart` it
does both by itself. A camera's callback only leaves the newest frame in its slot, one worker thread works on those of
all cameras in turn (the GIL makes more threads slower).
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from illumigan_model.errors import IllumiganError, Stopped
from illumigan_model.system.memory import give_back, set_aside
from illumigan_ros.node.diagnostics import ERROR, OK, WARN, CameraHealth, diagnostic_array, status
from illumigan_ros.node.parameters import CameraSettings, Parameters
from illumigan_ros.node.qos import LATCHED, image_qos
from illumigan_ros.node.setting import Setting
from illumigan_ros.node.stream import CameraStream
from illumigan_ros.node.transitions import WatchedNode, always_answered, logged
from illumigan_ros.node.watchdog import Watchdog
from illumigan_ros.node.worker import FrameWorker

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
LOOK_PERIOD = 0.2  # seconds between two looks at who listens and who publishes, and two signs of life

AnyStream = TypeVar("AnyStream", bound=CameraStream[Any])


class CameraNode(WatchedNode, Generic[AnyStream]):
    """
    Subscribes to cameras and publishes what is made of their frames.

    `without` says what becomes of the frames where that which works on them cannot be loaded.
    """

    without = ""

    def __init__(self, name: str, table: Sequence[Setting], **node_options: Any) -> None:
        super().__init__(name, **node_options)
        self._configured = False
        self._settings = Parameters(self, table, lambda: self._configured, self._objection)
        self._load_error = ""
        self.streams: dict[str, AnyStream] = {}
        self._healths: dict[str, CameraHealth] = {}
        self._worker: FrameWorker | None = None
        self._told_at = 0.0
        self._is_untidy = False
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = always_answered(self, service.callback)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        latched = image_qos(1, durability=LATCHED)
        self._status = self.create_publisher(DiagnosticArray, "~/status", latched)  # where a level has changed
        self._levels: list[tuple[str, bytes]] = []
        self.watchdog = Watchdog(self._settings["watchdog_s"])
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation must not keep us from any of these
        self.create_timer(self._settings["diagnostics_period"], self._tell, clock=steady)
        self.create_timer(LOOK_PERIOD, self._look, clock=steady)

    def autostart(self) -> None:
        """Configure and activate, where the parameter says so."""
        if self._settings["autostart"] and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    # What a node of this kind does

    @abstractmethod
    def _open(self) -> None:
        """Load what works on frames; raises what it likes where that is not possible."""

    @abstractmethod
    def _stream(self, name: str, settings: CameraSettings) -> AnyStream:
        """Return the stream of a camera, with what `_open` has loaded, if it has."""

    def _close(self) -> None:
        """Let go of what `_open` has loaded; calling it twice is fine."""

    def _objection(self, _name: str, _value: Any) -> str | None:
        """Return why a parameter must not be given an allowed value now, or None."""
        return None

    def _how(self) -> str:
        """Return with what the streams work, in words."""
        return ""

    def _why_not_loaded(self, error: Exception) -> str:
        """Return what `_open` has raised as a sentence."""
        return str(error)

    def _node_values(self) -> Mapping[str, str]:
        """Return what the diagnostics tell of the whole node."""
        return {}

    def _fault(self) -> str:
        """Return what of the whole node is second best, "" if nothing is."""
        return ""

    def _working(self) -> str:
        """Return what is being prepared, "" if nothing is."""
        return ""

    # Transitions

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load what works on frames and announce the outputs; where that fails, see the parameter autostart."""
        self._load_error = ""
        try:
            settings = self._settings.for_cameras()
        except IllumiganError as error:
            self.get_logger().error(f"Cannot be configured: {error}")
            return FAILURE
        try:
            self._open()
        except Stopped:
            raise
        except Exception as error:  # whatever a broken library raises, the node lives
            why = self._why_not_loaded(error)
            self._load_error = f"{self.without}: {why}"
            if not self._settings["autostart"]:
                self.get_logger().error(f"Cannot be configured: {why}")
                return FAILURE
            self.get_logger().error(self._load_error)
        self.streams = {name: self._stream(name, its_settings) for name, its_settings in settings.items()}
        if circle := self._circle():
            self.release()
            self.get_logger().error(
                f"Cannot be configured: what comes of the frames on {circle} would come back there as its next frame; "
                "remap the input or the output."
            )
            return FAILURE
        self._healths = {name: CameraHealth(stream) for name, stream in self.streams.items()}
        self._configured = True
        result = super().on_configure(state)
        set_aside()  # from here on frames would wait
        return result

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and let frames come in."""
        result = super().on_activate(state)
        self._worker = FrameWorker(self, self.streams)
        for stream in self.streams.values():
            stream.start(self._worker.offer)
            self.get_logger().info(f"Active: {stream.camera.topic} -> {stream.outputs.topic} {self._how()}.")
        return result

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and stop the worker."""
        self._stop()
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of what works on frames and of the outputs."""
        self.release()
        return SUCCESS

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, from whichever state."""
        self.release()
        return SUCCESS

    @logged
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything after a failed transition, so that configure can be tried again."""
        self.release()
        return SUCCESS

    def release(self) -> None:
        """Stop, and let go of everything that configure and activate made; calling it twice is fine."""
        self._stop()
        for stream in self.streams.values():
            stream.release()
        self.streams, self._healths = {}, {}
        self._close()
        self._configured = False
        # A camera and its callbacks hold each other, and with them the memory of whole frames.
        give_back(everything=True)
        self._is_untidy = True

    def _circle(self) -> str | None:
        """Return the topic of a camera whose frames are made of its own, maybe by way of others; None for none."""
        makers = {topic: stream for stream in self.streams.values() for topic in stream.outputs.topics}
        for stream in self.streams.values():
            topic = stream.camera.topic
            for _ in self.streams:
                if topic not in makers:
                    break
                topic = makers[topic].camera.topic
                if topic == stream.camera.topic:
                    return topic
        return None

    def _stop(self) -> None:
        for stream in self.streams.values():
            stream.stop()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    # Callbacks

    def _look(self) -> None:
        self.watchdog.rearm()
        if self._is_untidy:
            self._is_untidy = False
            give_back()  # once more, as by now the executor has let go of the subscriptions, too
        for stream in self.streams.values():
            stream.look()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        values = self._node_values()
        name, statuses = self.get_fully_qualified_name(), []
        if self._worker is None:
            statuses.append(status(f"{name}: stream", self._health_at_rest(), values))
        for camera, health in self._healths.items() if self._worker else ():
            stream = self.streams[camera]
            own = {**values, **health.values()}
            level = health.look(self._fault(), self._load_error)
            statuses.append(status(f"{name}: {camera or 'stream'}", level, own, stream.camera.topic))
        array = diagnostic_array(self.get_clock().now().to_msg(), statuses)
        self._diagnostics.publish(array)
        levels = [(one.name, one.level) for one in statuses]
        if levels != self._levels:
            self._levels = levels
            self._status.publish(array)

    def _health_at_rest(self) -> tuple[bytes, str]:
        if self._load_error:
            return ERROR, self._load_error
        return WARN if self._fault() else OK, self._fault() or self._working() or "Not active."
