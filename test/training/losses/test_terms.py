import pytest
import torch

from illumigan_training.losses import terms

ZEROS = torch.zeros(2, 3, 16, 16)


def test_equal_pictures_cost_next_to_nothing():
    picture = torch.rand(2, 3, 16, 16)
    assert terms.reconstruction(picture, picture).max() <= 0.00101
    assert (terms.contrast(picture, picture) == 0).all()
    assert (terms.colour(picture, picture) == 0).all()


def test_reconstruction_is_the_mean_distance():
    assert terms.reconstruction(ZEROS + 0.3, ZEROS) == pytest.approx([0.3, 0.3], abs=1e-4)


def test_contrast_minds_edges_and_not_brightness():
    step = ZEROS.clone()
    step[:, :, :, 8:] = 1.0
    # one of 15, 7 and 3 horizontal steps is 1 at scales 1, 1/2 and 1/4; the vertical ones are all 0
    assert terms.contrast(step, ZEROS) == pytest.approx([1 / 15 + 1 / 7 + 1 / 3] * 2, abs=1e-5)
    assert terms.contrast(ZEROS + 0.5, ZEROS).abs().max() < 1e-6


def test_colour_minds_hue_and_not_brightness():
    red = ZEROS.clone()
    red[:, 0] = 0.3
    assert terms.colour(red, ZEROS) == pytest.approx([(0.2 + 0.1 + 0.1) / 3] * 2, abs=1e-5)
    assert terms.colour(ZEROS + 0.4, ZEROS).abs().max() < 1e-6


def test_smoothness_and_tint_of_grids_by_hand():
    grid = torch.zeros(1, 25, 9, 16)
    assert terms.smoothness(grid) == 0
    assert terms.tint(grid) == 0
    grid[:, :8] = 0.3  # only the red curves
    assert terms.tint(grid) == pytest.approx([(0.2**2 + 2 * 0.1**2) / 3], abs=1e-6)
    grid[:, :, :, 8:] += 1.0  # one of 15 steps across is 1
    assert terms.smoothness(grid) == pytest.approx([1 / 15], abs=1e-5)


def test_exposure_is_the_distance_of_each_block_from_the_level():
    half = ZEROS.clone()
    half[0] += 0.6
    assert terms.exposure(half, 0.5) == pytest.approx([0.1, 0.5], abs=1e-6)
