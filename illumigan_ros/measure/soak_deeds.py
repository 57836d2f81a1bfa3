"""What the endurance run does to a node, at random: frames, listeners, parameters, services, transitions."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from illumigan_ros.measure.soak_node import ENDS_WITH_PARENT
from illumigan_ros.node.shared_memory import remove_dead_segments

if TYPE_CHECKING:
    from rclpy.node import Node

CAMERAS = ("front", "rear")
CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4  # lifecycle_msgs/Transition

# A camera in a process of its own, to be killed.
CAMERA = f"""
{ENDS_WITH_PARENT}
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


class Deeds:
    """
    Each method is one thing that robots do; `done` counts them, `received` the output images that came.

    Of a topic there is never more than one listener, as Fast DDS 3.2.3 was seen to hang for ever in taking for one
    while another came or went: the hang that a node must not have would be in this process.
    """

    def __init__(self, node: Node, chance: random.Random) -> None:
        from lifecycle_msgs.srv import ChangeState
        from rcl_interfaces.srv import SetParameters
        from std_srvs.srv import SetBool, Trigger

        self.node, self.chance = node, chance
        self.done: Counter[str] = Counter()
        self.received = 0
        self._publishers: dict[str, Any] = {}
        self._listeners: dict[str, Any] = {}
        self._killed: subprocess.Popen[bytes] | None = None
        self._set: Any = node.create_client(SetParameters, "/enhance/set_parameters")
        self._change: Any = node.create_client(ChangeState, "/enhance/change_state")
        self._enable: Any = node.create_client(SetBool, "/enhance/enable")
        self._reset: Any = node.create_client(Trigger, "/enhance/reset")
        self._weights: dict[Callable[[], None], int] = {
            self.publish: 400,
            self.publish_damaged: 20,
            self.swap_publisher: 12,
            self.change_listeners: 6,
            self.set_parameter: 4,
            self.toggle: 2,
            self.reset: 1,
            self.transition: 1,
            self.kill_camera: 1,
        }

    def do_one(self) -> None:
        """Do one of them at random."""
        (deed,) = self.chance.choices(list(self._weights), list(self._weights.values()))
        self.done[deed.__name__] += 1
        deed()

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
        """Let the listener of a topic go, or one of any QoS come."""
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        topic = f"/{self.chance.choice(CAMERAS)}/enhanced/image"
        if topic in self._listeners:
            self.node.destroy_subscription(self._listeners.pop(topic))
            return
        policy = self.chance.choice([ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
        qos = QoSProfile(depth=self.chance.randint(1, 5), reliability=policy)
        self._listeners[topic] = self.node.create_subscription(Image, topic, self._on_output, qos)

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

    def reset(self) -> None:
        """Let the node forget the past frames."""
        from std_srvs.srv import Trigger

        self._reset.call_async(Trigger.Request())

    def transition(self) -> None:
        """Take the node down as far as a manager would, and up again, without waiting for an answer."""
        self.change(*self.chance.choice([(DEACTIVATE, ACTIVATE), (DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE)]))

    def change(self, *transitions: int) -> list[Any]:
        """Ask for transitions, one after the other, and return the future of each answer."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        asked = [ChangeState.Request(transition=Transition(id=which)) for which in transitions]
        return [self._change.call_async(request) for request in asked]

    def kill_camera(self) -> None:
        """Kill a camera's process in the middle of a frame, and start it anew."""
        self.end_camera()
        remove_dead_segments()  # as somebody must, now and then, where processes are killed
        topic = f"/{self.chance.choice(CAMERAS)}/image"
        self._killed = subprocess.Popen([sys.executable, "-c", CAMERA, topic])

    def end_camera(self) -> None:
        """Kill the camera's process, if there is one."""
        if self._killed is not None:
            self._killed.kill()
            self._killed.wait()

    def want_outputs(self) -> None:
        """Let somebody listen to the first camera, from now on and for good; nobody always does to the other."""
        from sensor_msgs.msg import Image

        self.node.create_subscription(Image, f"/{CAMERAS[0]}/attention/image", self._on_output, 1)

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
        self.received += 1
