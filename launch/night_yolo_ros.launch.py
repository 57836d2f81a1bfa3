"""Enhance a camera and let yolo_ros detect in it: `ros2 launch illumigan night_yolo_ros.launch.py camera:=/front`.

It needs yolo_ros (github.com/mgonzs13/yolo_ros) in the workspace. Its detections are on /yolo/detections, and tracked
on /yolo/tracking; arguments of its yolo.launch.py that are given here reach it, too, such as model:= and device:=.
The enhancing node has the defaults of its parameter file.
"""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

ENHANCE = Path(__file__).resolve().parent / "enhance.launch.py"
RELIABLE = "1"  # as rclpy numbers it, and as the enhanced image is published

ARGUMENTS = [
    DeclareLaunchArgument(
        "camera", default_value="", description="Namespace of the camera, e.g. /front; outputs appear in it, too."
    ),
    DeclareLaunchArgument(
        "image", default_value="image", description="Image topic in that namespace (image_raw, say), or a full name."
    ),
    DeclareLaunchArgument(
        "yolo_namespace", default_value="yolo", description="Namespace of yolo_ros' nodes and of their outputs."
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, the enhancing node and what yolo_ros launches."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_both)])


def _both(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    camera, image, namespace = (LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS)
    try:
        yolo = Path(get_package_share_directory("yolo_bringup")) / "launch" / "yolo.launch.py"
    except PackageNotFoundError as error:
        raise FileNotFoundError(
            "yolo_ros is not in this workspace: clone github.com/mgonzs13/yolo_ros into its src and build it."
        ) from error
    enhanced = f"/{camera.strip('/')}/enhanced/image".replace("//", "/")
    topics = [("input_image_topic", enhanced), ("image_reliability", RELIABLE), ("namespace", namespace)]
    # Not in a scope of its own, model:= would be the enhancing node's as well as the detector's.
    enhance = GroupAction(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(ENHANCE)), launch_arguments=[("camera", camera), ("image", image)]
            )
        ],
        forwarding=False,
    )
    return [enhance, IncludeLaunchDescription(PythonLaunchDescriptionSource(str(yolo)), launch_arguments=topics)]
