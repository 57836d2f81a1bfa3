"""The node as a program: how it starts, and how it ends."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60


NODE = (str(ROOT / "illumigan_ros/executables/enhance_node"),)
WITH_A_BROKEN_TIMER = """
import sys
from illumigan_ros.node import enhance_node

def broken(node):
    raise RuntimeError("this is broken")

enhance_node.EnhanceNode._tell = broken
sys.exit(enhance_node.main())
"""


WITH_A_CALL_THAT_HANGS = """
import ctypes, sys
from illumigan_ros.node import enhance_node

def hang(node):
    if node._worker:
        ctypes.PyDLL(None).pause()  # in C, with Python's lock held

enhance_node.EnhanceNode._tell = hang
sys.exit(enhance_node.main())
"""


def start(*arguments: str, program: tuple[str, ...] = NODE) -> subprocess.Popen:
    command = [sys.executable, *program, "--ros-args", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "RCUTILS_LOGGING_USE_STDOUT": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_line(process: subprocess.Popen, text: str) -> str:
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    pytest.fail(f"The node ended without saying '{text}': {''.join(seen)}")


def end_in_the_middle_of_a_stream(node: subprocess.Popen, end: signal.Signals, first: str) -> str:
    """Wait for a line of the node's and then for a frame, end the node, and return what it printed from then on."""
    try:
        wait_for_line(node, first)
        message = Image(encoding="bgr8", height=480, width=640, step=1920)
        message.data.frombytes(bytes(480 * 1920))
        context = rclpy.Context()
        rclpy.init(context=context)
        client = rclpy.create_node("camera", context=context)
        arrived = threading.Event()
        client.create_subscription(Image, "enhanced/image", lambda _: arrived.set(), 5)
        camera = client.create_publisher(Image, "image", 5)
        client.create_timer(0.005, lambda: camera.publish(message))
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(client)
        spinning = threading.Thread(target=executor.spin, daemon=True)
        spinning.start()
        assert arrived.wait(PATIENCE)
        node.send_signal(end)
        node.send_signal(end)  # under ros2 launch, Ctrl-C comes from the terminal and from launch
        output, _ = node.communicate(timeout=PATIENCE)
        executor.shutdown()
        spinning.join(PATIENCE)
        client.destroy_node()
        context.try_shutdown()
    finally:
        node.kill()
    assert node.returncode == 0, output
    assert "Traceback" not in output
    return output


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_in_the_middle_of_a_stream(end):
    node = start("-p", "lazy:=false", "-p", "diagnostics_period:=0.1")
    assert "ERROR" not in end_in_the_middle_of_a_stream(node, end, "Active")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_it_ends_the_export_of_its_model(children, tmp_path, monkeypatch, end):
    pytest.importorskip("torch", reason="needs torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    node = start("-p", "model:=attention_unet", "-p", "runtime:=onnxruntime")
    try:
        wait_for_line(node, "The graph of the model is being made")
        (export,) = children(node.pid)
        os.kill(export, signal.SIGSTOP)  # it takes for ever
        node.send_signal(end)
        output, _ = node.communicate(timeout=PATIENCE)
    finally:
        node.kill()
    assert node.returncode == 0
    assert "Traceback" not in output
    assert not Path(f"/proc/{export}").exists()
    assert not list((tmp_path / "illumigan" / "onnx").iterdir())


def test_a_callback_that_fails_again_and_again_is_logged_now_and_then_and_stops_nothing():
    node = start("-p", "lazy:=false", "-p", "diagnostics_period:=0.1", program=("-c", WITH_A_BROKEN_TIMER))
    output = end_in_the_middle_of_a_stream(node, signal.SIGINT, "A callback failed: RuntimeError: this is broken")
    assert output.count("broken") < 5


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("strength:=3.0", "strength must be in 0 .. 1"),
        ("model:=5", "model must be text"),
        ("input_transport:=telepathy", "raw | compressed"),
    ],
)
def test_a_forbidden_start_value_is_one_sentence_and_exit_code_2(assignment, complaint):
    node = start("-p", assignment)
    output, _ = node.communicate(timeout=PATIENCE)
    assert node.returncode == 2
    assert complaint in output
    assert "Traceback" not in output


@pytest.mark.parametrize("arguments", [("--params-file", "/no/such/file.yaml"), ("-p", "strength")])
def test_ros_arguments_that_ros_refuses_are_one_sentence_and_exit_code_2(arguments):
    node = start(*arguments)
    output, _ = node.communicate(timeout=PATIENCE)
    assert node.returncode == 2
    assert output.splitlines()[-1].startswith("error: ROS 2 did not start")
    assert arguments[1] in output
    assert "Traceback" not in output


def test_the_shipped_parameter_file_starts_it_and_a_misspelt_name_is_noticed():
    node = start("--params-file", str(ROOT / "config/enhance.yaml"), "-p", "strenght:=0.5", "-p", "use_sim_time:=true")
    try:
        assert "did you mean 'strength'" in wait_for_line(node, "strenght")
        wait_for_line(node, "Active")
    finally:
        node.send_signal(signal.SIGINT)
        node.communicate(timeout=PATIENCE)
    assert node.returncode == 0


def test_a_node_that_hangs_in_c_is_ended_with_a_traceback():
    node = start("-p", "watchdog_s:=1.0", "-p", "diagnostics_period:=0.2", program=("-c", WITH_A_CALL_THAT_HANGS))
    try:
        wait_for_line(node, "Active")
        output, _ = node.communicate(timeout=PATIENCE)
    finally:
        node.kill()
    assert node.returncode == 1
    assert "in hang" in output


def test_the_watchdog_sees_no_hang_in_a_model_that_takes_long_to_load():
    slow = WITH_A_CALL_THAT_HANGS.replace("_tell = hang", "_load = lambda *_: __import__('time').sleep(2.5)")
    node = start("-p", "watchdog_s:=1.0", program=("-c", slow))
    try:
        wait_for_line(node, "Active")
    finally:
        node.send_signal(signal.SIGINT)
        node.communicate(timeout=PATIENCE)
    assert node.returncode == 0
