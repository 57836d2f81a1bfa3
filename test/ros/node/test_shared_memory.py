"""Fast DDS' shared memory: what dead processes leave goes where room is needed, and frames that do not fit are told."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from illumigan_ros.node import shared_memory
from illumigan_ros.node.shared_memory import make_room, segment_bytes, too_small_for

ROOT = Path(__file__).parents[3]
LIVING, DEAD, NEW = (f"fastdds_{digit * 16}" for digit in "abc")


@pytest.fixture
def shm(tmp_path, monkeypatch):
    """Three segments in a folder that stands for /dev/shm, of which one has an owner."""
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    for name in (LIVING, DEAD, NEW, "fastdds_port7400"):
        (tmp_path / name).write_bytes(bytes(1000))
        (tmp_path / f"{name}_el").touch()
        if name != NEW:
            os.utime(tmp_path / f"{name}_el", (time.time() - 60,) * 2)
    with (tmp_path / f"{LIVING}_el").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def test_only_what_the_dead_left_is_removed_and_only_where_there_is_no_room(shm, monkeypatch, capsys):
    rooms = [True, False, False]
    monkeypatch.setattr(shared_memory, "_has_room", lambda: rooms.pop(0))
    make_room()
    assert (shm / DEAD).exists()
    make_room()
    left = {path.name for path in shm.iterdir()}
    assert left == {name + end for name in (LIVING, NEW, "fastdds_port7400") for end in ("", "_el")}
    assert "/dev/shm is full, so frames cross the loopback network" in capsys.readouterr().err


def test_the_segment_is_that_of_the_profile(tmp_path, monkeypatch):
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    variable, profile = shared_memory.profiles_variable(), tmp_path / "profile.xml"
    monkeypatch.delenv(variable, raising=False)
    assert segment_bytes() == 1 << 19
    monkeypatch.setenv(variable, str(profile))
    profile.write_text("<profiles xmlns='http://www.eprosima.com'><a><segment_size>99</segment_size></a></profiles>")
    assert segment_bytes() == 99
    profile.write_text("<profiles><useBuiltinTransports>false</useBuiltinTransports></profiles>")
    assert segment_bytes() is None


def test_frames_that_do_not_fit_are_told_with_the_remedy(monkeypatch):
    monkeypatch.setattr(shared_memory, "segment_bytes", lambda: 64 << 20)
    assert too_small_for(4 * 1920 * 1080) == ""
    assert f"set its segment_size to {3 * 4 * 3840 * 2160}" in too_small_for(4 * 3840 * 2160)


def test_a_node_warns_once_about_frames_that_do_not_fit(bench, monkeypatch):
    from sensor_msgs.msg import Image

    from illumigan_ros.node import enhance_node

    told = []
    monkeypatch.setattr(enhance_node, "too_small_for", lambda size: told.append(size) or "Too large.")
    one = bench(topics=("/enhanced/image",))
    camera = one.camera(Image)
    message = Image(encoding="bgr8", height=48, width=64, step=3 * 64)
    message.data.frombytes(bytes([20]) * (48 * 3 * 64))
    for stamp in (1, 2):
        message.header.stamp.sec = stamp
        camera.publish(message)
        one.output(stamp)
    one.wait(lambda: told)
    one.wait(lambda: len(one.statuses()) > 5)
    assert told == [4 * 48 * 64]


ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
FILLED = """
mount -t tmpfs -o size=1m illumigan /dev/shm && head -c $((1048576 - $0)) /dev/zero > /dev/shm/filler && exec "$@"
"""
A_NODE = """
from illumigan_ros.node.process import ros_node
with ros_node("any", []) as node:
    print("It runs.")
"""
may_mount = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*ALONE, FILLED, "0", "true"], capture_output=True, check=False).returncode != 0,
    reason="a /dev/shm to fill is mounted in a namespace of its own, which this machine or container does not permit",
)


def with_free_bytes(free: int, *command: str | Path) -> subprocess.CompletedProcess:
    """Run a command where /dev/shm has so many bytes left, which is a megabyte and has no traces of ROS in it."""
    whole = [*ALONE, FILLED, str(free), sys.executable, *command]
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)


EXECUTABLES = [(str(path),) for path in sorted((ROOT / "illumigan_ros/executables").glob("*_*"))]
MODULES = [
    ("-m", "illumigan_ros.node.enhance_node"),
    ("-m", "illumigan_ros.detection.detect_node"),
    ("-m", "illumigan_ros.measure.node_camera"),
    ("-m", "illumigan_ros.measure.node_listener"),
    ("-m", "illumigan_ros.commands.play_bag"),
    ("-m", "illumigan_ros.commands.record_bag"),
]


@may_mount
@pytest.mark.parametrize("command", [*EXECUTABLES, *MODULES], ids=lambda words: words[-1].rpartition("/")[2])
def test_where_dev_shm_is_full_to_the_last_byte_a_process_says_so_and_the_launch_file_tries_again(command):
    ended = with_free_bytes(4096, *command)
    assert ended.returncode == 1
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("error: /dev/shm is full to the last byte")


@may_mount
def test_with_two_pages_left_in_dev_shm_ros_starts_without_shared_memory():
    ended = with_free_bytes(8192, "-c", A_NODE)
    assert (ended.returncode, ended.stdout) == (0, "It runs.\n"), ended.stderr
    assert "/dev/shm is full, so frames cross the loopback network" in ended.stderr


@may_mount
def test_a_page_that_was_promised_but_never_given_is_no_start():
    promised = "/dev/shm/lttng-ust-wait-6 /dev/shm/lttng-ust-wait-6-0"
    code = f"import os; os.system('truncate -s 4096 {promised}')\n{A_NODE}"
    ended = with_free_bytes(0, "-c", code)
    assert "IllumiganError: /dev/shm is full to the last byte" in ended.stderr
