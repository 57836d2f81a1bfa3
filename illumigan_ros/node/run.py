"""The process of a live node, from its arguments to its exit code."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from illumigan_model.errors import IllumiganError, first_line
from illumigan_ros.node.camera_node import CameraNode
from illumigan_ros.node.process import deadline, start_ros
from illumigan_ros.node.worker import LOG_PERIOD

PAUSE = 0.01  # seconds, after a callback that failed at once


def run(make_node: Callable[[], CameraNode[Any]], args: list[str] | None = None) -> int:
    """Run a node until Ctrl-C; returns the exit code, 2 where ROS or the node refuses what it was started with."""
    # Ctrl-C under ros2 launch comes twice, from the terminal and from launch. rclpy's own handler ends the spinning;
    # without Python's, no KeyboardInterrupt can hit the cleaning up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # it has a millisecond's work at a time: to share that out is to wait for a core that is busy
    node = None
    try:
        start_ros(args)
        executor = SingleThreadedExecutor()
        node = make_node()
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


def spin(executor: SingleThreadedExecutor, node: Node) -> None:
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
