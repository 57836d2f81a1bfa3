"""play_bag and record_bag as separate processes over real DDS."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from illumigan_model.errors import FrameError
from illumigan_ros.commands import play_bag
from illumigan_ros.node.environment import ros_environment
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, camera_info_cdr, header_stamp_ns, image_cdr
from illumigan_ros.recordings.footage import picture_of
from illumigan_ros.recordings.messages import BagMessage
from illumigan_ros.recordings.player import NewStamps, read_ahead
from illumigan_ros.recordings.video import VideoWriter

pytest.importorskip("rclpy")
STAMPS = [1_600_000_000_000_000_000 + index * 50_000_000 for index in range(12)]
TIMEOUT = 120  # seconds: the first process on a machine compiles the code for its processor


@pytest.fixture(scope="module")
def environment():
    return ros_environment()


@pytest.fixture
def launch(environment):
    children = []

    def start(module, *arguments):
        program = {"player": "play_bag", "recorder": "record_bag"}[module]
        command = [sys.executable, "-m", f"illumigan_ros.commands.{program}", *map(str, arguments)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def frame(index):
    return np.full((48, 64, 3), 10 * index, np.uint8)


@pytest.fixture
def drive(tmp_path):
    return write_drive(tmp_path / "drive")


def write_drive(path):
    with BagWriter(path) as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for index, stamp in enumerate(STAMPS):
            bag.write("/camera/image_raw", stamp, image_cdr(frame(index), stamp, "front"))
            bag.write("/camera/camera_info", stamp, camera_info_cdr(64, 48, stamp, "front"))
    return path


def read(bag, topic):
    with BagReader(bag) as reader:
        return list(reader.messages([topic]))


def recorded(bag: Path) -> int:
    """Return how many bytes a recording has so far."""
    return sum(file.stat().st_size for file in bag.glob("*.mcap"))


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(child, code=0):
    output, _ = child.communicate(timeout=TIMEOUT)
    assert child.returncode == code, output
    assert "Traceback" not in output
    return output


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_played_and_recorded_is_the_same_bag(launch, drive, tmp_path, storage, as_sqlite):
    drive = drive if storage == "mcap" else as_sqlite(drive)
    recorder = launch("recorder", tmp_path / "copy", "image", "camera_info", "--max-messages", 24, "--report",
                      tmp_path / "received.json")  # fmt: skip
    player = launch("player", drive, "--wait-for-subscribers", 1, "--report", tmp_path / "published.json")
    assert "published 12 images" in finish(player)
    assert "recorded 24 messages (/image 12, /camera_info 12)" in finish(recorder)
    sent, got = read(drive, "/camera/image_raw"), read(tmp_path / "copy", "/image")
    assert [message.raw for message in got] == [message.raw for message in sent]
    assert [header_stamp_ns(message.raw) for message in read(tmp_path / "copy", "/camera_info")] == STAMPS
    published = json.loads((tmp_path / "published.json").read_text())["published"]
    received = json.loads((tmp_path / "received.json").read_text())["received"]["/image"]
    assert [stamp for stamp, _ in published] == [stamp for stamp, _ in received] == STAMPS
    assert all(arrived >= left for (_, left), (_, arrived) in zip(published, received, strict=True))
    assert published[-1][1] - published[0][1] >= 0.5 * (STAMPS[-1] - STAMPS[0])


def test_restamp_clock_rate_and_remap(launch, drive, tmp_path):
    recorder = launch("recorder", tmp_path / "copy", "/eye/image", "/eye/info", "/clock", "--idle", 2)
    started = time.time_ns()
    player = launch("player", drive, "--restamp", "--clock", "--rate", 2, "--wait-for-subscribers", 1,
                    "--ros-args", "-r", "image:=/eye/image", "-r", "camera_info:=/eye/info")  # fmt: skip
    finish(player)
    finish(recorder)
    images, infos = read(tmp_path / "copy", "/eye/image"), read(tmp_path / "copy", "/eye/info")
    stamps = [header_stamp_ns(message.raw) for message in images]
    assert len(stamps) == len(set(stamps)) == 12
    assert all(started < stamp <= message.time_ns for stamp, message in zip(stamps, images, strict=True))
    assert [header_stamp_ns(message.raw) for message in infos] == stamps
    ticks = [header_stamp_ns(message.raw) for message in read(tmp_path / "copy", "/clock")]
    assert ticks == sorted(ticks)
    assert ticks[-1] == STAMPS[-1]


def test_a_video_plays_as_a_camera_until_interrupted(launch, tmp_path):
    with VideoWriter(tmp_path / "drive.mp4", Fraction(20)) as video:
        for index in range(6):
            video.write(frame(index))
    recorder = launch("recorder", tmp_path / "copy", "image", "--max-messages", 15)
    player = launch("player", tmp_path / "drive.mp4", "--loop", "--wait-for-subscribers", 1)
    finish(recorder)
    player.send_signal(signal.SIGINT)
    assert "published" in finish(player)
    messages = read(tmp_path / "copy", "/image")
    stamps = [header_stamp_ns(message.raw) for message in messages]
    assert stamps == sorted(set(stamps))
    levels = [round(float(picture_of(message).mean()) / 10) for message in messages]
    first = levels[0]
    assert levels == [(first + index) % 6 for index in range(15)]


def test_rounds_of_a_loop_are_a_frame_interval_apart(launch, tmp_path):
    with BagWriter(tmp_path / "still") as bag:
        bag.add_topic("/image", IMAGE)
        bag.write("/image", STAMPS[0], image_cdr(frame(5), STAMPS[0]))
    with VideoWriter(tmp_path / "pair.mp4", Fraction(4)) as video:
        for index in range(2):
            video.write(frame(index))
    for footage, interval in (("still", 0.1), ("pair.mp4", 0.25)):
        report = tmp_path / f"{footage}.json"
        recorder = launch("recorder", tmp_path / f"{footage}_copy", "image", "--max-messages", 6)
        player = launch("player", tmp_path / footage, "--loop", "--report", report)
        finish(recorder)
        player.send_signal(signal.SIGINT)
        finish(player)
        times = [published for _, published in json.loads(report.read_text())["published"]]
        assert len(times) >= 6
        assert (times[-1] - times[0]) / (len(times) - 1) >= 0.9e9 * interval  # sleeps are never shorter than asked


def test_every_restamped_frame_has_a_rising_stamp_of_its_own_and_its_camera_info_the_same():
    stamps = NewStamps()
    frames = [(0, 1000), (0, 1000), (7, 900), (7, 2000)]  # stamps at zero, a clock that is set back, a loop
    pairs = [(stamps("image", original, now), stamps("camera_info", original, now + 1)) for original, now in frames]
    assert all(image == info for image, info in pairs)
    assert [image for image, _ in pairs] == [1000, 1001, 1002, 2000]
    late = [stamps("image", original, 3000 + original) for original in (11, 12)]
    assert [stamps("camera_info", original, 4000) for original in (11, 12)] == late == [3011, 3012]


def test_a_looped_frame_without_a_stamp_is_restamped_each_time(launch, tmp_path):
    with BagWriter(tmp_path / "still") as bag:
        bag.add_topic("/image", IMAGE)
        bag.add_topic("/camera_info", CAMERA_INFO)
        bag.write("/image", 5, image_cdr(frame(5), 0))
        bag.write("/camera_info", 5, camera_info_cdr(64, 48, 0))
    recorder = launch("recorder", tmp_path / "copy", "image", "camera_info", "--max-messages", 8)
    player = launch("player", tmp_path / "still", "--loop", "--restamp", "--wait-for-subscribers", 1)
    finish(recorder)
    player.send_signal(signal.SIGTERM)
    assert "published" in finish(player)
    images, infos = (read(tmp_path / "copy", topic) for topic in ("/image", "/camera_info"))
    stamps = [header_stamp_ns(message.raw) for message in images]
    assert len(stamps) >= 3 and stamps == sorted(set(stamps)) and stamps[0] > 1e18
    assert {header_stamp_ns(message.raw) for message in infos} <= set(stamps)


def test_a_bag_that_was_cut_off_is_played_to_its_end_and_told(launch, drive):
    file = drive / "drive.mcap"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    output = finish(launch("player", drive), 1)
    assert "published 5 images" in output or "published 6 images" in output
    assert "warning: drive.mcap is cut off" in output and "of 12 messages on /camera/image_raw are there." in output
    assert output.splitlines()[-1].startswith("error: ")


def test_reading_ahead_ends_with_its_user():
    before = threading.active_count()
    read = []

    def messages():
        for index in range(1000):
            read.append(index)
            yield BagMessage("image", IMAGE, index, b"")

    ahead = read_ahead(messages())
    next(ahead)
    ahead.close()
    count = len(read)
    assert threading.active_count() == before
    assert count == len(read) < 1000


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "nan"),
        ("--rate", "0"),
        ("--rate", "1e-300"),
        ("--seconds", "-1"),
        ("--seconds", "inf"),
        ("--wait-timeout", "nan"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(drive, option, value):
    with pytest.raises(FrameError, match=rf"{option} must be a number above 0 \(.*\), not {value}"):
        play_bag.command(None, drive, **{option.strip("-").replace("-", "_"): float(value)})


def test_an_interrupted_recording_is_complete(launch, drive, tmp_path):
    recorder = launch("recorder", tmp_path / "copy", "image")
    finish(launch("player", drive, "--wait-for-subscribers", 1))
    wait(lambda: recorded(tmp_path / "copy") > 12 * frame(0).nbytes)  # it writes what it has every second
    recorder.send_signal(signal.SIGINT)
    assert "recorded 12 messages" in finish(recorder)
    assert len(read(tmp_path / "copy", "/image")) == 12


def test_commands_end_in_one_sentence_when_nobody_is_there(launch, drive, tmp_path):
    player = launch("player", drive, "--wait-for-subscribers", 1, "--wait-timeout", 0.5)
    recorder = launch("recorder", tmp_path / "copy", "no_such_image", "--wait", 0.5)
    assert "error: Only 0 of 1 subscribers came to /image within 0.5 s" in finish(player, 2)
    assert "error: Nobody publishes /no_such_image after 0.5 s." in finish(recorder, 2)
    assert not (tmp_path / "copy").exists()


def test_bad_bags_are_refused(launch, tmp_path):
    with BagWriter(tmp_path / "info") as bag:
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        bag.write("/camera/camera_info", 0, camera_info_cdr(64, 48, 0))
    (tmp_path / "empty.mcap").write_bytes(b"")
    reasons = {"info": "has no image topic", "empty.mcap": "cannot be read", "nowhere.mp4": "There is no bag or video"}
    children = [launch("player", tmp_path / name) for name in reasons]
    for child, sentence in zip(children, reasons.values(), strict=True):
        output = finish(child, 2)
        assert output.startswith("error: ") and sentence in output and output.count("\n") == 1


def test_a_report_that_cannot_be_written_is_one_sentence(launch, drive, tmp_path):
    (tmp_path / "file").write_text("")
    player = launch("player", drive, "--seconds", 0.1, "--report", tmp_path / "file" / "report.json")
    assert "error: " in finish(player, 2)
