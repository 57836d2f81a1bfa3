"""
The live node: frames of one or more cameras in, enhanced frames and attention maps out.

Run it with `ros2 run illumigan enhance_node` or `ros2 launch illumigan enhance.launch.py`. It is a lifecycle node: the
model is loaded on configure, topics are live while active; with `autostart` it does both by itself. A camera's callback
only leaves the newest frame in its slot, one worker thread enhances and publishes those of all cameras in turn (the GIL
makes more threads slower).
Whatever fails, the camera's own frame goes out instead: a camera must not go black because of this node.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError, ModelError, Stopped, first_line
from illumigan_model.runtimes import Runtime
from illumigan_ros.node.diagnostics import ERROR, OK, WARN, CameraHealth, diagnostic_array, status
from illumigan_ros.node.engine_build import EngineBuild
from illumigan_ros.node.enhanced_camera import EnhancedCamera
from illumigan_ros.node.model_change import ModelChange
from illumigan_ros.node.parameters import Parameters
from illumigan_ros.node.process import deadline, start_ros
from illumigan_ros.node.qos import LATCHED, image_qos
from illumigan_ros.node.transitions import WatchedNode, always_answered, logged
from illumigan_ros.node.watchdog import Watchdog
from illumigan_ros.node.worker import LOG_PERIOD, FrameWorker

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
LOOK_PERIOD = 0.2  # seconds between two looks at who listens and who publishes, and two signs of life
PAUSE = 0.01  # seconds, after a callback that failed at once


class EnhanceNode(WatchedNode):
    """Subscribes to cameras and publishes what they see, enhanced."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__("enhance", **node_options)
        self._configured = False
        self._settings = Parameters(self, lambda: self._configured)
        self._enhancer: Enhancer | None = None
        self._engine = EngineBuild()
        self._change: ModelChange | None = None
        self._is_released = threading.Event()
        self._model_error = self._takeover = ""
        self.streams: dict[str, EnhancedCamera] = {}
        self._healths: dict[str, CameraHealth] = {}
        self._worker: FrameWorker | None = None
        self._told_at = 0.0
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = always_answered(self, service.callback)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/reset", self._on_reset)
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

    # Transitions

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and announce the outputs; without a model, see the parameter autostart."""
        self._model_error = self._takeover = ""
        self._is_released.clear()
        try:
            settings = self._settings.for_cameras()
        except IllumiganError as error:
            self.get_logger().error(f"Cannot be configured: {error}")
            return FAILURE
        engine_build, model, wanted = (self._settings[name] for name in ("engine_build", "model", "runtime"))
        self._engine = EngineBuild(engine_build, model, wanted, self.get_logger(), self._on_progress)
        runtime = self._engine.before_load()
        try:
            self._enhancer = self._load(runtime)
        except Stopped:
            raise
        except Exception as error:  # whatever a broken library raises, the camera's users get their frames
            self._model_error = self._why_no_model(error)
            if not self._settings["autostart"]:
                self.get_logger().error(f"Cannot be configured: {self._model_error}")
                return FAILURE
            self.get_logger().error(f"Frames pass through unchanged: {self._model_error}")
        for name, its_settings in settings.items():
            enhancer = self._enhancer.for_another_camera() if self._enhancer else None
            self.streams[name] = EnhancedCamera(self, name, its_settings, enhancer, self._next_runtime)
        self._healths = {name: CameraHealth(stream) for name, stream in self.streams.items()}
        self._configured = True
        if self._enhancer is not None:
            self._engine.after_load(self._enhancer)
            self._change = ModelChange(
                (model, wanted), self._enhancer.threads, self.get_logger(), self._on_progress, self._on_takeover
            )
        return super().on_configure(state)

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and let frames come in."""
        result = super().on_activate(state)
        self._worker = FrameWorker(self, self.streams)
        how = f"with {self._enhancer.runtime}" if self._enhancer else "unchanged, for want of a model"
        for stream in self.streams.values():
            stream.start(self._worker.offer)
            self.get_logger().info(f"Active: {stream.camera.topic} -> {stream.outputs.topic} {how}.")
        return result

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and stop the worker."""
        self._stop()
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the model and the outputs."""
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
        self._is_released.set()
        self._stop()
        for stream in self.streams.values():
            stream.release()
        self.streams, self._healths = {}, {}
        self._engine.stop()
        if self._change is not None:
            self._change.stop()
            self._change = None
        if self._enhancer is not None:
            self._enhancer.close()
        self._enhancer, self._configured = None, False
        gc.collect()  # a camera and its callbacks hold each other, and with them the memory of whole frames

    def _next_runtime(self) -> tuple[Runtime, list[str]] | None:
        """Return, once, the runtime that the next frame is to be the first of, on the worker's thread."""
        changed = self._change.take() if self._change is not None else None
        if changed is not None:  # what was learned of the video is the other model's
            for stream in self.streams.values():
                stream.reset()
        return changed or self._engine.take()

    def _load(self, runtime: str) -> Enhancer:
        enhancer = Enhancer(
            model=self._settings["model"],
            runtime=runtime,
            on_progress=self._on_export,
            on_takeover=self._on_takeover,
            live=True,
        )
        self.get_logger().info(f"The model {self._settings['model']} runs with {enhancer.describe()}.")
        for reason in enhancer.runtime_reasons:
            self.get_logger().info(reason)
        return enhancer

    def _why_no_model(self, error: Exception) -> str:
        if isinstance(error, ModelError):
            return str(error)
        return f"the model {self._settings['model']} cannot be loaded ({type(error).__name__}: {first_line(error)})"

    def _stop(self) -> None:
        for stream in self.streams.values():
            stream.stop()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    # Callbacks

    def _look(self) -> None:
        self.watchdog.rearm()
        wanted = (self._settings["model"], self._settings["runtime"])
        if self._change is not None and self._change.ask(wanted):
            self._takeover = ""
        for stream in self.streams.values():
            stream.look()

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.set_parameters([Parameter("enabled", value=request.data)])
        response.success = True
        response.message = "Frames are enhanced." if request.data else "Frames pass through unchanged."
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._worker is not None
        response.message = "The past frames are forgotten." if self._worker else "The node is not active."
        for stream in self.streams.values():
            stream.reset()
        return response

    def _on_takeover(self, said: str) -> None:
        """Tell, on the worker's thread, that a runtime has failed and another one goes on."""
        self._takeover = f"{said.rstrip('.')}."
        self.get_logger().warning(said)

    def _on_export(self, said: str) -> None:
        text = "The graph of the model is being made, which is done once and may take a minute."
        self.get_logger().info(text, throttle_duration_sec=LOG_PERIOD)
        self._on_progress(said)

    def _on_progress(self, _said: str) -> None:
        """
        Hear of the end, several times a second while a graph or an engine is made, on whichever thread that is.

        In configure, which keeps the timer waiting, tell how it comes along. Raises Stopped.
        """
        if self._is_released.is_set() or not self.context.ok():  # Ctrl-C, or a transition
            raise Stopped("The node is being stopped.")
        is_late = time.monotonic() - self._told_at >= self._settings["diagnostics_period"]
        if is_late and not self._configured:
            self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        values = self._node_values()
        name, statuses = self.get_fully_qualified_name(), []
        if self._worker is None:
            statuses.append(status(f"{name}: stream", self._health_at_rest(), values))
        for camera, health in self._healths.items() if self._worker else ():
            stream = self.streams[camera]
            own = {**values, **health.values()}
            level = health.look(self._fault(), self._model_error)
            statuses.append(status(f"{name}: {camera or 'stream'}", level, own, stream.camera.topic))
        array = diagnostic_array(self.get_clock().now().to_msg(), statuses)
        self._diagnostics.publish(array)
        levels = [(one.name, one.level) for one in statuses]
        if levels != self._levels:
            self._levels = levels
            self._status.publish(array)

    def _node_values(self) -> dict[str, str]:
        model = self._change.in_use[0] if self._change is not None else self._settings["model"]
        values = {"model": model, "runtime": self._enhancer.runtime if self._enhancer else "none"}
        values |= self._engine.values()
        if self._enhancer is not None:
            values["runtime in detail"] = self._enhancer.describe()
            values |= {f"runtime not used {n}": why for n, why in enumerate(self._enhancer.runtime_reasons, 1)}
        return values

    def _fault(self) -> str:
        """Return what of the whole node is second best, "" if nothing is."""
        changing = self._change.fault if self._change is not None else ""
        return self._engine.fault or changing or self._takeover

    def _health_at_rest(self) -> tuple[bytes, str]:
        if self._model_error:
            return ERROR, f"Frames pass through unchanged: {self._model_error}"
        return WARN if self._fault() else OK, self._fault() or self._engine.working() or "Not active."


def main(args: list[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit code, 2 where ROS or the node refuses what it was started with."""
    # Ctrl-C under ros2 launch comes twice, from the terminal and from launch. rclpy's own handler ends the spinning;
    # without Python's, no KeyboardInterrupt can hit the cleaning up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node = None
    try:
        start_ros(args)
        executor = SingleThreadedExecutor()
        node = EnhanceNode()
        node.watchdog.start()
        node.autostart()
        executor.add_node(node)
        spin(executor, node)
    except IllumiganError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception:
        if rclpy.ok():  # Ctrl-C makes whatever is under way fail
            raise
    finally:
        if node is not None:
            node.watchdog.stop()
            node.release()
        with deadline():
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()
    return 0


def spin(executor: SingleThreadedExecutor, node: EnhanceNode) -> None:
    """Run the node's callbacks until ROS shuts down; one that raises is logged, and the others go on."""
    while rclpy.ok():
        began = time.monotonic()
        try:
            executor.spin()
        except Exception as error:
            if not rclpy.ok():  # Ctrl-C makes whatever is under way fail
                return
            text = f"A callback failed: {type(error).__name__}: {first_line(error)}"
            node.get_logger().error(text, throttle_duration_sec=LOG_PERIOD)
            if time.monotonic() - began < PAUSE:  # it comes straight back: do not burn a core with it
                time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
