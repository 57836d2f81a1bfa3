"""Lifecycle transitions that tell what went wrong, where rclpy swallows it or leaves who asked without an answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from illumigan_model.errors import first_line
from illumigan_ros.node.watchdog import Watchdog


class WatchedNode(LifecycleNode):
    """A lifecycle node whose main loop is watched, except in its transitions, which may load a model for minutes."""

    watchdog: Watchdog


AnyNode = TypeVar("AnyNode", bound=WatchedNode)
Transition = Callable[[AnyNode, LifecycleState], TransitionCallbackReturn]


def logged(transition: Transition[AnyNode]) -> Transition[AnyNode]:
    """Log what a transition raises, which rclpy would swallow; the node then goes through on_error to unconfigured."""

    @functools.wraps(transition)
    def run(node: AnyNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            with node.watchdog.resting():
                return transition(node, state)
        except Exception as error:
            if node.context.ok():  # after Ctrl-C, everything fails
                node.get_logger().error(f"{transition.__name__} failed: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.ERROR

    return run


def always_answered(node: LifecycleNode, change_state: Callable[..., Any]) -> Callable[..., Any]:
    """Answer an illegal transition with False: up to Jazzy, rclpy raises instead, and who asked waits for ever."""

    def answer(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        try:
            return change_state(request, response)
        except Exception as error:
            what = request.transition.label or f"number {request.transition.id}"
            node.get_logger().error(f"The transition {what} is refused: {first_line(error)}")
            response.success = False
            return response

    return answer
