"""The built-in night drive: repeatable, dark, lit by lamps, moving."""

from itertools import islice, pairwise

import cv2
import numpy as np
import pytest

from illumigan_training.night_drive.drive import drive_radiance, night_drive

SMALL = {"width": 321, "height": 181}


@pytest.fixture(scope="module")
def frames():
    return list(night_drive(**SMALL, fps=10, seconds=1.0, seed=3))


@pytest.fixture(scope="module")
def radiance():
    return list(drive_radiance(**SMALL, fps=2, seconds=2.0, seed=3))


def test_frames_have_the_asked_size_and_number(frames):
    assert len(frames) == 10
    assert all(frame.shape == (181, 321, 3) and frame.dtype == np.uint8 for frame in frames)


def test_the_same_seed_gives_the_same_frames(frames):
    again = list(islice(night_drive(**SMALL, fps=10, seconds=1.0, seed=3), 3))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=False))


def test_another_seed_gives_another_street(frames):
    other = next(night_drive(**SMALL, fps=10, seconds=1.0, seed=4))
    assert np.abs(other.astype(int) - frames[0]).mean() > 3


def test_frames_are_dark_but_not_black(frames):
    for frame in frames:
        assert 0.02 < frame.mean() / 255 < 0.2
        assert np.median(frame) < 60


def test_lamps_are_bright_and_the_sky_stays_black(frames):
    for frame in frames:
        assert frame.max() == 255
        assert np.percentile(frame.max(axis=2), 5) < 16


def test_consecutive_frames_move_but_belong_together(frames):
    grey = [cv2.GaussianBlur(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY), (0, 0), 2).astype(float) for f in frames]
    for before, after in pairwise(grey):
        assert np.abs(after - before).mean() > 0.3
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.7


def test_day_twin_shows_the_same_scene_brightly(radiance):
    for night, day in radiance:
        assert night.shape == day.shape == (181, 321, 3)
        assert night.dtype == day.dtype == np.float32
        assert np.isfinite(night).all() and np.isfinite(day).all() and night.min() >= 0
        assert np.median(day) > 10 * np.median(night)
        assert day.max() <= 1.1 < night.max()


def test_the_dark_half_of_the_night_holds_detail(radiance):
    night, day = (np.log(picture.mean(axis=2) + 1e-5) for picture in radiance[0])
    lower = slice(100, None)
    assert np.std(night[lower]) > 0.3
    assert np.corrcoef(night[lower].ravel(), day[lower].ravel())[0, 1] > 0.3


def test_frames_can_be_tiny_and_tall():
    assert next(night_drive(width=48, height=96, seconds=0.1)).shape == (96, 48, 3)


def test_a_drive_goes_on_for_an_hour():
    with_jump = drive_radiance(**SMALL, fps=1 / 1800, seconds=3600.0)
    assert [night.shape for night, _ in with_jump] == [(181, 321, 3)] * 2


def test_a_picture_too_small_is_refused_clearly():
    with pytest.raises(ValueError, match="at least 16x16"):
        next(night_drive(width=0, height=720))
