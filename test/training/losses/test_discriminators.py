import pytest
import torch

from illumigan_training.losses.discriminators import PatchDiscriminator, random_patches


@pytest.mark.parametrize(
    ("layers", "size", "scores", "parameters"),
    [(5, 320, 13, 11_154_369), (4, 32, 5, 6_959_553)],
)
def test_both_have_the_published_size(layers, size, scores, parameters):
    net = PatchDiscriminator(layers)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    with torch.no_grad():
        assert net(torch.rand(1, 3, size, size)).shape == (1, 1, scores, scores)


def test_images_of_any_shape_get_a_map_of_scores():
    with torch.no_grad():
        assert PatchDiscriminator(3, width=4)(torch.rand(2, 3, 48, 81)).shape == (2, 1, 9, 13)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (4, 142), (5, 286)])
def test_a_score_depends_on_its_receptive_field_and_no_more(layers, field):
    torch.manual_seed(0)
    net = PatchDiscriminator(layers, width=2)
    assert net.receptive_field == field
    for stage in net.stages:
        if isinstance(stage, torch.nn.Conv2d):
            torch.nn.init.uniform_(stage.weight, 0.5, 1.0)  # so that no gradient vanishes or cancels
    image = torch.rand(1, 3, 2 * field + 64, 2 * field + 64, requires_grad=True)
    scores = net(image)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == field
    assert columns[-1] - columns[0] + 1 == field


def test_mid_grey_is_zero_to_the_network():
    net = PatchDiscriminator(2, width=4)
    for stage in net.stages:
        if isinstance(stage, torch.nn.Conv2d):
            torch.nn.init.zeros_(stage.bias)
    with torch.no_grad():
        assert net(torch.full((1, 3, 16, 16), 0.5)).abs().max() == 0
        black, white = net(torch.zeros(1, 3, 16, 16)), net(torch.ones(1, 3, 16, 16))
    assert not torch.equal(black, white)
    assert black.abs().max() > 0


def coordinates(first: int, count: int, height: int, width: int) -> torch.Tensor:
    """Images whose three channels tell number, row and column of a pixel."""
    number = torch.arange(first, first + count).view(-1, 1, 1).expand(count, height, width)
    row = torch.arange(height).view(1, -1, 1).expand(count, height, width)
    column = torch.arange(width).view(1, 1, -1).expand(count, height, width)
    return torch.stack([number, row, column], dim=1).float()


def test_patches_lie_at_the_same_places_in_all_images():
    fake, real = coordinates(0, 3, 40, 60), coordinates(10, 2, 40, 60)
    of_fake, of_real = random_patches([fake, real], 8, 6, torch.Generator().manual_seed(1))
    assert of_fake.shape == (18, 3, 8, 8)
    assert of_real.shape == (12, 3, 8, 8)
    by_fake, by_real = of_fake.unflatten(0, (6, 3)), of_real.unflatten(0, (6, 2))
    assert (by_fake[:, :, 0, 0, 0] == torch.tensor([0.0, 1.0, 2.0])).all()
    assert (by_real[:, :, 0, 0, 0] == torch.tensor([10.0, 11.0])).all()
    places = by_fake[:, 0, 1:]
    assert (by_fake[:, :, 1:] == places[:, None]).all()
    assert (by_real[:, :, 1:] == places[:, None]).all()
    assert len({tuple(place) for place in places[:, :, 0, 0].tolist()}) > 1
    # and they are pieces of the picture: rows and columns follow one another
    assert (places[:, 0].diff(dim=1) == 1).all()
    assert (places[:, 1].diff(dim=2) == 1).all()


def test_every_place_is_drawn_and_a_seed_repeats_them():
    image = coordinates(0, 1, 9, 10)
    generator = torch.Generator().manual_seed(0)
    corners = random_patches([image], 8, 200, generator)[0][:, 1:, 0, 0].tolist()
    assert {tuple(corner) for corner in corners} == {(y, x) for y in (0, 1) for x in (0, 1, 2)}
    assert random_patches([image], 8, 200, generator)[0][:, 1:, 0, 0].tolist() != corners
    generator.manual_seed(0)
    assert random_patches([image], 8, 200, generator)[0][:, 1:, 0, 0].tolist() == corners


def test_gradients_of_patches_reach_the_image():
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    random_patches([image], 8, 2, torch.Generator().manual_seed(0))[0].sum().backward()
    assert image.grad.sum() == 2 * 3 * 8 * 8


@pytest.mark.parametrize("other", [(16, 17), (7, 16)])
def test_images_of_different_or_too_small_size_are_refused(other):
    images = [torch.rand(1, 3, *other), torch.rand(1, 3, 16, 16) if other[0] == 16 else torch.rand(1, 3, *other)]
    with pytest.raises(ValueError, match=f"{other[0]} x {other[1]}"):
        random_patches(images, 8, 1, torch.Generator())
