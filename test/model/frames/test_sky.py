import cv2
import numpy as np
import pytest

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.sky import worth_lifting


def road(lamps: bool) -> np.ndarray:
    """A black sky with a little noise over a dimly lit road, with or without headlights in view."""
    frame = np.random.default_rng(2).integers(1, 4, (360, 640, 3)).astype(np.uint8)
    frame[180:] = np.random.default_rng(3).integers(15, 60, (180, 640, 3))
    if lamps:
        for x in (250, 300, 420):
            cv2.circle(frame, (x, 200), 7, (235, 240, 255), -1)
    return frame


@pytest.mark.parametrize("model,runtime", [("curve_grid", "auto"), ("attention_unet", "torch")])
def test_the_sky_beside_lamps_stays_black_and_the_road_gets_brighter(model, runtime):
    with Enhancer(model, runtime, temporal=False, denoise=0.0) as enhancer:
        lit, unlit = (enhancer.enhance(road(lamps)).image for lamps in (True, False))
    assert lit[:120].mean() < 15
    assert lit[220:].mean() > 1.2 * road(True)[220:].mean()
    before = road(True)[:120].mean()
    assert unlit[:120].mean() - before > 4 * (lit[:120].mean() - before)


def test_only_empty_tiles_beside_lamps_are_held_back():
    share = worth_lifting(cv2.resize(road(True), THUMBNAIL_WH, interpolation=cv2.INTER_AREA))
    assert share.shape == (9, 16)
    assert share[:3].max() < 0.3
    assert share[5:].min() == 1
    assert (worth_lifting(cv2.resize(road(False), THUMBNAIL_WH, interpolation=cv2.INTER_AREA)) == 1).all()


def test_a_dim_room_is_lifted_whole(night):
    assert worth_lifting(cv2.resize(night // 3, THUMBNAIL_WH, interpolation=cv2.INTER_AREA)).min() == 1


@pytest.mark.parametrize("model,runtime", [("curve_grid", "auto"), ("attention_unet", "torch")])
def test_a_lens_with_its_cap_on_stays_black(model, runtime):
    with Enhancer(model, runtime, temporal=False) as enhancer:
        assert enhancer.enhance(np.zeros((96, 128, 3), np.uint8)).image.max() == 0
