"""Enhance one camera: `ros2 launch illumigan enhance.launch.py camera:=/front image:=image_raw`.

Or several by one node: `ros2 launch illumigan enhance.launch.py cameras:="front left right" image:=image_raw`.
Every argument is described by `--show-args`. Those left empty keep what the parameter file says.
"""

from collections.abc import Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from illumigan_ros.node.launching import live_node

CONFIG = Path(__file__).resolve().parent.parent / "config"
BOOLEAN = ["true", "false"]
OPTIONAL_BOOLEAN = ["", *BOOLEAN]
Values = Mapping[str, str]  # of the arguments

ARGUMENTS = [
    DeclareLaunchArgument(
        "camera", default_value="", description="Namespace of the camera, e.g. /front; outputs appear in it, too."
    ),
    DeclareLaunchArgument(
        "cameras",
        default_value="",
        description="Namespaces of several cameras for one node, e.g. 'front left right'; in that of camera, if given.",
    ),
    DeclareLaunchArgument(
        "image", default_value="image", description="Image topic in that namespace (image_raw, say), or a full name."
    ),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="The camera_info topic, likewise."),
    DeclareLaunchArgument("model", default_value="", description="Name of shipped weights or path to your own."),
    DeclareLaunchArgument("runtime", default_value="", description="What runs the network; auto takes the best."),
    DeclareLaunchArgument(
        "compressed_in",
        default_value="",
        choices=OPTIONAL_BOOLEAN,
        description="Subscribe to JPEG or PNG on the image topic with /compressed appended.",
    ),
    DeclareLaunchArgument(
        "compressed_out",
        default_value="",
        choices=OPTIONAL_BOOLEAN,
        description="Publish enhanced/image/compressed as well.",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="",
        choices=OPTIONAL_BOOLEAN,
        description="Configure and activate at start; false leaves that to a lifecycle manager.",
    ),
    DeclareLaunchArgument(
        "params_file", default_value=str(CONFIG / "enhance.yaml"), description="YAML file with the node's parameters."
    ),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOLEAN, description="Take the time from /clock."
    ),
    DeclareLaunchArgument(
        "log_level", default_value="info", choices=["debug", "info", "warn", "error", "fatal"], description="Log level."
    ),
    DeclareLaunchArgument(
        "shm",
        default_value="true",
        choices=BOOLEAN,
        description="Use Fast DDS' shared memory with a segment that frames fit into; your own profile file wins.",
    ),
    DeclareLaunchArgument(
        "respawn", default_value="true", choices=BOOLEAN, description="Start the node anew if it dies or hangs."
    ),
    DeclareLaunchArgument(
        "malloc", default_value="true", choices=BOOLEAN, description="Let glibc keep the memory of frames for reuse."
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments and the node."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_enhance)])


def _enhance(context: LaunchContext) -> list[Node]:
    values = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    if not Path(values["params_file"]).is_file():
        raise FileNotFoundError(f"There is no parameter file {values['params_file']}; look at params_file:=.")
    return [live_node("enhance", values, [values["params_file"], _parameters(values)], _remappings(values))]


def _remappings(values: Values) -> list[tuple[str, str]]:
    """Return where each camera's topics are."""
    topics = [(name, values[name]) for name in ("image", "camera_info")]
    cameras = values["cameras"].split()
    if not cameras:
        return topics
    for name, topic in topics:
        if topic.startswith("/"):
            raise ValueError(f"{name}:={topic} would be the same topic for all cameras; leave out its first slash.")
    return [(f"{camera}/{name}", f"{camera}/{topic}") for camera in cameras for name, topic in topics]


def _parameters(values: Values) -> dict[str, object]:
    """Return what the arguments say beyond the parameter file."""
    parameters: dict[str, object] = {"use_sim_time": values["use_sim_time"] == "true"}
    parameters.update({name: values[name] for name in ("model", "runtime") if values[name]})
    if values["cameras"].split():
        parameters["cameras"] = values["cameras"].split()
    if values["compressed_in"]:
        parameters["input_transport"] = "compressed" if values["compressed_in"] == "true" else "raw"
    if values["compressed_out"]:
        parameters["publish_compressed"] = values["compressed_out"] == "true"
    if values["autostart"]:
        parameters["autostart"] = values["autostart"] == "true"
    return parameters
