import cv2
import numpy as np
import pytest

from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.thumbnails import Reductions


@pytest.mark.parametrize("width,height", [(1920, 1080), (640, 360), (511, 287), (480, 640), (2000, 200)])
def test_a_thumbnail_is_the_frame_averaged_over_areas(day, width, height):
    frame = cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)
    reductions = Reductions()
    reductions.begin(frame)
    made = reductions.thumbnail()
    wanted = cv2.resize(frame, THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    assert made.shape == wanted.shape
    assert abs(made.mean() - wanted.mean()) < 1
    assert cv2.PSNR(made, wanted) > 29


@pytest.mark.parametrize("width,height", [(100, 80), (16, 16)])
def test_the_thumbnail_of_a_small_frame_is_interpolated(day, width, height):
    frame = cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)
    reductions = Reductions()
    reductions.begin(frame)
    assert (reductions.thumbnail() == cv2.resize(frame, THUMBNAIL_WH, interpolation=cv2.INTER_LINEAR)).all()


@pytest.mark.parametrize("width,height", [(640, 360), (1283, 721), (17, 19)])
def test_surroundings_are_a_quarter_of_the_frame_and_smooth(day, width, height):
    frame = cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)
    reductions = Reductions()
    reductions.begin(frame)
    made = reductions.surroundings()
    assert made.shape == (height // 4, width // 4, 3)
    means = frame[: height // 4 * 4, : width // 4 * 4].reshape(height // 4, 4, width // 4, 4, 3).mean((1, 3))
    wanted = cv2.blur(means, (3, 3), borderType=cv2.BORDER_REPLICATE)
    assert np.abs(made - wanted).max() < 1.5


def test_frames_of_any_size_may_follow_each_other(day, night):
    reductions = Reductions()
    for frame in (day, cv2.resize(night, (1280, 720)), night, cv2.resize(day, (64, 48)), day):
        fresh = Reductions()
        for each in (reductions, fresh):
            each.begin(frame)
        assert (reductions.thumbnail() == fresh.thumbnail()).all()
        assert (reductions.surroundings() == fresh.surroundings()).all()


def test_a_thumbnail_may_be_kept(day, night):
    reductions = Reductions()
    reductions.begin(day)
    kept = reductions.thumbnail()
    before = kept.copy()
    reductions.begin(night)
    reductions.thumbnail()
    assert (kept == before).all()
