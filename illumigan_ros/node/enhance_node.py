"""
The live node: camera frames in, enhanced frames and attention maps out.

Run it with `ros2 run illumigan enhance_node` or `ros2 launch illumigan enhance.launch.py`. It is a lifecycle node: the
model is loaded on configure, topics are live while active; with `autostart` it does both by itself. The callback only
leaves the newest frame in a slot, one worker thread enhances and publishes it (the GIL makes more threads slower).
Whatever fails, the camera's own frame goes out instead: a camera must not go black because of this node.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool, Trigger

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError, ModelError, Stopped, first_line
from illumigan_ros.node.diagnostics import diagnostic_array
from illumigan_ros.node.engine_build import EngineBuild
from illumigan_ros.node.parameters import Parameters
from illumigan_ros.node.process import deadline, start_ros
from illumigan_ros.node.qos import FollowingSubscription, image_qos
from illumigan_ros.node.transitions import always_answered, logged
from illumigan_ros.node.worker import LOG_PERIOD, FrameWorker

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
PAUSE = 0.01  # seconds, after a callback that failed at once


class EnhanceNode(LifecycleNode):
    """Subscribes to a camera and publishes what it sees, enhanced."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__("enhance", **node_options)
        self._configured = False
        self._settings = Parameters(self, lambda: self._configured)
        self._enhancer: Enhancer | None = None
        self._engine = EngineBuild()
        self._is_released = threading.Event()
        self._model_error = ""
        self._outputs: dict[str, LifecyclePublisher] = {}
        self._worker: FrameWorker | None = None
        self._image_input: FollowingSubscription | None = None
        self._info_input: FollowingSubscription | None = None
        self._counts: dict[str, int] = {}
        self._told_at = 0.0
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = always_answered(self, service.callback)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation must not silence the diagnostics
        self.create_timer(self._settings["diagnostics_period"], self._tell, clock=steady)

    def autostart(self) -> None:
        """Configure and activate, where the parameter says so."""
        if self._settings["autostart"] and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    # Transitions

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and announce the outputs; without a model, see the parameter autostart."""
        self._model_error = ""
        self._is_released.clear()
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
        self._create_outputs()
        self._configured = True
        if self._enhancer is not None:
            self._engine.after_load(self._enhancer)
        return super().on_configure(state)

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker and subscribe to the camera."""
        result = super().on_activate(state)
        worker = FrameWorker(self, self._settings, self._enhancer, self._engine, self._outputs)
        self._worker, self._counts = worker, {}
        kind, topic = (Image, "image")
        if self._settings["input_transport"] == "compressed":
            kind, topic = (CompressedImage, "image/compressed")
        depth, reliability = self._settings["qos_depth"], self._settings["input_reliability"]
        self._image_input = FollowingSubscription(
            self, kind, topic, self._on_image, reliability=reliability, depth=depth
        )
        self._info_input = FollowingSubscription(
            self, CameraInfo, "camera_info", lambda info, _: worker.infos.add(info), reliability="auto", depth=depth
        )
        how = f"with {self._enhancer.runtime}" if self._enhancer else "unchanged, for want of a model"
        self.get_logger().info(f"Active: {self._image_input.topic} -> {self._outputs['image'].topic_name} {how}.")
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
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs.clear()
        self._engine.stop()
        if self._enhancer is not None:
            self._enhancer.close()
        self._enhancer, self._configured = None, False

    def _load(self, runtime: str) -> Enhancer:
        enhancer = Enhancer(
            model=self._settings["model"],
            runtime=runtime,
            on_progress=self._on_export,
            on_takeover=self.get_logger().warning,
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

    def _create_outputs(self) -> None:
        topics: dict[str, tuple[type, str, bool]] = {
            "image": (Image, "enhanced/image", True),
            "info": (CameraInfo, "enhanced/camera_info", True),
            "attention": (Image, "attention/image", self._settings["publish_attention"]),
            "compressed": (CompressedImage, "enhanced/image/compressed", self._settings["publish_compressed"]),
            "side_by_side": (Image, "debug/side_by_side", self._settings["publish_side_by_side"]),
        }
        qos = image_qos(self._settings["qos_depth"])
        for name, (kind, topic, is_wanted) in topics.items():
            if is_wanted:
                self._outputs[name] = self.create_lifecycle_publisher(kind, topic, qos)

    def _stop(self) -> None:
        for subscription in (self._image_input, self._info_input):
            if subscription is not None:
                subscription.destroy()
        self._image_input = self._info_input = None
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    # Callbacks

    def _on_image(self, message: Any, info: Any) -> None:
        if self._worker is None or self._image_input is None:  # a message that was already taken when we stopped
            return
        sequence = info.get("publication_sequence_number")
        publisher = None if sequence is None else self._image_input.publisher_of(info)
        self._worker.statistics.count_received(sequence, publisher)
        self._worker.offer(message)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.set_parameters([Parameter("enabled", value=request.data)])
        response.success = True
        response.message = "Frames are enhanced." if request.data else "Frames pass through unchanged."
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._worker is not None
        response.message = "The past frames are forgotten." if self._worker else "The node is not active."
        if self._worker is not None:
            self._worker.reset()
        return response

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
        values = {"model": self._settings["model"], "runtime": self._enhancer.runtime if self._enhancer else "none"}
        values |= self._engine.values()
        if self._enhancer is not None:
            values["runtime in detail"] = self._enhancer.describe()
            values |= {f"runtime not used {n}": why for n, why in enumerate(self._enhancer.runtime_reasons, 1)}
        if self._worker is not None and self._image_input is not None:
            values["input reliability"] = self._image_input.reliability
            values["frames skipped"] = str(self._worker.skipped)
            values |= self._worker.statistics.values()
        level, message = self._health()
        array = diagnostic_array(
            self.get_clock().now().to_msg(),
            name=f"{self.get_fully_qualified_name()}: stream",
            level=level,
            message=message,
            values=values,
            hardware_id=self._image_input.topic if self._image_input else "",
        )
        self._diagnostics.publish(array)

    def _health(self) -> tuple[bytes, str]:
        """Return the level and one sentence about what happened since the last call."""
        if self._model_error:
            return DiagnosticStatus.ERROR, f"Frames pass through unchanged: {self._model_error}"
        fault = self._engine.fault
        level = DiagnosticStatus.WARN if fault else DiagnosticStatus.OK
        if self._worker is None:
            return level, fault or self._engine.working() or "Not active."
        counts = self._worker.statistics.counts() | {"skipped": self._worker.skipped}
        new = {name: count - self._counts.get(name, 0) for name, count in counts.items()}
        self._counts = counts
        if new["failed"]:
            return DiagnosticStatus.ERROR, f"{new['failed']} frames failed: {self._worker.statistics.last_error}"
        if not new["received"]:
            return DiagnosticStatus.WARN, "No frames arrive."
        skipped = f", {new['skipped']} skipped for newer ones" if new["skipped"] else ""
        idle = f", {new['idle']} dropped because nobody subscribes to an output" if new["idle"] else ""
        return level, f"{new['published']} frames out{skipped}{idle}. {fault}".rstrip()


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
