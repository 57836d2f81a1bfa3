import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_training.data.night_camera import Camera, display, expose, linearise, relight, scatter, underexpose

DAY = cv2.resize(cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR), (256, 144), interpolation=cv2.INTER_AREA)
QUIET = Camera(shot=0, read=0, glare=0, jpeg=0)


def test_a_perfect_camera_gives_the_photo_back():
    frame = expose(linearise(DAY), QUIET, np.random.default_rng(0))
    assert cv2.absdiff(frame, DAY).max() <= 1


@pytest.mark.parametrize("light", [0.05, 0.4])
def test_noise_follows_the_poisson_gaussian_law(light):
    camera = Camera(shot=0.001, read=0.01, glare=0, grain=0, jpeg=0)
    frame = expose(np.full((200, 200, 3), light, np.float32), camera, np.random.default_rng(0))
    linear = (frame / 255.0) ** 2.2
    assert linear.std() == pytest.approx(np.sqrt(0.001 * light + 0.01**2), rel=0.06)


def test_lamps_scatter_light_around_them_and_dim_scenes_do_not():
    scene = np.full((90, 160, 3), 0.01, np.float32)
    assert np.allclose(scatter(scene, 0.05), scene)
    scene[40:50, 75:85] = 20
    assert scatter(scene, 0.05)[45, 95].mean() > 0.011


def test_the_balance_tints_the_frame():
    frame = expose(
        np.full((32, 32, 3), 0.2, np.float32),
        Camera(balance=(1.3, 1, 0.7), read=0, shot=0, jpeg=0),
        np.random.default_rng(0),
    )
    blue, green, red = frame.reshape(-1, 3).mean(axis=0)
    assert blue < green < red


@pytest.mark.parametrize("darkness", [relight, underexpose])
def test_relit_photos_are_dark_and_what_is_wanted_is_visible(darkness):
    rng = np.random.default_rng(2)
    for _ in range(20):
        camera = Camera.sample(rng)
        relit = darkness(DAY, camera, rng)
        frame = expose(relit.radiance, camera, rng)
        assert frame.shape == DAY.shape
        assert frame.dtype == np.uint8
        assert relit.wanted.min() >= 0
        assert relit.wanted.max() <= 1
        assert frame.mean() / 255 < relit.wanted.mean() + 0.05
    assert relight(DAY, QUIET, np.random.default_rng(5)).wanted.mean() > 0.1


def test_the_photo_itself_is_wanted_of_an_underexposed_one():
    rng = np.random.default_rng(3)
    relit = underexpose(DAY, QUIET, rng)
    assert np.abs(relit.wanted - DAY[:, :, ::-1] / 255).max() < 1e-6
    shades = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (relit.radiance, relit.wanted)]
    assert shades[0].mean() < 0.1 * shades[1].mean()
    assert np.corrcoef(np.sqrt(shades[0]).ravel(), shades[1].ravel())[0, 1] > 0.8


def test_where_no_light_can_be_told_from_noise_night_stays_night():
    blind = Camera(shot=0.01, read=0.5)
    assert relight(DAY, blind, np.random.default_rng(0)).wanted.mean() < 0.08


def test_the_same_seed_gives_the_same_night():
    frames = []
    for _ in range(2):
        rng = np.random.default_rng(9)
        camera = Camera.sample(rng)
        frames.append(expose(relight(DAY, camera, rng).radiance, camera, rng))
    assert (frames[0] == frames[1]).all()


def test_display_undoes_linearise():
    assert np.abs(display(linearise(DAY)) * 255 - DAY[:, :, ::-1]).max() < 0.01
