"""The classical enhancers."""

import numpy as np
from skimage import data

from illumigan_model.attention import mean_luma
from illumigan_model.frames.baselines import auto_gamma, clahe

DARK = data.astronaut()[::4, ::4, ::-1] // 6


def test_auto_gamma_brings_a_dark_picture_near_the_middle_and_leaves_a_middle_grey():
    assert 0.3 < mean_luma(auto_gamma(DARK)) < 0.55
    grey = np.full((16, 16, 3), 115, np.uint8)
    assert np.abs(auto_gamma(grey).astype(int) - 115).max() <= 1


def test_clahe_raises_local_contrast_more_the_higher_its_clip_limit():
    plain, strong = clahe(DARK, clip=1.0), clahe(DARK)
    assert DARK.std() < plain.std() < strong.std()
    assert strong.shape == DARK.shape and strong.dtype == np.uint8


def test_mean_luma_weighs_the_colours():
    for colour, weight in (((255, 0, 0), 0.114), ((0, 255, 0), 0.587), ((0, 0, 255), 0.299)):
        assert abs(mean_luma(np.full((4, 6, 3), colour, np.uint8)) - weight) < 1e-6
