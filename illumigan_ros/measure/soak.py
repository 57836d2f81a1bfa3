"""Endurance: a node under everything that robots do to it, for as long as wanted; `make soak` runs ten minutes.

Cameras whose messages are good, bad, of any size and stamp, and whose publishers come, go and get killed; listeners of
every QoS; parameters, transitions and services at random; a network that fails now and then. It ends with a report, and
with exit code 1 if the node died, fell silent, miscounted a frame, or grew. What happens is decided by the seed.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from illumigan_ros.node.environment import ros_environment

if TYPE_CHECKING:
    from rclpy.node import Node

CAMERAS = ("front", "rear")
SILENCE = 15.0  # seconds without diagnostics that are a breach; a transition loads the model
START = 60.0  # seconds that the node may take to come up
WARM_UP = 0.3  # share of the time after which memory, threads and descriptors must no longer grow
MOST_GROWTH = 1.0  # MB a minute
MOST_IN_WORK = 3  # frames of a camera: in its callback, in its slot, in the worker
SPARE = 12  # threads or descriptors that may come and go

# The node, with a network that fails on some frames: at the interface of runtimes, as a broken driver would.
PROGRAM = """
import random, sys
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_ros.node import enhance_node

infer, chance = OnnxRuntime.infer, random.Random(1)

def sometimes(self, image):
    if chance.random() < 0.02:
        raise ModelError("It was made to fail on this frame.")
    return infer(self, image) * (float("nan") if chance.random() < 0.02 else 1)

OnnxRuntime.infer = sometimes
sys.exit(enhance_node.main())
"""

# A camera in a process of its own, to be killed.
CAMERA = """
import sys, time, numpy as np, rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("killed")
publisher = node.create_publisher(Image, sys.argv[1], 5)
message = Image(encoding="bgr8", height=480, width=640, step=1920)
message.data.frombytes(np.full(480 * 1920, 20, np.uint8))
while True:
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)
    time.sleep(0.05)
"""


class Soak:
    """The node's process, and what is done to it."""

    def __init__(self, node: Node, process: subprocess.Popen[str], chance: random.Random) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from lifecycle_msgs.srv import ChangeState
        from rcl_interfaces.srv import SetParameters
        from std_srvs.srv import SetBool

        self.node, self.process, self.chance = node, process, chance
        self.done: Counter[str] = Counter()
        self.breaches: list[str] = []
        self.sizes: list[tuple[float, float, int, int]] = []  # seconds, RSS in MB, threads, descriptors
        self.counts: dict[str, dict[str, int]] = {}
        self._began = self._heard = time.monotonic()
        self._publishers: dict[str, Any] = {}
        self._listeners: list[Any] = []
        self._killed: subprocess.Popen[bytes] | None = None
        self._received = 0
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._set: Any = node.create_client(SetParameters, "/enhance/set_parameters")
        self._change: Any = node.create_client(ChangeState, "/enhance/change_state")
        self._enable: Any = node.create_client(SetBool, "/enhance/enable")
        self._actions: list[tuple[int, Callable[[], None]]] = [
            (400, self.publish),
            (20, self.publish_damaged),
            (12, self.swap_publisher),
            (6, self.change_listeners),
            (4, self.set_parameter),
            (2, self.toggle),
            (1, self.transition),
            (1, self.kill_camera),
        ]

    def wait_for_node(self) -> None:
        """Wait until the node is up."""
        import rclpy

        while not self.counts and self.elapsed() < START and self.process.poll() is None:
            rclpy.spin_once(self.node, timeout_sec=0.1)
        self._began = self._heard = time.monotonic()
        self.sizes.clear()

    def step(self) -> None:
        """Do one thing at random, and look at the node."""
        import rclpy

        weights = [weight for weight, _ in self._actions]
        (action,) = self.chance.choices([action for _, action in self._actions], weights)
        self.done[action.__name__] += 1
        action()
        until = time.monotonic() + self.chance.choice([0.002, 0.01, 0.033])
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)
        if time.monotonic() - self._heard > SILENCE:
            self.breaches.append(f"the node is silent since {SILENCE:g} s, {self.elapsed():.0f} s after the start")
        if self.process.poll() is not None:
            self.breaches.append(f"the node ended with {self.process.returncode} after {self.elapsed():.0f} s")

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def publish(self) -> None:
        """Send a frame of any size and encoding, mostly with the present time."""
        self._send(self._frame())

    def publish_damaged(self) -> None:
        """Send a message whose fields contradict each other."""
        message = self._frame()
        damage: list[tuple[str, Any]] = [("step", 1), ("height", 2**31), ("width", 0)]
        field, value = self.chance.choice([*damage, ("encoding", "no such"), ("encoding", "bayer_rggb16")])
        setattr(message, field, value)
        self._send(message)

    def swap_publisher(self) -> None:
        """Let a camera go, and come back with any reliability."""
        camera = self.chance.choice(CAMERAS)
        if camera in self._publishers:
            self.node.destroy_publisher(self._publishers.pop(camera))
        self._publisher(camera)

    def change_listeners(self) -> None:
        """Let a listener of any QoS come, or one go."""
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        if len(self._listeners) > self.chance.randint(0, 4):
            leaving = self._listeners.pop(self.chance.randrange(len(self._listeners)))
            self.node.destroy_subscription(leaving)
            return
        policy = self.chance.choice([ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
        topic = f"/{self.chance.choice(CAMERAS)}/{self.chance.choice(['enhanced/image', 'attention/image'])}"
        qos = QoSProfile(depth=self.chance.randint(1, 5), reliability=policy)
        self._listeners.append(self.node.create_subscription(Image, topic, self._on_output, qos))

    def set_parameter(self) -> None:
        """Set a parameter to something that is allowed, or is not."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        choices: list[tuple[str, list[Any]]] = [
            ("strength", [0.0, 0.5, 1.0, 7.0, "much"]),
            ("denoise", [0.0, 1.0, -1.0]),
            ("temporal", [True, False]),
            ("front.daylight_gate", [True, False]),
            ("output_encoding", ["same", "rgb8", "mono8", "bgr8", "purple"]),
            ("max_age_ms", [0.0, 50.0, 500.0]),
            ("rear.latency_budget_ms", [0.0, 2.0, 50.0]),
            ("qos_depth", [1, 5]),
        ]
        name, values = self.chance.choice(choices)
        value = Parameter(name, value=self.chance.choice(values)).to_parameter_msg()
        self._set.call_async(SetParameters.Request(parameters=[value]))

    def toggle(self) -> None:
        """Switch the enhancing on or off."""
        from std_srvs.srv import SetBool

        self._enable.call_async(SetBool.Request(data=self.chance.random() < 0.7))

    def transition(self) -> None:
        """Take the node down as far as a manager would, and up again."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        deactivate, cleanup = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
        configure, activate = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
        for which in self.chance.choice([(deactivate, activate), (deactivate, cleanup, configure, activate)]):
            self._change.call_async(ChangeState.Request(transition=Transition(id=which)))

    def kill_camera(self) -> None:
        """Kill a camera's process in the middle of a frame, and start it anew."""
        if self._killed is not None:
            self._killed.kill()
            self._killed.wait()
        topic = f"/{self.chance.choice(CAMERAS)}/image"
        self._killed = subprocess.Popen([sys.executable, "-c", CAMERA, topic])

    def finish(self) -> None:
        """Check what may only be known at the end, and end the camera."""
        if self._killed is not None:
            self._killed.kill()
            self._killed.wait()
        if not self.counts:
            self.breaches.append("no diagnostics came")
        late = [size for size in self.sizes if size[0] > WARM_UP * self.elapsed()]
        if len(late) > 10:
            seconds, rss, threads, descriptors = np.array(late).T
            growth = 60 * float(np.polyfit(seconds, rss, 1)[0])
            if growth > MOST_GROWTH and seconds[-1] - seconds[0] > 60:
                self.breaches.append(f"memory grows by {growth:.2f} MB a minute")
            half = len(late) // 2
            for name, values in (("threads", threads), ("descriptors", descriptors)):
                if np.median(values[half:]) > np.median(values[:half]) + SPARE:
                    self.breaches.append(f"{name} grow from {np.median(values[:half])} to {np.median(values[half:])}")

    def _frame(self) -> Any:
        from sensor_msgs.msg import Image

        encoding, channels = self.chance.choice([("bgr8", 3), ("rgb8", 3), ("mono8", 1), ("bgra8", 4)])
        height, width = self.chance.randint(16, 480), self.chance.randint(16, 640)
        message = Image(encoding=encoding, height=height, width=width, step=width * channels)
        message.data.frombytes(np.full(height * width * channels, self.chance.randint(5, 60), np.uint8))
        now = time.time_ns() + (self.chance.choice([-1, 1]) * 10**12 if self.chance.random() < 0.05 else 0)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(max(now, 0), 10**9)
        return message

    def _send(self, message: Any) -> None:
        self._publisher(self.chance.choice(CAMERAS)).publish(message)

    def _publisher(self, camera: str) -> Any:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        if camera not in self._publishers:
            policy = self.chance.choice([ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
            qos = QoSProfile(depth=5, reliability=policy)
            self._publishers[camera] = self.node.create_publisher(Image, f"/{camera}/image", qos)
        return self._publishers[camera]

    def _on_output(self, _message: Any) -> None:
        self._received += 1

    def _on_diagnostics(self, array: Any) -> None:
        from illumigan_ros.node.statistics import FATES

        self._heard = time.monotonic()
        for status in array.status:
            values = {pair.key: pair.value for pair in status.values}
            if "frames in" not in values:
                continue
            counts = {name: int(values[f"frames {name}"]) for name in ("in", "in work", *FATES)}
            self.counts[status.name] = counts
            is_exact = counts["in"] == sum(counts.values()) - counts["in"]
            if not (is_exact and 0 <= counts["in work"] <= MOST_IN_WORK):
                self.breaches.append(f"{status.name} counts {counts}")
        process = Path("/proc") / str(self.process.pid)
        try:
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            descriptors = len(list((process / "fd").iterdir()))
        except OSError:  # it has just ended
            return
        self.sizes.append((self.elapsed(), int(lines["VmRSS"].split()[0]) / 1024, int(lines["Threads"]), descriptors))

    def report(self) -> str:
        """Return what was done, what was counted, and how large the node was, in lines."""
        lines = [f"{self.elapsed():.0f} s; {self._received} output images received"]
        lines += [f"  {name.replace('_', ' ')}: {count}" for name, count in self.done.most_common()]
        lines += [f"  {name} since its last configure: {counts}" for name, counts in self.counts.items()]
        for which, index in (("at first", 0), ("at last", -1)):
            if self.sizes:
                _, rss, threads, descriptors = self.sizes[index]
                lines.append(f"  {which}: {rss:.0f} MB, {threads} threads, {descriptors} descriptors")
        return "\n".join(lines)


def soak(
    seconds: Annotated[float, typer.Option(help="How long.")] = 600.0,
    seed: Annotated[int, typer.Option(help="What decides what happens.")] = 0,
) -> None:
    """Do everything to a node that robots do, and report; exit code 1 on any breach."""
    import os

    import rclpy

    os.environ.update(ros_environment())
    parameters = ["-p", "cameras:=[front, rear]", "-p", "diagnostics_period:=0.5", "-p", "runtime:=onnxruntime"]
    environment = {name: value for name, value in os.environ.items() if name != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    node_process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--ros-args", *parameters], env=environment, stderr=subprocess.PIPE, text=True
    )
    rclpy.init()
    node = rclpy.create_node("soak")
    run = Soak(node, node_process, random.Random(seed))
    os.set_blocking(node_process.stderr.fileno(), False)  # type: ignore[union-attr]
    said: list[str] = []
    try:
        run.wait_for_node()
        while run.elapsed() < seconds and not run.breaches:
            run.step()
            said += node_process.stderr.readlines()[-200:]  # type: ignore[union-attr]
            said = said[-200:]
        run.finish()
        run.breaches += ["a traceback was printed"] if any("Traceback" in line for line in said) else []
    finally:
        node_process.send_signal(signal.SIGINT)
        try:
            node_process.wait(20)
        except subprocess.TimeoutExpired:
            run.breaches.append("the node did not end within 20 s of SIGINT")
            node_process.kill()
        node.destroy_node()
        rclpy.try_shutdown()
    print(run.report())
    if run.breaches:
        print("".join(said[-40:]), file=sys.stderr)
        print("\n".join(f"breach: {breach}" for breach in run.breaches))
        raise typer.Exit(1)
    print("No breach.")


if __name__ == "__main__":
    typer.run(soak)
