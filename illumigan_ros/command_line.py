"""What every command of this package shares: ROS arguments beside our own, errors as one sentence, a ROS node."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from illumigan_model.errors import FrameError, IllumiganError

if TYPE_CHECKING:
    from rclpy.node import Node

BAD_INPUT = 2
INTERRUPTED = 130


def split_ros_args(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into our own arguments and those from `--ros-args` to `--` (or the end)."""
    own, ros = list(arguments), []
    if "--ros-args" in own:
        start = own.index("--ros-args")
        end = own.index("--", start) if "--" in own[start:] else len(own)
        own, ros = own[:start] + own[end + 1 :], own[start:end]
    return own, ros


def run(app: typer.Typer) -> None:
    """Run a command line; bad input ends in one sentence and exit code 2 instead of a traceback."""
    own, ros = split_ros_args(sys.argv[1:])
    try:
        app(args=own, obj=ros)
    except IllumiganError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; raises FrameError if the place cannot be written."""
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise FrameError(f"{path} cannot be written ({error.strerror}).") from error


@contextmanager
def ros_node(name: str, ros_args: Sequence[str]) -> Iterator[Node]:
    """Give a node inside an initialised rclpy; raises IllumiganError where ROS 2 is missing or refuses to start."""
    # Pip's ROS wheels keep their resource index in the environment's prefix; a sourced distribution sets this itself.
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    try:
        import rclpy  # noqa: PLC0415  (the offline commands work without ROS)
    except ImportError as error:
        raise IllumiganError(
            "ROS 2 is not there: source your distribution's setup.bash, or run pip install 'illumigan[ros]'."
        ) from error
    try:
        rclpy.init(args=list(ros_args))
        node = rclpy.create_node(name)
    except Exception as error:
        rclpy.try_shutdown()
        raise IllumiganError(f"ROS 2 did not start: {str(error).splitlines()[0]}.") from error
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
