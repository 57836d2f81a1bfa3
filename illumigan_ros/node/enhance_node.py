"""
The live node: frames of one or more cameras in, enhanced frames and attention maps out.

Run it with `ros2 run illumigan enhance_node` or `ros2 launch illumigan enhance.launch.py`. `camera_node` has what it
shares with other nodes. Whatever fails, the camera's own frame goes out instead: a camera must not go black because of
this node.
"""

from __future__ import annotations

from illumigan_ros.starting import start

if __name__ == "__main__":
    start("illumigan_ros.node.enhance_node")  # before ROS is imported, which may not find room to start

import threading
import time
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError, Stopped, first_line
from illumigan_model.runtimes import Runtime
from illumigan_ros.node.camera_node import SUCCESS, CameraNode
from illumigan_ros.node.engine_build import EngineBuild
from illumigan_ros.node.enhanced_camera import EnhancedCamera
from illumigan_ros.node.model_change import ModelChange
from illumigan_ros.node.parameters import LATER, CameraSettings
from illumigan_ros.node.run import run
from illumigan_ros.node.settings import SETTINGS
from illumigan_ros.node.shared_memory import too_small_for
from illumigan_ros.node.transitions import logged
from illumigan_ros.node.worker import LOG_PERIOD

SLOW_S = 4.0  # seconds of loading after which the log says why
BYTES_PER_PIXEL = 4  # of the enhanced frame and its attention map


class EnhanceNode(CameraNode[EnhancedCamera]):
    """Subscribes to cameras and publishes what they see, enhanced."""

    without = "Frames pass through unchanged"

    def __init__(self, **node_options: Any) -> None:
        self._enhancer: Enhancer | None = None
        self._engine = EngineBuild()
        self._change: ModelChange | None = None
        self._is_released = threading.Event()
        self._takeover = ""
        self._largest = 0  # bytes that the cameras' outputs take at once
        super().__init__("enhance", SETTINGS, **node_options)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(Trigger, "~/reset", self._on_reset)

    # Transitions

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and announce the outputs; without a model, see the parameter autostart."""
        self._takeover = ""
        self._is_released.clear()
        result = super().on_configure(state)
        if result == SUCCESS and self._enhancer is not None:
            self._engine.after_load(self._enhancer)
            in_use = (self._settings["model"], self._settings["runtime"])
            self._change = ModelChange(
                in_use, self._enhancer.threads, self.get_logger(), self._on_progress, self._on_takeover
            )
        return result

    def release(self) -> None:
        """Stop, and let go of everything that configure and activate made; calling it twice is fine."""
        self._is_released.set()
        super().release()

    def _open(self) -> None:
        engine_build, model, wanted = (self._settings[name] for name in ("engine_build", "model", "runtime"))
        self._engine = EngineBuild(engine_build, model, wanted, self.get_logger(), self._on_progress)
        runtime = self._engine.before_load()
        self._enhancer = self._load(runtime)

    def _stream(self, name: str, settings: CameraSettings) -> EnhancedCamera:
        enhancer = self._enhancer.for_another_camera() if self._enhancer else None
        return EnhancedCamera(self, name, settings, enhancer, self._next_runtime)

    def _close(self) -> None:
        self._engine.stop()
        if self._change is not None:
            self._change.stop()
            self._change = None
        if self._enhancer is not None:
            self._enhancer.close()
        self._enhancer = None

    def _objection(self, name: str, _value: Any) -> str | None:
        if name in ("model", "runtime") and self._configured and self._settings["engine_build"] != "never":
            return f"{name}, with engine_build, {LATER}"
        return None

    def _how(self) -> str:
        return f"with {self._enhancer.runtime}" if self._enhancer else "unchanged, for want of a model"

    def _next_runtime(self) -> tuple[Runtime, list[str]] | None:
        """Return, once, the runtime that the next frame is to be the first of, on the worker's thread."""
        changed = self._change.take() if self._change is not None else None
        if changed is not None:  # what was learned of the video is the other model's
            for stream in self.streams.values():
                stream.reset()
        return changed or self._engine.take()

    def _load(self, runtime: str) -> Enhancer:
        slow = threading.Timer(SLOW_S, self._say_why_it_is_slow)
        slow.start()
        try:
            enhancer = Enhancer(
                model=self._settings["model"],
                runtime=runtime,
                on_progress=self._on_export,
                on_takeover=self._on_takeover,
                live=True,
            )
        finally:
            slow.cancel()
        self.get_logger().info(f"The model {self._settings['model']} runs with {enhancer.describe()}.")
        for reason in enhancer.runtime_reasons:
            self.get_logger().info(reason)
        return enhancer

    def _say_why_it_is_slow(self) -> None:
        self.get_logger().info(
            "Still loading. The first start on a machine compiles the code for its processor, once, which takes ten "
            "seconds or more."
        )

    def _why_not_loaded(self, error: Exception) -> str:
        if isinstance(error, ModelError):
            return str(error)
        return f"the model {self._settings['model']} cannot be loaded ({type(error).__name__}: {first_line(error)})"

    # Callbacks

    def _look(self) -> None:
        wanted = (self._settings["model"], self._settings["runtime"])
        if self._change is not None and self._change.ask(wanted):
            self._takeover = ""
        super()._look()
        self._look_at_sizes()

    def _look_at_sizes(self) -> None:
        """Warn, once for each total, where frames and attention maps do not fit into the middleware's memory."""
        total = BYTES_PER_PIXEL * sum(stream.largest for stream in self.streams.values())
        if total > self._largest:
            self._largest = total
            if warning := too_small_for(total):
                self.get_logger().warning(warning)

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

    def _working(self) -> str:
        return self._engine.working()


def main(args: list[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit code, 2 where ROS or the node refuses what it was started with."""
    return run(EnhanceNode, args)
