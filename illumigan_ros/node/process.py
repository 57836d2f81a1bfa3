"""Beginning and end of a process that takes part in ROS."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from illumigan_model.errors import IllumiganError, first_line
from illumigan_ros.node.shared_memory import let_tracing_begin, make_room, require_a_start

if TYPE_CHECKING:
    from rclpy.node import Node

SHUTDOWN_SECONDS = 10


def start_ros(arguments: Sequence[str] | None) -> None:
    """Initialise rclpy; raises IllumiganError where it cannot start, or refuses the arguments or a parameter file."""
    require_a_start()
    make_room()
    # Pip's ROS wheels keep their resource index in the environment's prefix; a sourced distribution sets this itself.
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    try:
        import rclpy
    except ImportError as error:
        raise IllumiganError(
            "ROS 2 is not there: source your distribution's setup.bash, or run pip install 'illumigan[ros]'."
        ) from error
    let_tracing_begin()
    try:
        rclpy.init(args=None if arguments is None else list(arguments))
    except Exception as error:
        rclpy.try_shutdown()
        raise IllumiganError(f"ROS 2 did not start: {first_line(error)}.") from error


@contextmanager
def ros_node(name: str, ros_args: Sequence[str]) -> Iterator[Node]:
    """Give a node inside an initialised rclpy; raises IllumiganError where ROS 2 is missing or refuses to start."""
    start_ros(ros_args)
    import rclpy

    try:
        node = rclpy.create_node(name)
    except Exception as error:
        rclpy.try_shutdown()
        raise IllumiganError(f"ROS 2 did not start: {first_line(error)}.") from error
    try:
        yield node
    finally:
        with deadline():
            node.destroy_node()
            rclpy.try_shutdown()


@contextmanager
def deadline(seconds: int = SHUTDOWN_SECONDS) -> Iterator[None]:
    """End the process by SIGALRM if what is done here, taking nodes down mostly, takes longer.

    DDS can spin for ever on memory that it shared with a process that was killed, and holds Python's lock meanwhile:
    only the kernel's own alarm comes through then.
    """
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
