"""camera_info beside the enhanced image: the one of the same stamp, or the newest one for images of that size."""

import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs ROS")

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from illumigan_ros.node.camera_info import KEPT, CameraInfoCache


def header(second: int, frame_id: str = "eye") -> Header:
    made = Header(frame_id=frame_id)
    made.stamp.sec = second
    return made


def info(second: int, **fields: float) -> CameraInfo:
    return CameraInfo(header=header(second), width=640, height=480, **fields)


def test_the_message_of_the_same_stamp_comes_back_untouched():
    cache = CameraInfoCache()
    first, second = info(1), info(2)
    for message in (first, second):
        cache.add(message)
    assert cache.matching(header(1), 640, 480) is first
    assert cache.matching(header(2), 320, 240) is second  # whatever the size: it is the camera's own word


def test_without_one_the_newest_gets_the_images_header_and_stays_as_it_is_itself():
    cache = CameraInfoCache()
    latched = info(1, distortion_model="plumb_bob")
    cache.add(latched)
    found = cache.matching(header(7, "other_eye"), 640, 480)
    assert (found.header.stamp.sec, found.header.frame_id, found.distortion_model) == (7, "other_eye", "plumb_bob")
    assert latched.header == header(1)


def test_there_is_none_for_an_image_of_another_size_nor_before_the_first():
    cache = CameraInfoCache()
    assert cache.matching(header(1), 640, 480) is None
    cache.add(info(1))
    assert cache.matching(header(2), 320, 240) is None


def test_the_oldest_are_forgotten():
    cache = CameraInfoCache()
    kept = [info(second) for second in range(KEPT + 1)]
    for message in kept:
        cache.add(message)
    assert cache.matching(header(1), 640, 480) is kept[1]
    assert cache.matching(header(0), 640, 480) is not kept[0]
