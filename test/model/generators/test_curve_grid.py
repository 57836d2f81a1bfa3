import numpy as np
import pytest
import torch

from illumigan_model.attention import luminance
from illumigan_model.generators.curve_grid import (
    GRID_WH,
    KNOTS,
    THUMBNAIL_WH,
    CurveGrid,
    CurveGridConfig,
    apply_curves,
    area_matrix,
    hat,
    linear_matrix,
)

IDENTITY = ((torch.arange(KNOTS) / (KNOTS - 1)) ** 2).repeat(3)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = CurveGrid()
    for parameter in net.parameters():  # as if trained to something wild
        torch.nn.init.normal_(parameter, std=0.3)
    return net.eval()


def grid_of(knots, unison=0.0):
    width, height = GRID_WH
    values = torch.cat([torch.as_tensor(knots, dtype=torch.float32), torch.tensor([unison])])
    return values[None, :, None, None].expand(1, -1, height, width)


def test_curves_rise_from_black_to_white_whatever_the_weights(net):
    curves = net.curves(torch.rand(2, 3, THUMBNAIL_WH[1], THUMBNAIL_WH[0]))
    assert curves.shape == (2, 3 * KNOTS + 1, 9, 16)
    by_colour = curves[:, :-1].unflatten(1, (3, KNOTS))
    assert (by_colour.diff(dim=2) >= 0).all()
    assert (by_colour[:, :, 0] == 0).all()
    assert torch.allclose(by_colour[:, :, -1], torch.ones(()), atol=1e-5)
    assert ((curves[:, -1] >= 0) & (curves[:, -1] <= 1)).all()


@pytest.mark.parametrize("height,width", [(16, 16), (97, 131), (144, 256), (288, 511)])
def test_any_size_gives_an_image_and_an_attention_map_of_that_size(net, height, width):
    image, attention = net(torch.rand(1, 3, height, width))
    assert image.shape == (1, 3, height, width)
    assert attention.shape == (1, 1, height, width)


def test_black_and_white_stay(net):
    for shade in (0.0, 1.0):
        image, _ = net(torch.full((1, 3, 64, 64), shade))
        assert torch.allclose(image, torch.tensor(shade), atol=2e-3)


def test_the_identity_grid_changes_nothing():
    image = torch.rand(1, 3, 40, 50)
    made, _ = apply_curves(image, grid_of(IDENTITY))
    assert (made - image).abs().max() < 1 / 7**2 / 4 + 1e-3  # what a curve of 8 knots bends between them


def test_a_lifting_grid_by_hand():
    knots = torch.linspace(0, 1, KNOTS).repeat(3)  # curve(x) = sqrt(x)
    image = torch.full((1, 3, 8, 8), 0.25)
    made, attention = apply_curves(image, grid_of(knots))
    assert torch.allclose(attention, torch.tensor(0.75))
    assert torch.allclose(made, torch.tensor(0.25 + 0.75 * (0.5 - 0.25)), atol=1e-4)


def test_in_unison_the_colours_of_a_red_lamp_keep_their_distance():
    knots = torch.linspace(0, 1, KNOTS).repeat(3)
    red = torch.tensor([0.3, 0.02, 0.05])[None, :, None, None].expand(1, 3, 8, 8)
    apart, _ = apply_curves(red, grid_of(knots, unison=0.0))
    alike, _ = apply_curves(red, grid_of(knots, unison=1.0))
    assert torch.allclose(alike[0, 0] - alike[0, 1], red[0, 0] - red[0, 1], atol=1e-4)
    assert (apart[0, 0] - apart[0, 1] - (red[0, 0] - red[0, 1])).abs().mean() > 0.05


def test_in_unison_a_red_glow_keeps_the_contrast_of_its_luminance():
    knots = torch.cat([torch.linspace(0, 0.6, 3), torch.linspace(0.68, 1, KNOTS - 3)]).repeat(3)  # dark shades spread
    red = torch.tensor([0.25, 0.01, 0.01])[None, :, None, None] * torch.linspace(0.8, 1, 9)
    red = red.expand(1, 3, 8, 9)
    grey = luminance(red).expand(1, 3, 8, 9)
    from_red, from_grey = (luminance(apply_curves(of, grid_of(knots, unison=1.0))[0]) for of in (red, grey))
    assert torch.allclose(from_red, from_grey, atol=1e-2)
    assert from_red[0, 0, 0, -1] - from_red[0, 0, 0, 0] > 2 * (grey[0, 0, 0, -1] - grey[0, 0, 0, 0])


@pytest.mark.parametrize("lit", [(0.8, 0.05, 0.05), (0.05, 0.8, 0.1), (0.05, 0.1, 0.9)])
def test_in_unison_what_is_lit_in_a_strong_colour_does_not_pale(lit):
    knots = torch.linspace(0, 1, KNOTS).repeat(3)
    image = torch.tensor(lit)[None, :, None, None].expand(1, 3, 8, 8)
    made = apply_curves(image, grid_of(knots, unison=1.0))[0][0, :, 0, 0].clamp(0, 1)
    assert made.max() - made.min() > 0.97 * (max(lit) - min(lit))
    assert 1 - made.min() / made.max() > 0.8 * (1 - min(lit) / max(lit))


def test_a_curve_starts_from_the_histogram_of_its_own_tile_or_of_nine():
    thumbnail = torch.full((1, 3, THUMBNAIL_WH[1], THUMBNAIL_WH[0]), 0.05)
    thumbnail[:, :, 32:40, 64:72] = torch.linspace(0.3, 0.5, 8)  # one tile of lit texture
    for own, reaches in ((True, False), (False, True)):
        net = CurveGrid(CurveGridConfig(own_histogram=own)).eval()
        curves, far = net.curves(thumbnail), net.curves(torch.full_like(thumbnail, 0.05))
        change = (curves - far)[0, :KNOTS].abs().amax(dim=0)
        assert change[4, 8] > 0.05
        assert (change[4, 9] > 0.05) == reaches
        assert change[4, 12] < 0.02


def test_untrained_it_is_a_clahe_that_raises_local_contrast():
    flat = torch.full((1, 3, 144, 256), 0.2)
    flat[:, :, ::8, :] = 0.25
    image, _ = CurveGrid().eval()(flat)
    assert image.std() > 1.1 * flat.std()


def test_knot_weights_add_up_to_one():
    position = torch.linspace(0, KNOTS - 1, 300)
    assert torch.allclose(sum(hat(position - knot) for knot in range(KNOTS)), torch.ones(()), atol=1e-5)


def test_resizing_matrices_do_what_opencv_does():
    import cv2

    picture = np.random.default_rng(0).random((355, 641), dtype=np.float32)
    ours = area_matrix(355, 144) @ torch.from_numpy(picture) @ area_matrix(641, 256).T
    assert np.abs(ours.numpy() - cv2.resize(picture, (256, 144), interpolation=cv2.INTER_AREA)).max() < 1e-5
    grid = np.random.default_rng(0).random((9, 16), dtype=np.float32)
    ours = linear_matrix(9, 300) @ torch.from_numpy(grid) @ linear_matrix(16, 411).T
    assert np.abs(ours.numpy() - cv2.resize(grid, (411, 300), interpolation=cv2.INTER_LINEAR)).max() < 1e-3


def test_every_weight_learns():
    net = CurveGrid().train()
    image, _ = net(torch.rand(2, 3, 72, 128) * 0.3)
    image.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
