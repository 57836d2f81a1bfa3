"""Enhance a camera and detect in it, with and without: `ros2 launch illumigan night_detection.launch.py camera:=/cam`.

Or play a bag or a video as the camera: `ros2 launch illumigan night_detection.launch.py footage:=/path/to/night_drive`.
The boxes are on detections (raw) and enhanced/detections, the pictures on detections/image and
enhanced/detections/image, in the namespace of the camera. Every argument is described by `--show-args`.
"""

from collections.abc import Mapping
from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from illumigan_ros.node.environment import frame_environment
from illumigan_ros.node.launching import live_node

FOLDER = Path(__file__).resolve().parent
CONFIG = FOLDER.parent / "config"
BOOLEAN = ["true", "false"]
RAW, ENHANCED = "", "enhanced"  # the detecting node's cameras: the topic image, and enhanced/image
CAMERAS = {"both": [RAW, ENHANCED], "enhanced": [ENHANCED], "raw": [RAW]}
FORWARDED = (
    "camera", "image", "camera_info", "model", "runtime", "compressed_in", "use_sim_time", "log_level", "shm",
    "respawn", "malloc",
)  # fmt: skip
"""Arguments that enhance.launch.py has under the same name."""
Values = Mapping[str, str]  # of the arguments

ARGUMENTS = [
    DeclareLaunchArgument(
        "camera", default_value="", description="Namespace of the camera, e.g. /front; outputs appear in it, too."
    ),
    DeclareLaunchArgument(
        "image", default_value="image", description="Image topic in that namespace (image_raw, say), or a full name."
    ),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="The camera_info topic, likewise."),
    DeclareLaunchArgument(
        "footage",
        default_value="",
        description="Bag or video to play as that camera; everything ends with it. Empty: the camera is there already.",
    ),
    DeclareLaunchArgument("topic", default_value="", description="Image topic of the bag; needed if it has several."),
    DeclareLaunchArgument(
        "loop", default_value="false", choices=BOOLEAN, description="Play the footage again and again."
    ),
    DeclareLaunchArgument(
        "detect_on",
        default_value="both",
        choices=list(CAMERAS),
        description="Which images the detector looks at: the enhanced ones, the raw ones for comparison, or both.",
    ),
    DeclareLaunchArgument(
        "detector", default_value="", description="Name of a shipped detector or path of an ONNX file."
    ),
    DeclareLaunchArgument("threshold", default_value="", description="The least score of a detection, 0 to 1."),
    DeclareLaunchArgument(
        "classes", default_value="", description="Names of the classes to look for, e.g. 'car,person'; empty for all."
    ),
    DeclareLaunchArgument(
        "detect_params_file",
        default_value=str(CONFIG / "detect.yaml"),
        description="YAML file with the detecting node's parameters.",
    ),
    DeclareLaunchArgument("model", default_value="", description="Name of shipped weights or path to your own."),
    DeclareLaunchArgument("runtime", default_value="", description="What runs the network; auto takes the best."),
    DeclareLaunchArgument(
        "compressed_in",
        default_value="",
        choices=["", *BOOLEAN],
        description="Subscribe to JPEG or PNG on the image topic with /compressed appended.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(CONFIG / "enhance.yaml"),
        description="YAML file with the enhancing node's parameters.",
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
        "respawn", default_value="true", choices=BOOLEAN, description="Start a node anew if it dies or hangs."
    ),
    DeclareLaunchArgument(
        "malloc", default_value="true", choices=BOOLEAN, description="Let glibc keep the memory of frames for reuse."
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, the two nodes and, for footage, its player."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_all)])


def _all(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    values = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    if not Path(values["detect_params_file"]).is_file():
        raise FileNotFoundError(
            f"There is no parameter file {values['detect_params_file']}; look at detect_params_file:=."
        )
    enhance = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(FOLDER / "enhance.launch.py")),
        launch_arguments=[(name, values[name]) for name in (*FORWARDED, "params_file")],
    )
    parameters = [values["detect_params_file"], _parameters(values)]
    detect = live_node("detect", values, parameters, [("image", values["image"])])
    return [enhance, detect, *_footage(values)]


def _footage(values: Values) -> list[LaunchDescriptionEntity]:
    """Return the player of the footage, if there is some, which waits until the nodes are ready for its frames."""
    if not values["footage"]:
        return []
    options = ["--topic", values["topic"]] if values["topic"] else []
    options += ["--loop"] if values["loop"] == "true" else []
    options += ["--clock"] if values["use_sim_time"] == "true" else []
    listeners = "2" if values["detect_on"] == "both" else "1"  # either node
    player = Node(
        package="illumigan",
        executable="play_bag",
        name="play_bag",
        namespace=values["camera"],
        output="screen",
        remappings=[(name, values[name]) for name in ("image", "camera_info")],
        arguments=[values["footage"], *options, "--wait-for-subscribers", listeners, "--wait-timeout", "120"],
        additional_env=frame_environment(shm=values["shm"] == "true", malloc=values["malloc"] == "true"),
        on_exit=[Shutdown(reason="the footage has ended")],
    )
    return [player]


def _parameters(values: Values) -> dict[str, object]:
    """Return what the arguments say beyond the detecting node's parameter file."""
    parameters: dict[str, object] = {
        "use_sim_time": values["use_sim_time"] == "true",
        "cameras": CAMERAS[values["detect_on"]],
    }
    if values["footage"]:
        # Its frames do not wait until somebody looks, nor until the node has found out that the player is reliable.
        parameters |= {"lazy": False, "input_reliability": "reliable"}
    if values["detector"]:
        parameters["detector"] = values["detector"]
    if values["threshold"]:
        parameters["threshold"] = float(values["threshold"])
    if values["classes"]:
        parameters["classes"] = [name.strip() for name in values["classes"].split(",")]
    if values["compressed_in"]:
        parameters["input_transport"] = "compressed" if values["compressed_in"] == "true" else "raw"
    if ENHANCED in CAMERAS[values["detect_on"]]:
        parameters[f"{ENHANCED}.input_transport"] = "raw"
    return parameters
