"""Bags in both storage formats, real files, good and bad."""

import os
import resource
import subprocess
import sys

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from skimage import data as pictures

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    camera_info_cdr,
    decode,
    header_stamp_ns,
    image_cdr,
    restamped,
)
from illumigan_ros.recordings.definitions import typestore
from illumigan_ros.recordings.footage import Footage, picture_of

PHOTO = cv2.cvtColor(cv2.resize(pictures.astronaut(), (96, 64)), cv2.COLOR_RGB2BGR)
STAMPS = [1_600_000_000_000_000_000 + index * 33_333_333 for index in range(5)]


def write_bag(path, topics=("/camera/image_raw",)):
    with BagWriter(path) as bag:
        for topic in topics:
            bag.add_topic(topic, IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for stamp in STAMPS:
            for topic in topics:
                bag.write(topic, stamp + 1_000_000, image_cdr(PHOTO, stamp, "front"))
            bag.write("/camera/camera_info", stamp + 1_000_000, camera_info_cdr(96, 64, stamp, "front"))
    return path


@pytest.fixture(params=["mcap", "sqlite3"])
def bag(request, tmp_path, as_sqlite):
    written = write_bag(tmp_path / "drive")
    return written if request.param == "mcap" else as_sqlite(written)


def storage_file(bag):
    return next(path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))


def test_what_was_written_is_read_back(bag):
    with BagReader(bag) as reader:
        assert reader.pick_image_topic() == "/camera/image_raw"
        assert reader.camera_info_topic("/camera/image_raw") == "/camera/camera_info"
        messages = list(reader.messages(["/camera/image_raw"]))
    assert [header_stamp_ns(message.raw) for message in messages] == STAMPS
    assert [message.time_ns for message in messages] == [stamp + 1_000_000 for stamp in STAMPS]
    image = decode(messages[2])
    assert image.header.frame_id == "front"
    np.testing.assert_array_equal(picture_of(messages[2]), PHOTO)


def test_ros_reads_our_messages_and_we_read_its():
    serialization = pytest.importorskip("rclpy.serialization")
    from sensor_msgs.msg import CameraInfo, Image

    image = serialization.deserialize_message(image_cdr(PHOTO, STAMPS[1], "front"), Image)
    assert (image.encoding, image.height, image.width, image.step) == ("bgr8", 64, 96, 288)
    assert bytes(image.data) == PHOTO.tobytes()
    assert header_stamp_ns(serialization.serialize_message(image)) == STAMPS[1]
    info = serialization.deserialize_message(camera_info_cdr(96, 64, STAMPS[1]), CameraInfo)
    assert (info.width, info.k[2], info.k[5]) == (96, 48.0, 32.0)


def test_the_metadata_offers_reliable_qos_as_recorders_of_every_distribution_spell_it(bag):
    metadata = (bag / "metadata.yaml").read_text()
    assert "version: 8" in metadata
    with Reader(bag) as reader:
        qos = reader.connections[0].ext.offered_qos_profiles
    assert [(profile.reliability.name, profile.depth) for profile in qos] == [("RELIABLE", 5)]


def test_a_storage_file_alone_is_a_bag(bag):
    with Footage(storage_file(bag)) as footage:
        assert sum(message.topic == "image" for message in footage.messages()) == 5


def test_a_recorder_that_crashed_left_no_metadata(bag):
    (bag / "metadata.yaml").unlink()
    with Footage(bag) as footage:
        assert footage.frame_count == 5


def test_restamping_changes_only_the_stamp():
    raw = restamped(image_cdr(PHOTO, STAMPS[0], "front"), 7_000_000_009)
    image = typestore().deserialize_cdr(raw, IMAGE)
    assert (image.header.stamp.sec, image.header.stamp.nanosec, image.header.frame_id) == (7, 9, "front")
    assert raw == image_cdr(PHOTO, 7_000_000_009, "front")


def test_compressed_images_are_footage_too(tmp_path):
    message = typestore().deserialize_cdr(image_cdr(PHOTO, STAMPS[0]), IMAGE)
    png = np.frombuffer(cv2.imencode(".png", PHOTO)[1].tobytes(), np.uint8)
    compressed = typestore().types[COMPRESSED_IMAGE](header=message.header, format="png", data=png)
    with BagWriter(tmp_path / "small") as bag:
        bag.add_topic("/cam/image/compressed", COMPRESSED_IMAGE)
        bag.write("/cam/image/compressed", STAMPS[0], bytes(typestore().serialize_cdr(compressed, COMPRESSED_IMAGE)))
    with Footage(tmp_path / "small") as footage:
        (only,) = footage.messages()
    assert only.topic == "image/compressed"
    np.testing.assert_array_equal(picture_of(only), PHOTO)


def test_several_image_topics_ask_for_a_choice(tmp_path):
    bag = write_bag(tmp_path / "two", topics=("/left/image", "/right/image"))
    with BagReader(bag) as reader:
        with pytest.raises(FrameError, match=r"several image topics.*--topic: /left/image, /right/image"):
            reader.pick_image_topic()
        assert reader.pick_image_topic("right/image") == "/right/image"
        with pytest.raises(FrameError, match="no image topic /up; choose"):
            reader.pick_image_topic("/up")


def test_a_bag_without_images_lists_what_it_has(tmp_path):
    bag = write_bag(tmp_path / "info", topics=())
    with pytest.raises(FrameError, match=r"no image topic; it holds /camera/camera_info \(.*/CameraInfo\)"):
        Footage(bag)


def test_a_bag_whose_image_topic_is_silent_is_empty(tmp_path):
    with BagWriter(tmp_path / "empty") as bag:
        bag.add_topic("/image", IMAGE)
    with pytest.raises(FrameError, match="is empty: no images on /image"):
        Footage(tmp_path / "empty")


@pytest.mark.parametrize("kept", [0.0, 0.001])
def test_a_bag_of_which_nothing_is_left_is_refused_in_one_sentence(bag, kept):
    file = storage_file(bag)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(FrameError, match=r"^The bag .* cannot be read; it is damaged, truncated or no rosbag2"):
        Footage(bag)


def test_what_is_no_bag_is_refused(tmp_path):
    (tmp_path / "note.mcap").write_text("this is no bag " * 100)
    with pytest.raises(FrameError, match="damaged, truncated or no rosbag2"):
        BagReader(tmp_path / "note.mcap")
    with pytest.raises(FrameError, match="There is no bag"):
        BagReader(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FrameError, match=r"no metadata.yaml"):
        BagReader(tmp_path / "folder")
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(FrameError, match="ROS 1 bag; convert it first: rosbags-convert"):
        BagReader(tmp_path / "old.bag")


def test_a_bag_never_overwrites_another(bag):
    with pytest.raises(FrameError, match="exists already"):
        BagWriter(bag)
    with BagReader(bag) as reader:
        assert reader.count("/camera/image_raw") == 5


def test_an_error_while_writing_leaves_no_bag(tmp_path):
    with pytest.raises(RuntimeError), BagWriter(tmp_path / "half") as bag:
        bag.add_topic("/image", IMAGE)
        bag.write("/image", STAMPS[0], image_cdr(PHOTO, STAMPS[0]))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_no_bag(tmp_path):
    # A limit on file size fails as a full disk does, and needs no root; it would hold for pytest too, hence a process.
    script = f"""
import signal
from pathlib import Path
import numpy as np
from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE, image_cdr
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with BagWriter(Path({str(tmp_path / "big")!r})) as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in range(20):
            bag.write("/image", stamp, image_cdr(np.zeros((480, 640, 3), np.uint8), stamp))
except FrameError as error:
    print(error)
"""
    limit = 4 << 20
    done = subprocess.run(
        [sys.executable, "-c", script],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert "The disk is full" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
