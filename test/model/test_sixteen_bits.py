import cv2
import numpy as np
import pytest

from illumigan_model.attention import attention_u8
from illumigan_model.enhancer import Enhancer
from illumigan_model.frames.exposure import to_eight_bits


@pytest.fixture(scope="module")
def still():
    with Enhancer(temporal=False, daylight_gate=False) as enhancer:
        yield enhancer


def deep(picture, brightest):
    """Return an 8-bit picture in sixteen bits, of which its white fills the lowest `brightest`."""
    return np.round(picture / 255 * brightest).astype(np.uint16)


def test_a_dark_frame_of_sixteen_bits_keeps_the_shades_that_eight_would_lose(still, day):
    frame = deep(day, 600)
    before = frame.copy()
    made = still.enhance(frame)
    assert (frame == before).all()
    assert made.image.dtype == np.uint8 and made.image.shape == frame.shape
    assert len(np.unique(made.image)) > 120
    reference = still.enhance(day // 5).image
    cut = still.enhance(to_eight_bits(frame)).image
    assert cv2.PSNR(made.image, reference) > cv2.PSNR(cut, reference) + 5
    assert (made.attention == attention_u8(to_eight_bits(frame))).all()
    assert made.report.luma_in < 0.02 < 0.2 < made.report.luma_out


@pytest.mark.parametrize("brightest", [600, 6000])
def test_a_slow_gradient_has_no_bands(still, brightest):
    ramp = np.tile(np.linspace(0, brightest, 640).round().astype(np.uint16)[None, :, None], (90, 1, 3))
    made = still.enhance(ramp).image[:, 40:]
    # grain, of which a picture keeps some, differs from row to row; a band does not
    assert np.abs(np.diff(made.mean(axis=0), axis=0)).max() <= 3
    assert len(np.unique(made[45])) > 100


def test_a_frame_that_uses_its_range_looks_as_with_eight_bits(still, night):
    night = night.copy()
    night[20:60, 20:60] = 255
    one, other = still.enhance(night.astype(np.uint16) * 257).image, still.enhance(night).image
    assert cv2.absdiff(one, other).mean() < 3


def test_strength_0_only_rounds(day):
    frame = deep(day, 600)
    with Enhancer(temporal=False, strength=0.0) as enhancer:
        made = enhancer.enhance(frame)
    assert made.report.bypassed == "strength 0"
    assert (made.image == np.round(frame / 257)).all()


def test_noise_in_the_low_bits_is_taken_out(still, day):
    calm = deep(cv2.GaussianBlur(day, (0, 0), 3), 600)
    noise = np.random.default_rng(0).normal(0, 12, calm.shape)
    noisy = np.clip(calm + noise, 0, 65535).round().astype(np.uint16)
    with Enhancer(temporal=False, daylight_gate=False, denoise=0.0) as other:
        grainy = other.enhance(noisy).image
    assert cv2.Laplacian(still.enhance(noisy).image, cv2.CV_32F).std() < 0.6 * cv2.Laplacian(grainy, cv2.CV_32F).std()


def test_the_exposure_of_a_video_changes_slowly(day):
    with Enhancer(daylight_gate=False) as enhancer:
        for index in range(10):
            enhancer.enhance(deep(day, 600), stamp=index / 30)
        lumas = [enhancer.enhance(deep(day, 900), stamp=(10 + index) / 30).report.luma_out for index in range(30)]
    assert np.abs(np.diff(lumas)).max() < 0.04


@pytest.mark.parametrize("highest", [0, 2])
def test_black_stays_black(still, highest):
    frame = np.random.default_rng(0).integers(0, highest + 1, (120, 160, 3)).astype(np.uint16)
    assert still.enhance(frame).image.mean() < 6


def test_views_of_sixteen_bits_are_taken_like_copies(still, day):
    wide = deep(np.dstack([day, day]), 2000)
    view = wide[::-1, :, 2::-1]
    assert (still.enhance(view).image == still.enhance(view.copy()).image).all()
