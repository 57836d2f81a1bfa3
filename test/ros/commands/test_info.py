"""`illumigan info` on a bag as it should be, and on one that is not."""

import numpy as np
from support.commands import illumigan
from support.footage import NIGHT, PHOTO

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, camera_info_cdr, image_cdr

START_NS = 1_600_000_000_000_000_000


def write(path, damaged=()):
    """A bag at ten images a second, half of it by night, with a pause of a second."""
    with BagWriter(path) as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for index in range(20):
            time_ns = START_NS + index * 100_000_000 + (900_000_000 if index >= 10 else 0)
            raw = image_cdr(np.ascontiguousarray((NIGHT if index < 10 else PHOTO)[::2, ::2]), time_ns)
            bag.write("/camera/image_raw", time_ns, raw[:-1] if index in damaged else raw)
            bag.write("/camera/camera_info", time_ns, camera_info_cdr(80, 60, time_ns))
    return path


def test_one_screen_tells_what_is_in_a_bag(tmp_path):
    lines = illumigan("info", write(tmp_path / "drive")).splitlines()
    (head,) = [line for line in lines if "drive: 1 file" in line]
    assert "40 messages in 2.8 s from 2020-09-13 12:26:40 UTC" in head
    (row,) = [line for line in lines if line.startswith("/camera/image_raw")]
    assert row.split() == ["/camera/image_raw", "sensor_msgs/Image", "20", "6.8", "0.3", "80x60", "bgr8"]
    (light,) = [line for line in lines if line.startswith("light: /camera/image_raw")]
    assert "▂▂▂▂▂▂▂▂▂▂██████████" in light
    assert sum("has 1, the longest: 1.00 s at 0.9 s" in line for line in lines) == 2
    assert len(lines) < 25


def test_what_is_broken_is_told_and_the_exit_code_is_1(tmp_path):
    bag = write(tmp_path / "drive", damaged=(3, 4))
    output = illumigan("info", bag, code=1)
    assert "broken: /camera/image_raw: 2 of 20 images cannot be read; " in output
    file = bag / "drive.mcap"
    file.write_bytes(file.read_bytes()[:100_000])
    output = illumigan("info", bag, code=1)
    assert "broken: drive.mcap is cut off, as when its recorder is killed" in output
    assert "messages on /camera/camera_info are there." in output
