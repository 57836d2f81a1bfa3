import numpy as np
import pytest

from illumigan_model.frames import curves, noise
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.kernels import compiled, plain
from illumigan_model.frames.noise import estimate_noise
from illumigan_model.frames.thumbnails import Reductions


def surroundings_of(frame):
    reductions = Reductions()
    reductions.begin(frame)
    return reductions.surroundings()


@pytest.fixture(scope="module")
def denoised():
    """Denoise a frame and change nothing else."""
    same = np.broadcast_to(np.vstack([curves.IDENTITY, [[[0]]]]), (25, 9, 16)).astype(np.float32)
    fused = FusedPass(2)
    yield lambda frame, noise: fused.begin(frame, lambda: (noise, surroundings_of(frame))).finish(same)[0]
    fused.close()


@pytest.fixture(scope="module")
def dim(day):
    """A real picture in a tenth of its light, without noise of its own, float."""
    return day.astype(np.float32) / 10


def noisy(picture, sigma):
    grain = np.random.default_rng(5).normal(0, sigma, picture.shape)
    return np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)


def error(frame, truth):
    return float(np.sqrt(np.mean((frame.astype(np.float32) - truth) ** 2)))


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_a_noisy_picture_comes_nearer_to_the_clean_one(dim, denoised, sigma):
    frame = noisy(dim, sigma)
    truth = denoised(noisy(dim, 0), 0.0)
    assert error(denoised(frame, estimate_noise(frame)), truth) < 0.7 * error(denoised(frame, 0.0), truth)


def test_a_picture_with_hardly_any_noise_stays_as_it_is(day, denoised):
    assert error(denoised(day, 0.2), denoised(day, 0.0)) < 0.6


def test_a_wall_gets_calm_and_its_edge_keeps_its_height(denoised):
    wall = np.full((128, 128, 3), 20, np.float32)
    wall[:, 64:] = 60
    frame = noisy(wall, 3)
    made = denoised(frame, 3.0)
    for side in (slice(2, 62), slice(66, 126)):
        assert made[:, side].std() < 0.45 * frame[:, side].std()
    assert made[:, 64].mean() - made[:, 63].mean() > 0.9 * 40


def test_a_speck_unlike_all_around_it_fades(denoised):
    frame = np.full((64, 64, 3), 20, np.uint8)
    frame[32, 32] = 60
    made = denoised(frame, 1.5)
    assert made[32, 32].mean() < 20 + 0.5 * 40
    assert made[33, 33].mean() < 23


def test_the_frame_is_denoised_up_to_its_border(denoised):
    frame = noisy(np.full((90, 97, 3), 25, np.float32), 3)
    made = denoised(frame, 3.0)
    for border in (made[0], made[-1], made[:, 0], made[:, -1]):
        assert border.std() < 0.6 * frame.std()


@pytest.mark.parametrize("kernels", [compiled, plain])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 8.0])
def test_the_noise_estimate_finds_the_noise(monkeypatch, kernels, sigma):
    monkeypatch.setattr(noise, "open_kernels", lambda: kernels)
    frame = noisy(np.full((360, 640, 3), 60.0), sigma)
    assert noise.estimate_noise(frame) == pytest.approx(sigma, rel=0.1, abs=0.35)


@pytest.mark.parametrize("height,width", [(512, 512), (16, 16), (17, 100)])
def test_without_numba_the_noise_is_the_same(monkeypatch, night, height, width):
    frame = np.ascontiguousarray(night[:height, :width])
    fast = noise.estimate_noise(frame)
    monkeypatch.setattr(noise, "open_kernels", lambda: plain)
    assert noise.estimate_noise(frame) == fast
