"""Pictures, a video and a bag at night, for the commands."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from support.footage import NIGHT, STAMPS

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, camera_info_cdr, image_cdr
from illumigan_ros.recordings.video import VideoWriter


@pytest.fixture
def night_folder(tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), NIGHT)
    cv2.imwrite(str(folder / "two.jpg"), NIGHT[:-1, :-1])
    cv2.imwrite(str(folder / "GREY.BMP"), NIGHT[..., 1])
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def night_video(tmp_path):
    with VideoWriter(tmp_path / "night.mp4", Fraction(30000, 1001)) as video:
        for index in range(12):
            video.write(np.roll(NIGHT, 3 * index, axis=1))
    return tmp_path / "night.mp4"


@pytest.fixture
def night_bag(tmp_path, as_sqlite):
    with BagWriter(tmp_path / "night_bag") as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for stamp in STAMPS:
            bag.write("/camera/image_raw", stamp + 5, image_cdr(NIGHT, stamp, "front"))
            bag.write("/camera/camera_info", stamp + 5, camera_info_cdr(160, 120, stamp, "front"))
    return as_sqlite(tmp_path / "night_bag")
