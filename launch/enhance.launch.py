"""Enhance one camera: `ros2 launch illumigan enhance.launch.py camera:=/front image:=image_raw`.

Every argument is described by `--show-args`. Those left empty keep what the parameter file says.
"""

from collections.abc import Callable
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from illumigan_ros.node.environment import frame_environment

CONFIG = Path(__file__).resolve().parent.parent / "config"
BOOLEAN = ["true", "false"]
OPTIONAL_BOOLEAN = ["", *BOOLEAN]

ARGUMENTS = [
    DeclareLaunchArgument(
        "camera", default_value="", description="Namespace of the camera, e.g. /front; outputs appear in it, too."
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
        "malloc", default_value="true", choices=BOOLEAN, description="Let glibc keep the memory of frames for reuse."
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments and the node."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_enhance)])


def _enhance(context: LaunchContext) -> list[Node]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    if not Path(value("params_file")).is_file():
        raise FileNotFoundError(f"There is no parameter file {value('params_file')}; look at params_file:=.")
    image = value("image")
    logger = ".".join([*value("camera").strip("/").split("/"), "enhance"]).lstrip(".")
    return [
        Node(
            package="illumigan",
            executable="enhance_node",
            name="enhance",
            namespace=value("camera"),
            output="screen",
            parameters=[value("params_file"), _parameters(value)],
            remappings=[
                ("image", image),
                ("image/compressed", f"{image}/compressed"),
                ("camera_info", value("camera_info")),
            ],
            arguments=["--ros-args", "--log-level", f"{logger}:={value('log_level')}"],
            additional_env=frame_environment(shm=value("shm") == "true", malloc=value("malloc") == "true"),
        )
    ]


def _parameters(value: Callable[[str], str]) -> dict[str, object]:
    """Return what the arguments say beyond the parameter file."""
    parameters: dict[str, object] = {"use_sim_time": value("use_sim_time") == "true"}
    parameters.update({name: value(name) for name in ("model", "runtime") if value(name)})
    if value("compressed_in"):
        parameters["input_transport"] = "compressed" if value("compressed_in") == "true" else "raw"
    if value("compressed_out"):
        parameters["publish_compressed"] = value("compressed_out") == "true"
    if value("autostart"):
        parameters["autostart"] = value("autostart") == "true"
    return parameters
