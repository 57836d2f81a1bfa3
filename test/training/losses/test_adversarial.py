import pytest
import torch
from skimage import data

from illumigan_training.losses import adversarial
from illumigan_training.losses.features import FeatureNetwork

REAL, FAKE = torch.tensor([1.0, 4.0]), torch.tensor([0.0, 2.0])


def picture(name: str) -> torch.Tensor:
    """The middle 64 x 96 pixels of a reduced photo."""
    return torch.from_numpy(getattr(data, name)()[40:232:3, 40:328:3].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def features() -> FeatureNetwork:
    """Random weights and no biases, so that twice the light makes twice the features."""
    torch.manual_seed(0)
    network = FeatureNetwork("vgg16", "caffe")
    for layer in network.layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    return network


def test_relativistic_least_squares_by_hand():
    # real - mean fake = 0, 3 and fake - mean real = -2.5, -.5
    discriminator, generator = adversarial.relativistic_least_squares(REAL, FAKE)
    assert discriminator == ((1 + 4) / 2 + (6.25 + 0.25) / 2) / 2
    assert generator == ((12.25 + 2.25) / 2 + (0 + 9) / 2) / 2


def test_least_squares_by_hand():
    discriminator, generator = adversarial.least_squares(REAL, FAKE)
    assert discriminator == ((0 + 9) / 2 + (0 + 4) / 2) / 2
    assert generator == (1 + 1) / 2


def test_relativistic_scores_may_all_move_together_and_plain_ones_may_not():
    moved = REAL + 10, FAKE + 10
    assert adversarial.relativistic_least_squares(*moved) == adversarial.relativistic_least_squares(REAL, FAKE)
    assert adversarial.least_squares(*moved)[0] > adversarial.least_squares(REAL, FAKE)[0]


def test_gradients_flow_through_the_means_by_hand():
    fake = FAKE.clone().requires_grad_()
    adversarial.relativistic_least_squares(REAL, fake)[0].backward()
    # d/d fake_i = [-mean(real - mean fake - 1) + (fake_i - mean real)] / 2, two scores each
    assert fake.grad.tolist() == [(-0.5 - 2.5) / 2, (-0.5 - 0.5) / 2]


def test_losses_of_shares_average_to_that_of_the_joint_batch():
    torch.manual_seed(0)
    real, fake = torch.randn(6, 1, 5, 5), torch.randn(6, 1, 5, 5)
    parts = []
    for real_share, fake_share in zip(real.chunk(2), fake.chunk(2), strict=True):
        of_all = {real_share: real.mean(), fake_share: fake.mean()}  # what each process would learn from the others
        parts.append(adversarial.relativistic_least_squares(real_share, fake_share, mean=of_all.__getitem__))
    joint = adversarial.relativistic_least_squares(real, fake)
    for whole, first, second in zip(joint, *parts, strict=True):
        assert (first + second) / 2 == pytest.approx(whole.item(), rel=1e-6)


def test_equal_pictures_have_no_distance_and_other_scenes_a_large_one(features):
    cat, coffee = picture("chelsea"), picture("coffee")
    assert adversarial.feature_distance(features, cat, cat) == 0
    assert adversarial.feature_distance(features, cat, coffee) > 0.5


def test_distance_does_not_mind_brightness(features):
    cat, coffee = picture("chelsea"), picture("coffee")
    dimmed = adversarial.feature_distance(features, cat / 4, cat)
    assert dimmed < 1e-3 * adversarial.feature_distance(features, cat, coffee)


def test_distance_is_that_of_maps_of_mean_0_and_variance_1(features):
    made, source = picture("chelsea"), picture("coffee")
    with torch.no_grad():
        maps = [features(image).double() for image in (made, source)]
    normal = [
        (m - m.mean((2, 3), keepdim=True)) / (m.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt() for m in maps
    ]
    wanted = (normal[0] - normal[1]).square().mean()
    assert adversarial.feature_distance(features, made, source) == pytest.approx(wanted.item(), rel=1e-4)


def test_gradients_flow_to_what_was_made_only(features):
    made, source = picture("chelsea").requires_grad_(), picture("coffee").requires_grad_()
    adversarial.feature_distance(features, made, source).backward()
    assert made.grad.abs().max() > 0
    assert source.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())


def test_distance_in_bfloat16_is_nearly_the_same(features):
    made, source = (picture(name)[..., :32, :48] for name in ("chelsea", "coffee"))  # bfloat16 is slow on most CPUs
    exact = adversarial.feature_distance(features, made, source)
    with torch.autocast("cpu", torch.bfloat16):
        rough = adversarial.feature_distance(features, made, source)
    assert rough.dtype == torch.float32
    assert rough == pytest.approx(exact.item(), rel=0.03)
