"""`illumigan enhance-bag` on real bags, and one sentence where that cannot be."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.commands import error, illumigan
from support.footage import NIGHT, STAMPS

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
)
from illumigan_ros.recordings.definitions import typestore
from illumigan_ros.recordings.footage import picture_of

GREY = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)
TWELVE_BITS = (GREY.astype(np.uint16) * 257) >> 4


def first_image(bag):
    with BagReader(bag) as reader:
        return picture_of(next(reader.messages(["/enhanced/image"])))


@pytest.mark.parametrize("kind", [IMAGE, COMPRESSED_IMAGE])
def test_12_bits_are_warned_about_once_and_put_right_by_the_option_that_is_named(kind, tmp_path):
    image = typestore().deserialize_cdr(image_cdr(GREY, 1), IMAGE)
    if kind == IMAGE:
        data = TWELVE_BITS.reshape(-1).view(np.uint8)
        message = replace(image, encoding="mono16", step=2 * image.step, data=data)
    else:
        data = cv2.imencode(".png", TWELVE_BITS)[1].reshape(-1)
        message = typestore().types[kind](header=image.header, format="mono16; png compressed ", data=data)
    with BagWriter(tmp_path / "in") as bag:
        bag.add_topic("/image", kind)
        for time_ns in range(4):
            bag.write("/image", time_ns, bytes(typestore().serialize_cdr(message, kind)))
    options = ("--strength", "0")
    output = " ".join(illumigan("enhance-bag", tmp_path / "in", tmp_path / "dark", *options).split())
    assert output.count("warning: ") == 1 and "set --white-16bit to 4095" in output
    options += ("--white-16bit", "4095")
    assert "warning" not in illumigan("enhance-bag", tmp_path / "in", tmp_path / "right", *options)
    assert first_image(tmp_path / "dark").max() <= 16
    np.testing.assert_allclose(first_image(tmp_path / "right")[..., 1], GREY, atol=1)


def test_a_bag_is_enhanced_without_skipping_and_headers_stay(night_bag, tmp_path):
    assert "4 images enhanced" in illumigan("enhance-bag", night_bag, tmp_path / "out")
    results = {f"/{name}": IMAGE for name in ("enhanced/image", "attention/image")}
    results["/enhanced/camera_info"] = CAMERA_INFO
    with BagReader(tmp_path / "out") as reader:
        topics = reader.topics
        enhanced, attention, infos = (list(reader.messages([topic])) for topic in results)
    assert topics == {"/camera/image_raw": IMAGE, "/camera/camera_info": CAMERA_INFO, **results}
    for messages in (enhanced, attention, infos):
        assert [header_stamp_ns(message.raw) for message in messages] == STAMPS
        assert [message.time_ns for message in messages] == [stamp + 5 for stamp in STAMPS]
    assert infos[0].raw == camera_info_cdr(160, 120, STAMPS[0], "front")
    assert decode(enhanced[0]).header.frame_id == "front"
    assert (decode(enhanced[0]).encoding, decode(attention[0]).encoding) == ("bgr8", "mono8")
    assert picture_of(enhanced[3]).mean() > 1.5 * NIGHT.mean()


@pytest.mark.parametrize(
    "stamps,told",
    [
        ([60, 62, 64, 66], "began anew: 3 x jump in time"),
        ([60.0, 60.1, 20.0, 20.1], "began anew: 1 x jump in time"),
        ([60.0, 0.0, 60.2, 0.0], ""),
        ([0.0, 0.0, 0.0, 0.0], ""),
    ],
)
def test_a_bag_whose_stamps_jump_or_are_missing_stays_bright_and_jumps_are_told(tmp_path, stamps, told):
    with BagWriter(tmp_path / "jumps") as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        for index, stamp in enumerate(stamps):
            bag.write("/camera/image_raw", STAMPS[index], image_cdr(NIGHT, int(stamp * 1e9), "front"))
    output = illumigan("enhance-bag", tmp_path / "jumps", tmp_path / "out")
    assert told in output
    assert ("began anew" in output) == bool(told)
    with BagReader(tmp_path / "out") as bag:
        images = [decode(message) for message in bag.messages(["/enhanced/image"])]
    assert [image.header.stamp.sec for image in images] == [int(stamp) for stamp in stamps]
    assert all(image.data.mean() > 1.2 * NIGHT.mean() for image in images)


def test_a_damaged_image_in_a_bag_is_counted_and_the_rest_done(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in STAMPS:
            raw = image_cdr(NIGHT, stamp)
            bag.write("/image", stamp, raw[: len(raw) // 2] if stamp == STAMPS[1] else raw)
    assert "1 of 4 images could not be read" in error("enhance-bag", tmp_path / "bag", tmp_path / "out")
    with BagReader(tmp_path / "out") as reader:
        assert reader.count("/enhanced/image") == 3


def test_bags_that_do_not_do(night_bag, tmp_path):
    out = tmp_path / "out"
    assert "exists already" in error("enhance-bag", night_bag, night_bag)
    assert "no image topic /other" in error("enhance-bag", night_bag, out, "--topics", "/other")
    storage = next(night_bag.glob("*.db3"))
    storage.write_bytes(storage.read_bytes()[:5000])
    assert "damaged, truncated or no rosbag2" in error("enhance-bag", night_bag, out)
    assert "damaged, truncated or no rosbag2" in error("play-bag", night_bag)
    assert not out.exists()


def test_a_bag_that_was_cut_off_is_enhanced_as_far_as_it_goes_and_the_exit_code_is_1(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in STAMPS:
            bag.write("/image", stamp, image_cdr(NIGHT, stamp))
    file = tmp_path / "bag" / "bag.mcap"
    file.write_bytes(file.read_bytes()[:150_000])
    output = illumigan("enhance-bag", tmp_path / "bag", tmp_path / "out", code=1)
    assert "2 images enhanced" in output
    assert "warning: bag.mcap is cut off" in output and "2 of 4 messages on /image are there." in output
    assert "error: The source is not complete" in output
    with BagReader(tmp_path / "out") as reader:
        assert [header_stamp_ns(message.raw) for message in reader.messages(["/enhanced/image"])] == STAMPS[:2]


def test_a_bag_without_images_is_one_sentence(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        bag.add_topic("/camera_info", CAMERA_INFO)
        bag.write("/camera_info", STAMPS[0], camera_info_cdr(160, 120, STAMPS[0]))
    assert "is empty: no images on /image" in error("enhance-bag", tmp_path / "bag", tmp_path / "out")
    for command, *rest in (("enhance-bag", tmp_path / "out", "--topics"), ("play-bag", "--topic")):
        assert "has no images on /image" in error(command, tmp_path / "bag", *rest, "/image")
    assert not (tmp_path / "out").exists()
