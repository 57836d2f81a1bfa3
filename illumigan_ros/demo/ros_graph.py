"""What a demo sees of the ROS graph that its processes make: who is there, and in which state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from illumigan_ros.node.process import deadline
from illumigan_ros.node.shared_memory import require_a_start

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node

ANSWER_SECONDS = 0.5


class RosGraph:
    """Looks at the graph as a node of its own in it."""

    def __init__(self, node: Node, executor: Executor) -> None:
        """Keep a node, which the executor spins."""
        from lifecycle_msgs.srv import GetState

        self._node, self._executor = node, executor
        self._states: Any = node.create_client(GetState, "/enhance/get_state")

    def node_is_active(self) -> bool:
        """Return whether the live node is there, and active."""
        from lifecycle_msgs.msg import State
        from lifecycle_msgs.srv import GetState

        if not self._states.service_is_ready():
            return False
        answer = self._states.call_async(GetState.Request())
        self._executor.spin_until_future_complete(answer, ANSWER_SECONDS)
        response = answer.result() if answer.done() else None
        return response is not None and response.current_state.id == State.PRIMARY_STATE_ACTIVE

    def are_recorded(self, topics: Sequence[str]) -> bool:
        """Return whether each of the topics has somebody who publishes it, and somebody who subscribes to it."""
        return all(self._node.count_publishers(topic) and self._node.count_subscribers(topic) for topic in topics)

    def is_published(self, topic: str) -> bool:
        """Return whether somebody publishes a topic."""
        return self._node.count_publishers(topic) > 0


@contextmanager
def ros_graph(environment: Mapping[str, str]) -> Iterator[RosGraph]:
    """Give the graph of the processes that run in an environment, which becomes that of this process, too.

    Raises IllumiganError where ROS cannot start.
    """
    os.environ.update(environment)
    require_a_start()
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("illumigan_demo", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield RosGraph(node, executor)
    finally:
        with deadline():
            executor.shutdown()
            node.destroy_node()
            context.try_shutdown()
