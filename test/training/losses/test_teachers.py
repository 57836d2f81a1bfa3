from contextlib import closing

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.attention import luminance_u8
from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError
from illumigan_model.frames.baselines import clahe
from illumigan_training.losses.teachers import open_teacher, raise_contrast

DARK = cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR) // 6


@pytest.mark.parametrize("method", [clahe, raise_contrast])
def test_dim_pictures_get_more_local_contrast(method):
    made = method(DARK)
    assert made.shape == DARK.shape
    assert made.dtype == np.uint8
    assert luminance_u8(made).std() > 1.5 * luminance_u8(DARK).std()


def test_all_colours_change_by_as_much_as_the_luminance():
    change = raise_contrast(DARK).astype(int) - DARK
    inside = (raise_contrast(DARK) > 0) & (raise_contrast(DARK) < 255)
    alike = inside.all(axis=2)
    assert alike.mean() > 0.9
    assert (np.ptp(change, axis=2)[alike] == 0).all()


def test_teachers_by_name():
    assert open_teacher("none") is None
    assert open_teacher("contrast") is raise_contrast
    with pytest.raises(ModelError, match=r"nobody\.safetensors"):
        open_teacher("nobody.safetensors")


def test_shipped_weights_teach_what_the_product_makes_of_a_photo():
    made = open_teacher("curve_grid")(DARK)
    with closing(Enhancer("curve_grid", daylight_gate=False, temporal=False)) as product:
        wanted = product.enhance(DARK).image
    assert np.abs(made.astype(int) - wanted).max() <= 2
