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
def test_surroundings_are_close_and_wide_and_say_how_colours_vary(day, width, height):
    frame = cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)
    reductions = Reductions()
    reductions.begin(frame)
    half, made = reductions.surroundings()
    assert half.shape == (height // 2, width // 2, 3)
    even = frame[: height // 2 * 2, : width // 2 * 2]
    assert np.abs(half - cv2.resize(even, half.shape[1::-1]).astype(int)).max() <= 1
    assert made.shape == (height // 4, 4, width // 4)
    made = made.transpose(0, 2, 1)
    means = frame[: height // 4 * 4, : width // 4 * 4].reshape(height // 4, 4, width // 4, 4, 3).mean((1, 3))
    wanted = cv2.blur(means, (3, 3), borderType=cv2.BORDER_REPLICATE)
    assert np.abs(made[:, :, :3] - wanted).max() < 1.5
    chroma = (means - (means @ [0.114, 0.587, 0.299])[:, :, None])[:, :, [0, 2]]
    squares, mean = (cv2.blur(of, (3, 3), borderType=cv2.BORDER_REPLICATE) for of in (chroma**2, chroma))
    variance = (squares - mean**2).sum(2)
    assert np.corrcoef(made[:, :, 3].ravel(), variance.ravel())[0, 1] > 0.98
    assert np.abs(made[:, :, 3] - variance).max() < 0.1 * variance.max()


def test_frames_of_any_size_may_follow_each_other(day, night):
    reductions = Reductions()
    for frame in (day, cv2.resize(night, (1280, 720)), night, cv2.resize(day, (64, 48)), day):
        fresh = Reductions()
        for each in (reductions, fresh):
            each.begin(frame)
        assert (reductions.thumbnail() == fresh.thumbnail()).all()
        for made, wanted in zip(reductions.surroundings(), fresh.surroundings(), strict=True):
            assert (made == wanted).all()


def test_a_thumbnail_may_be_kept(day, night):
    reductions = Reductions()
    reductions.begin(day)
    kept = reductions.thumbnail()
    before = kept.copy()
    reductions.begin(night)
    reductions.thumbnail()
    assert (kept == before).all()
