"""The launch files: their Python compiles everywhere; with ros2 launch at hand they bring up nodes that work."""

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from illumigan_ros.node.environment import MALLOC, frame_environment, ros_environment

ROOT = Path(__file__).resolve().parents[3]
LAUNCH_FILE = ROOT / "launch/enhance.launch.py"
PATIENCE = 60


@pytest.mark.parametrize("file", sorted(LAUNCH_FILE.parent.glob("*.launch.py")), ids=lambda file: file.name)
def test_it_compiles_and_documents_every_argument(file):
    tree = ast.parse(file.read_text())
    compile(tree, str(file), "exec")
    declared = [
        call for call in ast.walk(tree) if getattr(getattr(call, "func", None), "id", "") == "DeclareLaunchArgument"
    ]
    assert declared
    for call in declared:
        assert {keyword.arg for keyword in call.keywords} >= {"default_value", "description"}


def test_the_shared_memory_segment_holds_several_4k_frames():
    root = ElementTree.parse(ROOT / "config/fastdds_shm.xml").getroot()
    sizes = [int(element.text) for element in root.iter() if element.tag.endswith("segment_size")]
    assert sizes
    assert min(sizes) >= 2 * 3840 * 2160 * 3
    kinds = [element.text for element in root.iter() if element.tag.endswith("type")]
    assert kinds == ["SHM", "UDPv4"]


@pytest.mark.parametrize(("distribution", "variable"), [("humble", "FASTRTPS"), ("kilted", "FASTDDS")])
def test_processes_get_the_profile_and_the_allocator_unless_the_user_has_chosen(monkeypatch, distribution, variable):
    variable = f"{variable}_DEFAULT_PROFILES_FILE"
    monkeypatch.setenv("ROS_DISTRO", distribution)
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    for name in (variable, *MALLOC):
        monkeypatch.delenv(name, raising=False)
    assert set(frame_environment()) == {variable, *MALLOC}
    assert frame_environment(shm=False, malloc=False) == {}
    assert Path(ros_environment()[variable]) == ROOT / "config/fastdds_shm.xml"
    monkeypatch.setenv(variable, "/my/profile.xml")
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")
    assert not {variable, "MALLOC_TOP_PAD_"} & set(frame_environment())
    environment = ros_environment()
    assert (environment[variable], environment["MALLOC_TOP_PAD_"]) == ("/my/profile.xml", "1")


def test_the_profile_is_for_fast_dds_only(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "lyrical")
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", *MALLOC):
        monkeypatch.delenv(name, raising=False)
    for middleware in ("", "rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp"):
        monkeypatch.setenv("RMW_IMPLEMENTATION", middleware)
        assert "FASTDDS_DEFAULT_PROFILES_FILE" in frame_environment()
    for middleware in ("rmw_zenoh_cpp", "rmw_cyclonedds_cpp"):
        monkeypatch.setenv("RMW_IMPLEMENTATION", middleware)
        assert set(frame_environment()) == set(MALLOC)


needs_launch = pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None or shutil.which("ros2") is None,
    reason="launch_ros and the ros2 command are not installed; they come with a ROS distribution, not from PyPI",
)


@needs_launch
def test_show_args_lists_the_arguments():
    shown = subprocess.run(
        ["ros2", "launch", str(LAUNCH_FILE), "--show-args"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    for argument in ("camera", "image", "model", "runtime", "compressed_in", "params_file", "use_sim_time", "shm"):
        assert f"'{argument}'" in shown


@needs_launch
@pytest.mark.parametrize(
    ("file", "argument", "topics"),
    [
        ("enhance", "compressed_out:=true", ("enhanced/image", "enhanced/image/compressed")),
        ("night_detection", "classes:=car,person", ("detections/image", "enhanced/detections/image")),
    ],
)
def test_launched_nodes_work_on_the_camera_in_their_namespace(file, argument, topics):
    rclpy = pytest.importorskip("rclpy")
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import CompressedImage, Image

    path = LAUNCH_FILE.with_name(f"{file}.launch.py")
    arguments = ["camera:=/front", "image:=image_raw", argument, "log_level:=warn", "use_sim_time:=false"]
    launched = subprocess.Popen(
        ["ros2", "launch", str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
    )
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        client = rclpy.create_node("camera", context=context)
        arrived: set[str] = set()
        for topic in topics:
            kind = CompressedImage if topic.endswith("/compressed") else Image
            client.create_subscription(kind, f"/front/{topic}", lambda _, topic=topic: arrived.add(topic), 5)
        camera = client.create_publisher(Image, "/front/image_raw", 5)
        message = Image(encoding="mono8", height=48, width=64, step=64)
        message.data.frombytes(bytes(48 * 64))
        client.create_timer(0.1, lambda: camera.publish(message))
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(client)
        deadline = time.monotonic() + PATIENCE
        while arrived != set(topics):
            assert time.monotonic() < deadline, f"Of {topics}, only {arrived} came from the launched nodes."
            executor.spin_once(timeout_sec=0.1)
        client.destroy_node()
    finally:
        context.try_shutdown()
        launched.send_signal(signal.SIGINT)
        output, _ = launched.communicate(timeout=PATIENCE)
    assert "process has finished cleanly" in output
    assert "Traceback" not in output
