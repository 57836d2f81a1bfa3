"""What is in an enhanced bag beside the results, and what becomes of one that was broken off."""

from dataclasses import replace

import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from support.footage import NIGHT, STAMPS

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError
from illumigan_ros.recordings import enhanced_bag
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, camera_info_cdr, decode, image_cdr
from illumigan_ros.recordings.definitions import typestore
from illumigan_ros.recordings.enhanced_bag import BagOptions
from illumigan_ros.recordings.footage import picture_of
from illumigan_ros.recordings.messages import BagTopic

LEFT, RIGHT = "/left/image_raw", "/right/image_raw"
STRANGE = BagTopic("robot_msgs/msg/Wheel", "", "float64 angle\n", "ros2msg")
TF = "tf2_msgs/msg/TFMessage"


@pytest.fixture(scope="module")
def enhancer():
    with Enhancer() as made:
        yield made


@pytest.fixture
def enhance(enhancer):
    """Call with a bag, a place, options and what is told of each message: enhance it, and return the result."""

    def run(bag, out, advance=lambda images, bytes_: None, by="", **options):
        with BagReader(bag) as source:
            return enhanced_bag.enhance_bag(
                source, out, enhancer.for_another_camera(), advance, BagOptions(**options), by
            )

    return run


def noisy(index):
    """A dark frame of a scene that moves."""
    noise = np.random.default_rng(index).normal(0, 6, (48, 64, 3))
    return np.clip(NIGHT[:48, 2 * index : 2 * index + 64] + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def drive(tmp_path):
    """A bag with two cameras, of which one has a CameraInfo, a latched topic, and one of a type that nobody knows."""
    with BagWriter(tmp_path / "drive") as bag:
        bag.add_topic("/tf_static", TF, latched=True)
        bag.copy_topic("/wheel", STRANGE)
        bag.add_topic(LEFT, IMAGE, reliable=False)
        bag.add_topic("/left/camera_info", CAMERA_INFO)
        bag.add_topic(RIGHT, IMAGE)
        bag.write("/tf_static", STAMPS[0], b"\0\1\0\0\0\0\0\0")
        for index in range(10):
            time_ns = STAMPS[0] + index * 100_000_000
            bag.write("/wheel", time_ns, b"\0\1\0\0" + bytes([index]) * 8)
            bag.write(LEFT, time_ns, image_cdr(noisy(index), time_ns, "left"))
            bag.write("/left/camera_info", time_ns, camera_info_cdr(64, 48, time_ns, "left"))
            bag.write(RIGHT, time_ns + 5, image_cdr(noisy(index)[::-1], time_ns, "right"))
    return tmp_path / "drive"


def content(bag):
    """Topic -> its messages' times and bytes, in the order of recording."""
    with BagReader(bag) as reader:
        found = {topic: [] for topic in reader.topics}
        for message in reader.messages(list(found)):
            found[message.topic].append((message.time_ns, message.raw))
    return found


def files(bag):
    return {path.name: path.read_bytes() for path in bag.iterdir()}


def test_all_else_is_in_the_new_bag_byte_for_byte_and_as_it_was_offered(drive, enhance, tmp_path):
    enhance(drive, tmp_path / "out")
    before, after = content(drive), content(tmp_path / "out")
    assert {topic: after[topic] for topic in before} == before
    assert after["/left/enhanced/camera_info"] == before["/left/camera_info"]
    made = {f"/{side}/{name}" for side in ("left", "right") for name in ("enhanced/image", "attention/image")}
    assert set(after) == {*before, *made, "/left/enhanced/camera_info"}
    with Reader(drive) as old, Reader(tmp_path / "out") as new:
        was, now = ({one.topic: one for one in reader.connections} for reader in (old, new))
    for topic, connection in was.items():
        assert now[topic].ext == connection.ext
        assert now[topic].msgdef == connection.msgdef
    assert now["/tf_static"].ext.offered_qos_profiles[0].durability == QosDurability.TRANSIENT_LOCAL
    assert now["/left/enhanced/image"].ext == was[LEFT].ext


def test_only_enhanced_leaves_out_the_images_that_were_enhanced_and_nothing_else(drive, enhance, tmp_path):
    enhance(drive, tmp_path / "out", topics=("left/image_raw",), keep_originals=False, attention=False)
    before, after = content(drive), content(tmp_path / "out")
    made = {"/left/enhanced/image", "/left/enhanced/camera_info"}
    assert set(after) == {*before, *made} - {LEFT}
    assert after[RIGHT] == before[RIGHT]


def test_each_camera_is_remembered_by_itself(drive, enhance, tmp_path):
    enhance(drive, tmp_path / "both")
    both = content(tmp_path / "both")
    for side, topic in (("left", LEFT), ("right", RIGHT)):
        enhance(drive, tmp_path / side, topics=(topic,))
        assert content(tmp_path / side)[f"/{side}/enhanced/image"] == both[f"/{side}/enhanced/image"]


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_compressed_pictures_are_smaller_and_show_the_same(drive, enhance, tmp_path, kind):
    enhance(drive, tmp_path / "raw")
    enhance(drive, tmp_path / "out", compressed=kind)
    with BagReader(tmp_path / "raw") as raw, BagReader(tmp_path / "out") as small:
        for name in ("/left/enhanced/image", "/left/attention/image"):
            assert small.topics[f"{name}/compressed"] == COMPRESSED_IMAGE
            pairs = zip(raw.messages([name]), small.messages([f"{name}/compressed"]), strict=True)
            for plain, packed in pairs:
                assert len(packed.raw) < len(plain.raw)
                assert decode(packed).format.startswith(f"{decode(plain).encoding}; {kind} compressed")
                difference = np.abs(picture_of(packed).astype(int) - picture_of(plain))
                assert difference.mean() <= (4 if kind == "jpeg" else 0)


class Killed(BaseException):
    """What ends a run at once."""


def killing_after(images):
    """What is to be called after each message, and raises Killed after so many images."""
    seen = 0

    def advance(more, _):
        nonlocal seen
        seen += more
        if seen >= images:
            raise Killed

    return advance


@pytest.mark.parametrize("options", [{}, {"compressed": "jpeg", "keep_originals": False}], ids=["raw", "jpeg"])
def test_a_run_that_was_killed_goes_on_and_makes_the_bytes_of_an_unbroken_one(
    drive, enhance, tmp_path, monkeypatch, options
):
    monkeypatch.setattr(enhanced_bag, "IMAGES_AT_RISK", 6)
    whole = enhance(drive, tmp_path / "whole" / "out", **options)
    out = tmp_path / "out"
    for images in (9, 16):
        with pytest.raises(Killed):
            enhance(drive, out, killing_after(images), **options)
        assert "metadata.yaml" not in files(out)
    with pytest.raises(FrameError, match="unfinished result of another input"):
        enhance(drive, out, **{**options, "attention": False})
    result = enhance(drive, out, **options)
    assert (result.already, result.images, result.done) == (12, 20, 20)
    assert result.restarts == whole.restarts
    assert files(out) == files(tmp_path / "whole" / "out")


def test_nothing_is_left_of_a_run_that_ends_before_there_is_something_to_keep(drive, enhance, tmp_path):
    with pytest.raises(Killed):
        enhance(drive, tmp_path / "out", killing_after(9))
    assert not (tmp_path / "out").exists()


def test_an_unfinished_bag_that_was_changed_is_not_gone_on_with(drive, enhance, tmp_path, monkeypatch):
    monkeypatch.setattr(enhanced_bag, "IMAGES_AT_RISK", 2)
    with pytest.raises(Killed):
        enhance(drive, tmp_path / "out", killing_after(9))
    file = tmp_path / "out" / "out.mcap"
    rotten = bytearray(file.read_bytes())
    rotten[len(rotten) // 4] ^= 1
    file.write_bytes(rotten)
    with pytest.raises(FrameError, match="unfinished and has been changed"):
        enhance(drive, tmp_path / "out")


def test_what_is_no_picture_is_left_alone_and_told_why(enhance, tmp_path):
    image = typestore().deserialize_cdr(image_cdr(NIGHT[:48, :64], STAMPS[0]), IMAGE)
    depth = replace(image, encoding="16UC1", step=128, data=np.zeros(48 * 128, np.uint8))
    jpeg = typestore().types[COMPRESSED_IMAGE](header=image.header, format="jpeg", data=np.zeros(9, np.uint8))
    with BagWriter(tmp_path / "bag") as bag:
        for topic, message, kind in (
            ("/front/color", image, IMAGE),
            ("/front/color/compressed", jpeg, COMPRESSED_IMAGE),
            ("/front/depth", depth, IMAGE),
            ("/front/infrared", image, IMAGE),
        ):
            bag.add_topic(topic, kind)
            bag.write(topic, STAMPS[0], bytes(typestore().serialize_cdr(message, kind)))
    result = enhance(tmp_path / "bag", tmp_path / "out")
    assert result.done == 2
    assert result.warnings == [
        "/front/color/compressed is not enhanced: it has the pictures of /front/color.",
        "/front/depth is not enhanced: it has distances.",
    ]
    assert {"/front/color/enhanced/image", "/front/infrared/enhanced/image"} <= set(content(tmp_path / "out"))
    with pytest.raises(FrameError, match="has /front/color/enhanced/image already"):
        enhance(tmp_path / "out", tmp_path / "again", topics=("/front/color", "/front/infrared"))
    with pytest.raises(FrameError, match="would have results of one name"):
        enhance(tmp_path / "bag", tmp_path / "again", topics=("/front/color", "/front/color/compressed"))
