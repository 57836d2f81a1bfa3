"""Denoising over time against scenes whose truth is known: less noise, no ghosts, no drift, and a fresh start."""

import cv2
import numpy as np
import pytest

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames import curves, fused_pass
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.kernels import plain
from illumigan_model.frames.noise import Noise
from illumigan_model.frames.past_luminance import PastLuminance
from illumigan_model.frames.soundness import lights
from illumigan_model.frames.succession import SPOILT, Succession
from illumigan_model.frames.thumbnails import Reductions

SIGMA = 2.0


class Film:
    """Denoises frame after frame over time, and changes nothing else."""

    def __init__(self, threads=2, strength=1.0):
        self.grid = np.broadcast_to(np.vstack([curves.IDENTITY, [[[0]]]]), (25, 9, 16)).astype(np.float32)
        self.fused, self.strength, self.frames = FusedPass(threads), strength, 0
        self.succession = Succession()
        self.past = PastLuminance(self.succession.restarts)

    def show(self, frame, stamp=None, sigma=SIGMA):
        reductions = Reductions()
        reductions.begin(frame)
        thumbnail = reductions.thumbnail()
        self.frames += 1
        self.past.begin(self.succession.follow(thumbnail, stamp, self.frames / 30))
        recall = self.past.recall(lights(thumbnail), frame.shape[:2], sigma, self.strength)
        job = self.fused.begin(frame, lambda: (Noise(0.0, 0.0), reductions.surroundings(), recall))
        made = job.finish(self.grid)[0]
        self.past.accept()
        return made


@pytest.fixture
def film():
    film = Film()
    yield film
    film.fused.close()


def noisy(scene, seed, sigma=SIGMA):
    grain = np.random.default_rng(seed).normal(0, sigma, scene.shape[:2])[:, :, None]
    return np.clip(scene + grain + 0.5, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scene(day):
    return cv2.resize(day, (160, 90), interpolation=cv2.INTER_AREA).astype(np.float32) / 8 + 8


def clean(scene):
    """The scene without noise, as this film shows it: a curve of eight knots bends a little between them."""
    film = Film()
    made = film.show(noisy(scene, 0, 0.0))
    film.fused.close()
    return made.astype(np.float32)


def error(made, scene):
    return float(np.sqrt(np.mean((made - clean(scene)) ** 2)))


def test_a_still_scene_gets_calmer_and_keeps_its_texture(film, scene):
    for seed in range(12):
        made = film.show(noisy(scene, seed))
    assert error(made, scene) < 0.5 * error(noisy(scene, 11), scene)


def test_a_bright_object_leaves_no_trail(film):
    road = np.full((90, 160, 3), 14.0)
    for seed in range(40):
        frame = road.copy()
        left = 4 * seed - 20
        frame[30:60, max(left, 0) : max(left + 16, 0)] = 90
        made = film.show(noisy(frame, seed)).astype(np.float32)
        if left > 40:
            behind = made[34:56, left - 12 : left - 4].mean()  # it has passed there one to three frames ago
            assert abs(behind - made[70:85].mean()) < 0.6
            assert made[34:56, left + 4 : left + 12].mean() > 87


@pytest.mark.parametrize("height", [1.7, -1.7, 2.5])
def test_a_large_thing_that_hardly_stands_out_keeps_its_contrast_and_leaves_hardly_a_trail(film, height):
    road, inside, behind = np.full((120, 320, 3), 25.0), [], []
    for seed in range(36):
        frame, left = road.copy(), 8 * seed
        frame[30:90, left : left + 40] += height * SIGMA
        made = film.show(noisy(frame, seed)).astype(np.float32)
        if seed > 6:
            ground = made[96:].mean()
            inside.append(made[34:86, left + 4 : left + 36].mean() - ground)
            behind.append(made[34:86, left - 24 : left - 16].mean() - ground)  # it has passed there three frames ago
    assert np.mean(inside) / (height * SIGMA) > 0.9
    assert abs(np.mean(behind)) < 0.15 * abs(height) * SIGMA


def alone(frame):
    """The frame as it is shown without a past."""
    film = Film()
    made = film.show(frame)
    film.fused.close()
    return made


def test_a_light_that_fades_is_followed_without_drift(film):
    for seed in range(60):
        level = 12 + 8 * np.sin(seed / 15) if seed < 40 else 12.0
        frame = noisy(np.full((180, 320, 3), level), seed)
        lag = abs(float(film.show(frame).mean() - alone(frame).mean()))
        assert lag < SIGMA / 2
    assert lag < 0.4  # noise alone bends the mean a little, as curves do


@pytest.mark.parametrize("change", ["cut", "size", "gap", "back", "reset", "nan"])
def test_it_starts_anew(film, scene, change):
    frame = noisy(scene, 0)
    for seed in range(8):
        film.show(noisy(scene, 10 + seed), stamp=seed / 30)
    sigma, stamp = SIGMA, 8 / 30
    if change == "cut":
        frame = noisy(scene[::-1] + 60, 0)
    elif change == "size":
        frame = np.ascontiguousarray(frame[:80])
    elif change == "gap":
        stamp = 9.0
    elif change == "back":
        stamp = -5.0
    elif change == "reset":
        film.past.forget()
    else:
        sigma = float("nan")
    fresh = Film()
    assert (film.show(frame, stamp, sigma) == fresh.show(frame)).all()
    fresh.fused.close()
    assert film.succession.restarts[SPOILT] == (change == "nan")


def test_stamps_in_any_order_are_survived(film, scene):
    for seed, stamp in enumerate([5.0, 4.9, float("nan"), 1e18, 0.0, -1.0, 5.0, 5.0]):
        made = film.show(noisy(scene, seed), stamp)
    assert error(made, scene) < 1.1 * error(noisy(scene, 7), scene)


def test_twice_the_same_whatever_the_threads_and_without_numba(scene, monkeypatch):
    frames = [noisy(scene + seed % 3, seed) for seed in range(5)]

    def shown(threads):
        film = Film(threads)
        made = [film.show(frame) for frame in frames]
        film.fused.close()
        return made

    wanted = shown(1)
    assert all((one == other).all() for one, other in zip(wanted, shown(3), strict=True))
    monkeypatch.setattr(fused_pass, "open_kernels", lambda: plain)
    assert max(cv2.absdiff(one, other).max() for one, other in zip(wanted, shown(2), strict=True)) <= 1


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_memory_of_no_number_is_forgotten_at_once_and_told(scene, film, nonsense):
    first = film.show(noisy(scene, 0))
    film.past._seen[3, 5:] = nonsense
    again = film.show(noisy(scene, 0))
    np.testing.assert_array_equal(again, first)
    assert film.succession.restarts == {SPOILT: 1}
    film.show(noisy(scene, 1))
    assert film.succession.restarts == {SPOILT: 1}


def test_strength_scales_it(scene):
    errors = []
    for strength in (0.01, 0.4, 1.0):
        film = Film(strength=strength)
        for seed in range(8):
            made = film.show(noisy(scene, seed))
        errors.append(error(made, scene))
        film.fused.close()
    assert errors[0] > errors[1] > errors[2]


def test_video_is_denoised_over_time_and_single_pictures_are_not(night):
    frames = [cv2.resize(np.roll(night, 3 * i, axis=0), (160, 90)) for i in range(2)]
    with Enhancer() as video, Enhancer(denoise_over_time=0.0) as plain_video, Enhancer(temporal=False) as still:
        for i, frame in enumerate(frames * 3):
            made = [each.enhance(frame, stamp=i / 30).image for each in (video, plain_video, still)]
        assert (made[0] != made[1]).any()
        with Enhancer(temporal=False, denoise_over_time=0.0) as alone:
            assert (made[2] == alone.enhance(frames[1]).image).all()


def test_a_frame_that_failed_leaves_the_past_as_it_was(scene, film):
    for seed in range(6):
        film.show(noisy(scene, seed))
    reductions = Reductions()
    reductions.begin(noisy(255 - scene, 0))
    recall = film.past.recall(lights(reductions.thumbnail()), (90, 160), SIGMA, 1.0)
    film.fused.begin(noisy(255 - scene, 0), lambda: (Noise(0.0, 0.0), reductions.surroundings(), recall)).abandon()
    made = film.show(noisy(scene, 9))
    assert error(made, scene) < 1.1 * error(noisy(scene, 9), scene)
