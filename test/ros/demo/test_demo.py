"""The demo end to end: player, node and recorder as processes over real DDS, and what it leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from support.commands import COMMAND, error, illumigan

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.demo.demo import _clear
from illumigan_ros.demo.processes import Crew
from illumigan_ros.demo.report import Recording, StreamMeasurement
from illumigan_ros.node.environment import ros_environment
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, decode, header_stamp_ns, image_cdr
from illumigan_ros.recordings.footage import picture_of
from illumigan_ros.recordings.video import VideoReader, VideoWriter

pytest.importorskip("rclpy")
pytest.importorskip("av")
FIRST_STAMP = 1_700_000_000_000_000_000
DARK = np.full((48, 64, 3), 20, np.uint8)


def start_demo(*arguments):
    command = [*COMMAND, "demo", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(demo, code=0):
    output, _ = demo.communicate(timeout=180)
    assert demo.returncode == code, output
    assert "Traceback" not in output
    return output


def processes_of(folder):
    """Return pid -> command line of the running processes that name this folder."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found[int(path.parent.name)] = line
    return found


@pytest.fixture
def long_bag(tmp_path):
    with BagWriter(tmp_path / "long") as bag:
        bag.add_topic("/camera/image", IMAGE)
        for index in range(300):
            stamp = FIRST_STAMP + index * 100_000_000
            bag.write("/camera/image", stamp, image_cdr(np.full((48, 64, 3), index % 40, np.uint8), stamp))
    return tmp_path / "long"


def wait_for_first_frame(demo, out):
    deadline = time.monotonic() + 120
    log = out / "logs" / "play_bag.log"
    while not (log.exists() and "playing" in log.read_text()):
        assert demo.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def test_the_built_in_drive_comes_out_brighter_with_its_stamps_untouched(tmp_path):
    out = tmp_path / "demo_out"
    output = illumigan("demo", "--out", out, "--size", "160x120", "--seconds", 2)
    assert f"Open {out / 'side_by_side.mp4'}" in output

    report = json.loads((out / "report.json").read_text())
    with BagReader(out / "night_drive") as reader:
        originals = {header_stamp_ns(message.raw): message for message in reader.messages(["/camera/image_raw"])}
    with BagReader(out / "enhanced") as reader:
        enhanced, attention, infos = (
            list(reader.messages([topic])) for topic in ("/enhanced/image", "/attention/image", "/enhanced/camera_info")
        )
        assert reader.topics["/enhanced/camera_info"] == CAMERA_INFO
    stamps = [header_stamp_ns(message.raw) for message in enhanced]
    assert len(originals) == report["frames_in"] == 60
    assert len(stamps) == report["frames_out"] == 60 - report["skipped"] > 0
    assert stamps == sorted(set(stamps)) and set(stamps) <= set(originals)
    assert [header_stamp_ns(message.raw) for message in attention] == stamps
    assert {header_stamp_ns(message.raw) for message in infos} <= set(originals)
    assert decode(enhanced[0]).header == decode(originals[stamps[0]]).header

    means = [
        float(np.mean([picture_of(message).mean() for message in each])) for each in (originals.values(), enhanced)
    ]
    assert means[1] > 1.3 * means[0]
    assert report["mean_luma_out"] > report["mean_luma_in"] > 0
    assert report["latency_p95_ms"] >= report["latency_p50_ms"] > 0
    assert report["runtime"] == "onnxruntime"
    assert report["node"]["frames rejected"] == "0"
    detection = report["detection"]
    assert detection["detector"] == "yolox_nano.onnx" and detection["frames"] >= len(stamps) // detection["every"]
    for side in ("input", "enhanced"):
        cars = detection[side]["cars"]
        assert cars["there"] == cars["found"] + cars["missed"] > 0
        assert f"cars, {side}" in output and f"{cars['found']} of {cars['there']} found" in output

    with VideoReader(out / "side_by_side.mp4") as video:
        frames = [shown.picture for shown in video]
    assert video.fps == 30
    assert frames[0].shape == (120, 320, 3)
    assert 60 - report["skipped"] <= len(frames) <= 60
    sheet = cv2.imread(str(out / "contact_sheet.png"))
    assert sheet.shape[0] > sheet.shape[1] / 2  # four rows of three
    assert not processes_of(out)


def test_footage_of_ones_own_and_a_second_run_in_the_same_folder(tmp_path):
    """The bag's driver has left the stamps at zero."""
    out = tmp_path / "demo_out"
    with VideoWriter(tmp_path / "drive.mp4", Fraction(20)) as video:
        for index in range(20):
            video.write(np.full((48, 64, 3), index, np.uint8))
    with BagWriter(tmp_path / "unstamped") as bag:
        bag.add_topic("/camera/image", IMAGE)
        for index in range(20):
            bag.write("/camera/image", FIRST_STAMP + index * 100_000_000, image_cdr(DARK, 0))
    video_file, bag_file = ["--video", tmp_path / "drive.mp4"], ["--bag", tmp_path / "unstamped", "--seconds", 1]
    for footage, frames in ((video_file, 20), (bag_file, 10)):
        output = illumigan("demo", *footage, "--out", out)
        report = json.loads((out / "report.json").read_text())
        assert report["frames_in"] == frames
        assert report["frames_out"] + report["skipped"] == frames
        assert report["detection"]["enhanced"] == {"boxes": {}}  # it is all grey
    assert "latency p50 ms   unknown" in output
    assert report["frames_out"] > 0 and report["latency_p50_ms"] is None
    assert not (out / "night_drive").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--topic", "/image"], "There are topics only with --bag: leave out --topic."),
        (["--video", "drive.mp4", "--topic", "/image"], "There are topics only with --bag: leave out --topic."),
        (["--bag", "drive", "--size", "640x360"], "Footage was given, and no drive is rendered: leave out --size."),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(tmp_path, arguments, sentence):
    assert error("demo", *arguments, "--out", tmp_path / "out") == f"error: {sentence}"
    assert not (tmp_path / "out").exists()


def test_a_process_that_dies_ends_the_demo_with_its_last_words(long_bag, tmp_path):
    out = tmp_path / "demo_out"
    demo = start_demo("--bag", long_bag, "--out", out, "--seconds", 25)
    wait_for_first_frame(demo, out)
    (node,) = [
        pid
        for pid, line in _children(demo.pid).items()
        if "illumigan_ros.node.enhance_node" in line and "-m" in line
    ]  # fmt: skip
    os.kill(node, signal.SIGKILL)
    output = finish(demo, 2)
    assert "error: enhance_node was killed by signal 9; the end of" in output
    assert "Active" in output
    assert not processes_of(out)
    assert not (out / "report.json").exists()


def _children(parent):
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(path.parent.name)] = (path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_stopped_leaves_no_process_behind(long_bag, tmp_path, wish):
    out = tmp_path / "demo_out"
    if wish == signal.SIGKILL and shutil.which("setpriv") is None:
        pytest.skip("without setpriv nobody tells the children that their parent was killed")
    demo = start_demo("--bag", long_bag, "--out", out, "--seconds", 25)
    wait_for_first_frame(demo, out)
    children = _children(demo.pid)
    demo.send_signal(wish)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert "Traceback" not in output
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--bag", "nowhere"], "There is no bag or video nowhere."),
        (["--video", "nowhere.mp4"], "There is no bag or video nowhere.mp4."),
        (["--bag", "a", "--video", "b"], "Choose one of --bag and --video."),
        (["--seconds", "1e308"], "--seconds must be a number above 0 (from 0.000001 to 1000000), not 1e+308."),
        (["--size", "big"], "--size must look like 1280x720"),
        (["--model", "no_such_model"], "no_such_model"),
        (["--detector", "no_such_detector"], "There is no detector no_such_detector"),
    ],
)
def test_wishes_that_cannot_be_met_are_one_sentence(tmp_path, arguments, sentence):
    assert sentence in error("demo", "--out", tmp_path / "out", *arguments)


def test_a_detector_that_knows_nothing_that_is_shown_is_refused_before_anything_is_played(tmp_path, detector_file):
    animals = onnx.load(detector_file)
    onnx.helper.set_model_props(animals, {"names": str([f"animal {number}" for number in range(80)])})
    onnx.save(animals, tmp_path / "animals.onnx")
    sentence = error("demo", "--out", tmp_path / "out", "--detector", tmp_path / "animals.onnx")
    assert "animals.onnx knows none of the classes person, bicycle, car" in sentence
    assert not (tmp_path / "out").exists()


def test_files_of_others_are_never_cleared_away(long_bag, tmp_path):
    assert "choose another --out" in error("demo", "--bag", long_bag, "--out", tmp_path)
    out = tmp_path / "mine"
    (out / "logs").mkdir(parents=True)
    (out / "enhanced").mkdir()
    (out / "enhanced" / "photo.raw").write_text("precious")
    assert "photo.raw is not from an earlier demo" in error("demo", "--bag", long_bag, "--out", out)
    assert (out / "enhanced" / "photo.raw").read_text() == "precious" and long_bag.is_dir()


def test_what_was_added_to_a_demo_is_never_cleared_away(tmp_path):
    recording, drive = Recording(tmp_path / "out"), tmp_path / "out" / "night_drive"
    _clear(recording, drive, tmp_path / "footage")
    for file in recording.files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("from the demo")
    (recording.logs / "notes.txt").write_text("precious")
    drive.mkdir()
    (drive / "night_drive.mcap").write_text("precious")  # a demo of other footage writes no such bag
    with pytest.raises(FrameError, match=r"night_drive\.mcap is not from an earlier demo"):
        _clear(recording, drive, None)
    assert recording.report.exists() and (drive / "night_drive.mcap").read_text() == "precious"
    shutil.rmtree(drive)
    _clear(recording, drive, None)
    assert not recording.report.exists() and not recording.bag.exists()
    assert (recording.logs / "notes.txt").read_text() == "precious"


def test_stamps_that_several_frames_share_say_nothing_about_latency():
    times = [FIRST_STAMP + index * 50_000_000 for index in range(4)]
    played = [(stamp, time_ns) for stamp, time_ns in zip((0, 0, 0, 7), times, strict=True)]
    received = [(stamp, time_ns + 5_000_000) for stamp, time_ns in played]
    assert StreamMeasurement(played, received, {}).report()["latency_p50_ms"] == 5.0
    assert StreamMeasurement(played[:3], received[:3], {}).report()["latency_p95_ms"] is None
    assert StreamMeasurement(played, received[:1], {}).report()["latency_p50_ms"] is None


def test_a_crew_tells_why_a_child_died_and_stops_the_others(tmp_path):
    with (
        pytest.raises(IllumiganError, match=r"failing ended with exit code 1; the end of .*\n(.*\n)*.*No module named"),
        Crew(ros_environment(), tmp_path) as crew,
    ):
        other = crew.start("waiting", "http.server", ["--bind", "127.0.0.1", "0"])
        crew.start("failing", "no_such_module", [])
        crew.wait_for(30)
    assert other._process.poll() is not None


def test_a_crew_does_not_wait_forever(tmp_path):
    with (
        pytest.raises(IllumiganError, match=r"The moon did not happen within 0 s"),
        Crew(ros_environment(), tmp_path) as crew,
    ):
        crew.wait_until(lambda: False, 0.1, "The moon")


def test_footage_that_lacks_something_is_no_reason_to_stop(tmp_path):
    with BagWriter(tmp_path / "short") as bag:
        bag.add_topic("/image", IMAGE)
        bag.write("/image", FIRST_STAMP, image_cdr(DARK, FIRST_STAMP))
    metadata = tmp_path / "short" / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 1", "message_count: 2"))
    with Crew(ros_environment(), tmp_path) as crew:
        player = crew.start("playing", "illumigan_ros.commands.play_bag", [str(tmp_path / "short")], may_lack=True)
        crew.wait_until(player.ended, 60, "The end of the footage")
        assert "warning: 1 of 2 messages on /image are there." in player.printed()
