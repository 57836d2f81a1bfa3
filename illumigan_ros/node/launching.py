"""A live node as launch files start it: with the environment of frames, and anew if it dies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from launch import LaunchContext
from launch.actions import TimerAction
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from illumigan_ros.node.environment import frame_environment

DONE, REFUSED = 0, 2  # a node's exit codes after Ctrl-C, and for a parameter that is not allowed
RESPAWN_DELAY = 0.2  # seconds


def live_node(
    name: str, values: Mapping[str, str], parameters: Sequence[Any], remappings: Sequence[tuple[str, str]]
) -> Node:
    """Return the action that starts the executable NAME_node as the node NAME.

    Of the values of the launch arguments it takes camera (the namespace), log_level, shm, malloc and respawn.
    """
    logger = ".".join([*values["camera"].strip("/").split("/"), name]).lstrip(".")

    def again(event: ProcessExited, context: LaunchContext) -> list[TimerAction]:
        """Start the node anew, unless it was told to end or has refused what it was started with."""
        if values["respawn"] != "true" or context.is_shutdown or event.returncode in (DONE, REFUSED):
            return []
        return [TimerAction(period=RESPAWN_DELAY, actions=[live_node(name, values, parameters, remappings)])]

    return Node(
        package="illumigan",
        executable=f"{name}_node",
        name=name,
        namespace=values["camera"],
        output="screen",
        parameters=list(parameters),
        remappings=list(remappings),
        arguments=["--ros-args", "--log-level", f"{logger}:={values['log_level']}"],
        additional_env=frame_environment(shm=values["shm"] == "true", malloc=values["malloc"] == "true"),
        on_exit=again,
    )
