"""What every command of this package shares: ROS arguments beside our own, errors as one sentence, a ROS node."""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.deadline import deadline

if TYPE_CHECKING:
    from rclpy.node import Node

    from illumigan_model.enhancer import Enhancer

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


def require_modules(*names: str) -> None:
    """Raise IllumiganError where some of training's dependencies are missing."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise IllumiganError(f"{', '.join(missing)} missing; install with: pip install 'illumigan[train]'.")


def open_enhancer(model: str, runtime: str, **settings: Any) -> Enhancer:
    """Return an Enhancer that tells on stderr why no better runtime is used, and when another one has to take over."""
    from illumigan_model.enhancer import Enhancer

    def warn(text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)

    enhancer = Enhancer(model, runtime, on_takeover=warn, **settings)
    for reason in enhancer.runtime_reasons:
        print(f"note: {reason}", file=sys.stderr)
    return enhancer


def require_positive(option: str, value: float | None) -> None:
    """Raise FrameError if an option that was given is no number above zero."""
    if value is not None and not 0 < value < math.inf:
        raise FrameError(f"{option} must be a number above 0, not {value:g}.")


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of a size such as 1280x720; raises FrameError if it is none of at least 16x16."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 16 and int(height) >= 16):
        raise FrameError(f"--size must look like 1280x720 and be at least 16x16, not {text}.")
    return int(width), int(height)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; gives a function to call after each step. A total of None or 0 means unknown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total or None)
        yield lambda: progress.advance(task)


@contextmanager
def ros_node(name: str, ros_args: Sequence[str]) -> Iterator[Node]:
    """Give a node inside an initialised rclpy; raises IllumiganError where ROS 2 is missing or refuses to start."""
    # Pip's ROS wheels keep their resource index in the environment's prefix; a sourced distribution sets this itself.
    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    try:
        import rclpy
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
        with deadline():
            node.destroy_node()
            rclpy.try_shutdown()
