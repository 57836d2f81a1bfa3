"""What `illumigan view` writes into a recording for the viewer Rerun, read back from its file."""

from collections import Counter
from fractions import Fraction

import cv2
import numpy as np
import pytest
from support import commands

from illumigan_ros.recordings.video import VideoWriter

chunk = pytest.importorskip("rerun.chunk", reason="rerun-sdk is not installed, or too old to read a recording")

FRAMES, LEVEL = 5, 24
NIGHT = np.full((48, 64, 3), LEVEL, np.uint8)
PICTURES = ("/input", "/enhanced", "/attention")


def illumigan(*arguments, code=0):
    return commands.illumigan("view", *arguments, code=code)


def read(path):
    """How many rows each entity has, its last value, and the times of the enhanced frames in seconds."""
    counts, last, times = Counter(), {}, []
    for piece in chunk.RrdReader(path).stream().to_chunks():
        batch, name = piece.to_record_batch(), piece.entity_path
        counts[name] += piece.num_rows
        for column in ("Scalars:scalars", "EncodedImage:blob", "LineStrips2D:strips"):
            if column in batch.schema.names:
                last[name] = batch.column(column)[-1].as_py()[0]
        if name == "/enhanced":
            times += [value / 1e9 for value in batch.column("time").cast("int64").to_pylist()]
    return counts, last, sorted(times)


@pytest.fixture
def video(tmp_path):
    with VideoWriter(tmp_path / "night.mp4", Fraction(10)) as writer:
        for _ in range(FRAMES):
            writer.write(NIGHT)
    return tmp_path / "night.mp4"


def test_footage_is_there_with_pictures_luminance_curves_and_stage_times_on_one_timeline(video, tmp_path):
    assert "5 frames enhanced" in illumigan(video, "--save", tmp_path / "night.rrd", "--tile", "0,0")
    counts, last, times = read(tmp_path / "night.rrd")
    colours = [f"/curves/{colour}" for colour in ("red", "green", "blue")]
    wanted = [*PICTURES, *colours, "/luminance/input", "/luminance/enhanced", "/stages_ms/network", "/stages_ms/total"]
    assert {name: counts[name] for name in wanted} == dict.fromkeys(wanted, FRAMES)
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.01)
    assert last["/luminance/input"] == pytest.approx(LEVEL / 255, abs=0.01)
    assert last["/luminance/enhanced"] > last["/luminance/input"]
    picture = cv2.imdecode(np.array(last["/input"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == NIGHT.shape
    line = np.array(last["/curves/green"])
    assert line[0].tolist() == [0, 255], "black stays black"
    assert np.all(np.diff(line[:, 0]) > 0)


def test_live_topics_are_there_by_their_stamps(bench, tmp_path):
    from builtin_interfaces.msg import Time
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from illumigan_ros.view.live import LiveTopics
    from illumigan_ros.view.recording import recording_into_file

    made = bench(topics=("/enhanced/image", "/attention/image"))
    camera = made.camera(Image)
    with recording_into_file(tmp_path / "live.rrd") as recording:
        topics = LiveTopics(made.client, recording, "", "image", compressed=False)
        outputs = [out for out in made.node.publishers if out.topic_name in made.received]
        made.wait(lambda: all(one.get_subscription_count() > 1 for one in (camera, *outputs)))
        for second in range(1, 4):
            header = Header(stamp=Time(sec=1_700_000_000 + second), frame_id="camera")
            image = Image(header=header, height=48, width=64, encoding="bgr8", step=192, data=NIGHT.tobytes())
            camera.publish(image)
            made.wait(lambda wanted=second: topics.frames >= wanted)
        made.wait(lambda: topics.stages)
        made.close()
    counts, last, times = read(tmp_path / "live.rrd")
    assert [counts[name] for name in PICTURES] == [3, 3, 3]
    assert times == [1_700_000_001, 1_700_000_002, 1_700_000_003]
    assert last["/luminance/enhanced"] > last["/luminance/input"]
    assert counts["/stages_ms/network"]


def test_what_cannot_be_shown_is_one_sentence(video, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    save = ("--save", tmp_path / "nothing.rrd")
    for arguments, sentence in (
        ((video,), "There is no display here"),
        ((video, "--tile", "16,0", *save), "--tile is a column and a row"),
        ((video, "--save", tmp_path / "nowhere" / "night.rrd"), "cannot be written"),
        ((tmp_path / "missing", *save), "There is no bag or video"),
        ((video, "--wait", 1, *save), "Footage was given, and no live topics are shown: leave out --wait."),
        ((video, "--compressed-in", *save), "no live topics are shown: leave out --compressed-in."),
        (("--strength", 0.5, *save), "the live topics are shown as they are: leave out --strength."),
        (("--wait", 0.2, *save), "No enhanced frame has come within 0.2 s"),
    ):
        printed = illumigan(*arguments, code=2)
        assert [line for line in printed.splitlines() if line.startswith("error: ") and sentence in line], printed
        assert not (tmp_path / "nothing.rrd").exists()
