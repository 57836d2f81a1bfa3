"""`illumigan bag-to-video`: the images of a bag, at their own times."""

import numpy as np
import pytest
from support.commands import error, illumigan
from support.footage import NIGHT

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE, image_cdr
from illumigan_ros.recordings.video import VideoReader

pytest.importorskip("av")
START_NS = 1_600_000_000_000_000_000
TIMES = [0.0, 0.1, 0.25, 1.25, 1.3]


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / "drive") as made:
        made.add_topic("/left/image_raw", IMAGE)
        made.add_topic("/right/image_raw", IMAGE)
        for index, time in enumerate(TIMES):
            stamp_ns = START_NS + round(time * 1e9)
            made.write("/left/image_raw", stamp_ns + 7, image_cdr(NIGHT, stamp_ns))
            made.write("/right/image_raw", START_NS + index, image_cdr(NIGHT, 0))
    return tmp_path / "drive"


def frames_of(path):
    with VideoReader(path) as video:
        return [(picture, float(time)) for picture, time, _ in video]


def test_each_image_is_shown_at_the_time_of_its_stamp(bag, tmp_path):
    assert "5 images written" in illumigan("bag-to-video", bag, tmp_path / "out.mp4", "--topic", "/left/image_raw")
    frames = frames_of(tmp_path / "out.mp4")
    np.testing.assert_allclose([time for _, time in frames], TIMES, atol=1e-4)
    assert np.abs(frames[0][0].astype(int) - NIGHT).mean() < 3


def test_side_by_side_has_the_image_left_of_its_result_and_the_time_in_a_corner(bag, tmp_path):
    options = ("--topic", "/left/image_raw", "--side-by-side")
    illumigan("bag-to-video", bag, tmp_path / "both.mkv", *options)
    illumigan("bag-to-video", bag, tmp_path / "timed.mkv", *options, "--show-time")
    (both, _), (timed, _) = frames_of(tmp_path / "both.mkv")[4], frames_of(tmp_path / "timed.mkv")[4]
    assert both.shape == (120, 320, 3)
    assert both[40:, 160:].mean() > 1.5 * both[40:, :160].mean()
    changed = np.abs(timed.astype(int) - both).max(axis=2) > 60
    assert changed[:20].any() and not changed[40:].any()


def test_bags_that_make_no_video_are_one_sentence(bag, tmp_path):
    assert "several image topics" in error("bag-to-video", bag, tmp_path / "out.mp4")
    (tmp_path / "text.txt").write_text("text")
    assert "is no bag; enhance-video takes videos" in error("bag-to-video", tmp_path / "text.txt", tmp_path / "out.mp4")
    assert "must end in .mp4" in error("bag-to-video", bag, tmp_path / "out.gif", "--topic", "/left/image_raw")
    for option, value in (("--model", "curve_grid"), ("--runtime", "auto"), ("--strength", 0.5), ("--denoise", 0)):
        sentence = error("bag-to-video", bag, tmp_path / "out.mp4", "--topic", "/left/image_raw", option, value)
        assert sentence == f"error: Nothing is enhanced without --side-by-side: leave out {option}."
    assert "There is no bag" in error("bag-to-video", tmp_path / "none", tmp_path / "out.mp4")
    assert not list(tmp_path.glob("out.*"))
