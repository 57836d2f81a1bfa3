import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from illumigan_model import curves, curves_numpy
from illumigan_model.generators.curve_grid import apply_curves

SIZES = [(16, 16), (17, 31), (131, 77), (640, 361)]


@pytest.fixture(scope="module")
def grid():
    rng = np.random.default_rng(1)
    knots = np.sort(rng.random((3, 8, 9, 16), dtype=np.float32), axis=1).reshape(24, 9, 16)
    return np.concatenate([knots, rng.random((1, 9, 16), dtype=np.float32)])


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def picture(day, width, height):
    return cv2.resize(day, (width, height), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("width,height", SIZES)
def test_a_frame_comes_out_as_the_generator_would_make_it(day, grid, pool, width, height):
    frame = picture(day, width, height)
    image, attention = curves.apply(frame, curves.surroundings(frame), grid, 0.0, pool, 2)
    rgb = torch.from_numpy(frame[:, :, ::-1].transpose(2, 0, 1).copy())[None] / 255
    wanted, dark = apply_curves(rgb, torch.from_numpy(grid)[None])
    wanted = wanted[0].clamp(0, 1).numpy().transpose(1, 2, 0)[:, :, ::-1] * 255
    assert np.abs(image - wanted).max() <= 1.5
    assert np.abs(image - wanted).mean() <= 0.5
    assert np.abs(attention - dark[0, 0].numpy() * 255).max() <= 0.51


@pytest.mark.parametrize("noise", [0.0, 2.5])
@pytest.mark.parametrize("width,height", SIZES)
def test_without_numba_the_pixels_are_the_same(day, grid, pool, monkeypatch, noise, width, height):
    frame = picture(day, width, height)
    compiled = curves.apply(frame, curves.surroundings(frame), grid, noise, pool, 2)
    monkeypatch.setattr(curves, "open_kernel", lambda: (curves_numpy, "for this test"))
    plain = curves.apply(frame, curves.surroundings(frame), grid, noise, pool, 2)
    for one, other in zip(compiled, plain, strict=True):
        assert cv2.absdiff(one, other).max() <= 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_pixel(day, grid, pool, threads):
    frame = picture(day, 131, 77)
    wanted, _ = curves.apply(frame, curves.surroundings(frame), grid, 2.0, pool, 2)
    image, _ = curves.apply(frame, curves.surroundings(frame), grid, 2.0, pool, threads)
    assert (image == wanted).all()


def test_denoising_calms_a_flat_wall_and_keeps_its_edge(pool):
    identity = np.broadcast_to(np.vstack([curves.IDENTITY, [[[0]]]]), (25, 9, 16)).astype(np.float32)
    wall = np.full((128, 128, 3), 20, np.float32)
    wall[:, 64:] = 60
    frame = np.clip(wall + np.random.default_rng(0).normal(0, 3, wall.shape), 0, 255).astype(np.uint8)
    image, _ = curves.apply(frame, curves.surroundings(frame), identity, 3.0, pool, 2)
    left = (slice(None), slice(8, 56))
    assert image[left].std() < 0.6 * frame[left].std()
    assert image[:, 68:72].mean() - image[:, 56:60].mean() > 35


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 8.0])
def test_the_noise_estimate_finds_the_noise(sigma):
    clean = np.full((360, 640, 3), 60.0)
    frame = np.clip(clean + np.random.default_rng(3).normal(0, sigma, clean.shape), 0, 255).round().astype(np.uint8)
    assert curves.estimate_noise(frame) == pytest.approx(sigma, rel=0.1, abs=0.35)


def test_a_numba_that_cannot_be_imported_is_no_obstacle(tmp_path):
    (tmp_path / "numba.py").write_text("raise SystemError('numba needs another NumPy')")
    code = (
        "from illumigan_model import curves, enhancer; import numpy as np;"
        "made = enhancer.Enhancer().enhance(np.full((64, 64, 3), 20, np.uint8));"
        "assert made.image.mean() > 22; assert 'needs another NumPy' in curves.kernel_reason()"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_running_path_needs_no_torch():
    code = "import sys, illumigan_model.enhancer as e; e.Enhancer(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
