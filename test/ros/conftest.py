"""A bench for the live node: the node and a camera in two contexts, joined by real DDS."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def reserve_domain() -> tuple[str, socket.socket]:
    """Return a domain that no other session of tests on this machine has, and what keeps it until this process ends.

    So no node of another session, or of another worker of pytest-xdist, answers here. It is below those whose ports
    Linux hands out to others.
    """
    for number in range(os.getpid(), os.getpid() + 100):
        domain = str(1 + number % 100)
        kept = socket.socket(socket.AF_UNIX)
        try:
            kept.bind(f"\0illumigan tests in domain {domain}")
        except OSError:
            kept.close()
            continue
        return domain, kept
    raise RuntimeError("A hundred sessions of tests run on this machine; end some.")


os.environ["ROS_DOMAIN_ID"], DOMAIN_KEPT = reserve_domain()  # before rclpy is loaded
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"  # nothing leaves this machine
os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)

PATIENCE = 30.0  # seconds that a test waits for what must come
DISCOVERY = 15.0  # seconds that two nodes may take to find each other: on a busy machine, some never do


class Bench:
    """
    The node under test (the enhancing one unless told otherwise), a camera and somebody who listens to everything.

    `received` maps a topic to the messages that came; `wait` polls until a condition holds.
    """

    def __init__(
        self,
        parameters: dict[str, Any] | None = None,
        *,
        topics: tuple[str, ...] | None = None,
        make_node: Callable[..., Any] | None = None,
    ) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.parameter import Parameter

        from illumigan_ros.node.enhance_node import EnhanceNode

        self._contexts = [rclpy.Context(), rclpy.Context()]
        for context in self._contexts:
            rclpy.init(context=context)
        overrides = {"diagnostics_period": 0.1, **(parameters or {})}
        self.node = (make_node or EnhanceNode)(
            context=self._contexts[0],
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        self.client = rclpy.create_node("bench", context=self._contexts[1])
        self.received: dict[str, list[Any]] = defaultdict(list)
        self._listen(topics)
        self._executors = []
        self._threads = []
        self.node.autostart()
        for context, node in zip(self._contexts, (self.node, self.client), strict=True):
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(node)
            self._executors.append(executor)
            self._threads.append(threading.Thread(target=executor.spin, daemon=True))
            self._threads[-1].start()
        try:
            self._find_services()
        except BaseException:
            self.close()  # a node that is left behind would answer in the tests that follow
            raise

    def _listen(self, topics: tuple[str, ...] | None) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        outputs = ("enhanced/image", "attention/image", "enhanced/camera_info", "enhanced/image/compressed")
        everything = [f"/{topic}" for topic in (*outputs, "debug/side_by_side")]
        for topic in everything if topics is None else topics:
            self.listen(topic)
        self.client.create_subscription(DiagnosticArray, "/diagnostics", self.received["/diagnostics"].append, 50)

    def listen(self, topic: str) -> Any:
        """Subscribe to an output, whose name tells its type."""
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image

        kinds = {"camera_info": CameraInfo, "compressed": CompressedImage}
        kind = kinds.get(topic.rpartition("/")[2], Image)
        return self.client.create_subscription(kind, topic, self.received[topic].append, 50)

    def camera(self, kind: type, topic: str = "/image", qos: Any = 50) -> Any:
        """Make a publisher, and let it and the node meet."""
        publisher = self.client.create_publisher(kind, topic, qos)
        self.meet(publisher)
        return publisher

    def meet(self, publisher: Any) -> None:
        """Wait until a publisher of ours and the node, and the node and we, know each other."""
        topic = publisher.topic_name
        self.wait(lambda: publisher.get_subscription_count() > 0 and self.node.count_publishers(topic) > 0)
        self.wait(lambda: self._is_followed(topic) and publisher.get_subscription_count() > 0)
        self.wait(lambda: all(out.get_subscription_count() for out in self._outputs()))

    def _is_followed(self, topic: str) -> bool:
        """Return whether the subscription that we see is the one that suits all publishers, if it is to follow them."""
        from illumigan_ros.node.qos import matching_reliability

        if self.node.get_parameter("input_reliability").value != "auto":
            return True
        publishers = self.node.get_publishers_info_by_topic(topic)
        wanted = matching_reliability([one.qos_profile.reliability for one in publishers])
        found = [one.qos_profile.reliability for one in self.client.get_subscriptions_info_by_topic(topic)]
        return bool(found) and set(found) == {wanted}

    def _outputs(self) -> list[Any]:
        """Return the node's publishers that we listen to."""
        return [publisher for publisher in self.node.publishers if publisher.topic_name in self.received]

    def wait(self, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Return the first true answer; fail when none comes for very long."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            answer = condition()
            if answer:
                return answer
            time.sleep(0.01)
        pytest.fail(f"Waited {patience} s in vain; the last diagnostics were {self.diagnostics()}.")

    def output(self, stamp: int, topic: str = "/enhanced/image") -> Any:
        """Wait for the message with this stamp (whole seconds) on a topic."""
        return self.wait(lambda: next((m for m in self.received[topic] if m.header.stamp.sec == stamp), None))

    def statuses(self, camera: str = "stream") -> list[Any]:
        """Return every DiagnosticStatus of a camera that has come so far; the node's own is called stream."""
        statuses = [status for array in list(self.received["/diagnostics"]) for status in array.status]
        return [status for status in statuses if status.name.endswith(f": {camera}")]

    def diagnostics(self, camera: str = "stream") -> dict[str, str]:
        """Return the values of a camera in the latest /diagnostics, with its message and level among them."""
        statuses = self.statuses(camera)
        if not statuses:
            return {}
        status = statuses[-1]
        return {"level": status.level, "message": status.message, **{pair.key: pair.value for pair in status.values}}

    def call(self, name: str, request: Any) -> Any:
        """Call a service of the node (change_state, set_parameters, enable, reset, get_state); return its response."""
        future = self._services[name].call_async(request)
        self.wait(future.done)
        return future.result()

    def _find_services(self) -> None:
        """Make the clients, and wait until the node knows them all.

        DDS drops a request that arrives before its sender is known. Endpoints become known in the order in which they
        were made, so once the last one gets an answer, requests to all of them arrive.
        """
        from lifecycle_msgs.srv import ChangeState, GetState
        from rcl_interfaces.srv import SetParameters
        from std_srvs.srv import SetBool, Trigger

        kinds = {
            "change_state": ChangeState,
            "set_parameters": SetParameters,
            "enable": SetBool,
            "reset": Trigger,
            "get_state": GetState,
        }
        node = self.node.get_fully_qualified_name()
        there = {service.srv_name.rpartition("/")[2] for service in self.node.services}
        self._services = {
            name: self.client.create_client(kind, f"{node}/{name}") for name, kind in kinds.items() if name in there
        }
        for client in self._services.values():
            self.wait(client.service_is_ready, DISCOVERY)
        answers: list[Any] = []

        def ask() -> bool:
            answers.append(self._services["get_state"].call_async(GetState.Request()))
            time.sleep(0.1)
            return any(answer.done() for answer in answers)

        self.wait(ask, DISCOVERY)

    def close(self) -> None:
        """Stop everything."""
        for executor in self._executors:
            executor.shutdown()
        for thread in self._threads:
            thread.join(timeout=10)
        self.node.release()
        self.node.destroy_node()
        self.client.destroy_node()
        for context in self._contexts:
            context.try_shutdown()


@pytest.fixture
def as_sqlite() -> Callable[[Path], Path]:
    """Call with a bag of ours: replace it by a SQLite bag of the same messages, which rosbags reads and writes."""

    def replace(bag: Path) -> Path:
        from rosbags.rosbag2 import Reader, StoragePlugin, Writer

        from illumigan_ros.recordings.definitions import typestore

        old = bag.rename(bag.with_name(f"{bag.name}_mcap"))
        with Reader(old) as reader, Writer(bag, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
            topics = {}
            for connection in reader.connections:
                qos = connection.ext.offered_qos_profiles
                topics[connection.topic] = writer.add_connection(
                    connection.topic, connection.msgtype, typestore=typestore(), offered_qos_profiles=qos
                )
            for connection, time_ns, raw in reader.messages():
                writer.write(topics[connection.topic], time_ns, raw)
        shutil.rmtree(old)
        return bag

    return replace


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Make benches that are closed after the test."""
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    benches: list[Bench] = []

    def make(parameters: dict[str, Any] | None = None, **options: Any) -> Bench:
        for tries_left in (2, 1, 0):
            try:
                benches.append(Bench(parameters, **options))
            except pytest.fail.Exception:
                if not tries_left:
                    raise
            else:
                break
        return benches[-1]

    yield make
    while benches:
        benches.pop().close()
    gc.collect()  # nodes are in cycles, and the graph shows one until nothing refers to it
