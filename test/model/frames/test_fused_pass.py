import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from illumigan_model.frames import fused_pass
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.kernels import plain
from illumigan_model.frames.noise import Noise
from illumigan_model.frames.thumbnails import Reductions
from illumigan_model.generators.curve_grid import apply_curves

SIZES = [(16, 16), (17, 31), (131, 77), (640, 361)]


@pytest.fixture(scope="module")
def grid():
    rng = np.random.default_rng(1)
    knots = np.sort(rng.random((3, 8, 9, 16), dtype=np.float32), axis=1).reshape(24, 9, 16)
    return np.concatenate([knots, rng.random((1, 9, 16), dtype=np.float32)])


def surroundings_of(frame):
    reductions = Reductions()
    reductions.begin(frame)
    return reductions.surroundings()


def begin(fused, frame, sigma, rounding=0.0):
    noise = Noise(sigma, min(sigma, 1.0), rounding, whole=rounding, doubt=rounding)
    return fused.begin(frame, lambda: (noise, surroundings_of(frame), None))


def enhance(frame, grid, noise=0.0, threads=2, rounding=0.0):
    fused = FusedPass(threads)
    made = begin(fused, frame, noise, rounding).finish(grid)
    fused.close()
    return made


def picture(day, width, height):
    return cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("width,height", SIZES)
def test_a_frame_comes_out_as_the_generator_would_make_it(day, grid, width, height):
    frame = picture(day, width, height)
    image, attention = enhance(frame, grid, 0.0, 2)
    rgb = torch.from_numpy(frame[:, :, ::-1].transpose(2, 0, 1).copy())[None] / 255
    wanted, dark = apply_curves(rgb, torch.from_numpy(grid)[None])
    wanted = wanted[0].clamp(0, 1).numpy().transpose(1, 2, 0)[:, :, ::-1] * 255
    assert np.abs(image - wanted).max() <= 1.5
    assert np.abs(image - wanted).mean() <= 0.5
    assert np.abs(attention - dark[0, 0].numpy() * 255).max() <= 0.51


@pytest.mark.parametrize(
    "noise,rounding,darker", [(0.0, 0.0, 1), (2.5, 0.0, 1), (1.0, 0.0, 6), (0.0, 1.0, 8), (0.2, 0.5, 16)]
)
@pytest.mark.parametrize("width,height", SIZES)
def test_without_numba_the_pixels_are_the_same(day, grid, monkeypatch, noise, rounding, darker, width, height):
    frame = picture(day, width, height) // darker
    compiled = enhance(frame, grid, noise, 2, rounding)
    monkeypatch.setattr(fused_pass, "open_kernels", lambda: plain)
    slow = enhance(frame, grid, noise, 2, rounding)
    for one, other in zip(compiled, slow, strict=True):
        assert cv2.absdiff(one, other).max() <= 1


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("width,height", [(131, 77), (1000, 563)])
def test_the_number_of_threads_changes_no_pixel(day, grid, width, height, noise):
    frame = picture(day, width, height)
    wanted, _ = enhance(frame, grid, noise, 2)
    for threads in (1, 3, 8):
        image, _ = enhance(frame, grid, noise, threads)
        assert (image == wanted).all()


def test_a_result_that_is_kept_is_not_overwritten(day, night, grid):
    fused = FusedPass(2)
    image, attention = begin(fused, day, 1.0).finish(grid)
    before = image.copy(), attention.copy()
    begin(fused, night, 1.0).finish(grid)
    assert (image == before[0]).all()
    assert (attention == before[1]).all()


def test_memory_is_made_once_and_serves_frames_of_other_sizes_too(day, grid):
    fused = FusedPass(2)
    for width, height in [(640, 361), (131, 77), (640, 361)]:
        frame = picture(day, width, height)
        for noise in (2.0, 0.0):
            made = begin(fused, frame, noise).finish(grid)
            assert (made[0] == enhance(frame, grid, noise)[0]).all()


@pytest.mark.parametrize("width", range(626, 640))
def test_what_a_wider_frame_has_left_changes_no_pixel(grid, width):
    wider = np.full((300, 640, 3), 255, np.uint8)
    frame = np.random.default_rng(width).integers(0, 83, (300, width, 3), np.uint8)
    fused, fresh = FusedPass(2), FusedPass(2)
    made = []
    for each, frames in ((fused, (wider, frame)), (fresh, (frame,))):
        for one in frames:
            job = begin(each, one, 1.0)
            job.prepare()
            image, _ = job.finish(grid)
        made.append(image)
        each.close()
    np.testing.assert_array_equal(*made)


def test_a_job_may_be_abandoned(day, grid):
    fused = FusedPass(2)
    begin(fused, day, 2.0).abandon()
    made, _ = begin(fused, day, 2.0).finish(grid)
    assert (made == enhance(day, grid, 2.0)[0]).all()


def test_threads_end_where_a_frame_is_left_on_its_way(day):
    fused = FusedPass(2)
    begin(fused, day, 2.0)  # and then a signal ends what was to come
    fused.close()


def test_an_error_of_a_helper_is_raised_and_the_next_frame_is_served(day, grid):
    fused = FusedPass(2)
    with pytest.raises(ZeroDivisionError):
        fused.begin(day, lambda: (1 / 0, day, None)).finish(grid)
    made, _ = begin(fused, day, 2.0).finish(grid)
    assert (made == enhance(day, grid, 2.0)[0]).all()


def test_the_running_path_needs_no_torch():
    code = "import sys, illumigan_model.enhancer as e; e.Enhancer(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
