import pytest
import torch
import torch.nn.functional as F
from torch import nn

from illumigan_model.errors import ModelError
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.curve_grid import CurveGrid
from illumigan_model.generators.scopes import Core
from illumigan_model.torch2trt.check import check_convertible, converters

IMAGE = torch.rand(1, 4, 8, 8)
WEIGHTS = torch.rand(4, 4, 1, 1)


class Calls(nn.Module):
    """A module that calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


@pytest.mark.parametrize(
    "generator,shape",
    [
        (CurveGrid(), (1, 3, 72, 128)),
        (AttentionUNet(AttentionUNetConfig(width=4)), (1, 3, 32, 48)),
        (AttentionUNet(AttentionUNetConfig(width=4)), (1, 3, 33, 50)),
    ],
)
def test_both_generators_convert(generator, shape):
    check_convertible(Core(generator.eval()), torch.rand(shape))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.tanh(x),  # noqa: PLW0108 - looked up when it is called, as torch2trt replaces it
        lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True),
        lambda x: F.conv_transpose2d(x, WEIGHTS),
        lambda x: x * torch.ones(1).to(x),
        lambda x: x[:, 0:2, ..., 1] - 1.0 / x.mean(dim=(2, 3), keepdim=True)[:, 0:2, 0],
        lambda x: torch.cat([x, torch.zeros(1, 2, 8, 8)], dim=1) if x.shape[1] == 4 else x.tanh(),
    ],
)
def test_what_has_a_working_converter_passes(function):
    check_convertible(Calls(function), IMAGE)


@pytest.mark.parametrize(
    "function,name",
    [
        (lambda x: x.tanh(), "torch.Tensor.tanh"),
        (lambda x: torch.softmax(x, 1), "torch.softmax"),
        (lambda x: F.grid_sample(x, torch.zeros(1, 4, 4, 2), align_corners=False), "torch.nn.functional.grid_sample"),
        (lambda x: F.pixel_shuffle(x, 2), "torch.nn.functional.pixel_shuffle"),
        (lambda x: torch.where(x > 0.5, x, -x), "torch.where"),
        (F.hardswish, "torch.nn.functional.hardswish"),
        (lambda x: torch.conv2d(x, WEIGHTS), "torch.conv2d"),
        (lambda x: x.half(), "torch.Tensor.half"),
        (lambda x: x.cumsum(1), "torch.Tensor.cumsum"),
        (lambda x: x * x.max().item(), "torch.Tensor.item"),
        (lambda x: x if x.mean() > 0.5 else -x, "torch.Tensor.__bool__"),
        (lambda x: x * torch.from_numpy(x.numpy()), "torch.Tensor.numpy"),
        (lambda x: torch.zeros(1, 4, 8, 8).copy_(x), "torch.Tensor.copy_"),
    ],
)
def test_a_function_without_converter_is_refused_by_name(function, name):
    with pytest.raises(ModelError, match=f"no converter for {name}; it would freeze its result"):
        check_convertible(Calls(function), IMAGE)


@pytest.mark.parametrize(
    "function,message",
    [
        (lambda x: F.pad(x, (1, 1, 1, 1)), "functional.pad as it is used: TensorRT 10 has no padding layer"),
        (nn.ReflectionPad2d(1), "functional.pad"),
        (lambda x: F.interpolate(x, (4, 4), mode="area"), "mode area is not nearest or"),
        (lambda x: F.conv_transpose2d(x, torch.rand(4, 2, 2, 2)), "as many output channels as input channels"),
        (lambda x: F.conv2d(x, x[:, :, 0:1, 0:1]), "its weights depend on the input and would be frozen"),
        (lambda x: F.max_pool2d(x, 2), "its stride must be given"),
        (lambda x: F.adaptive_avg_pool2d(x, 3), "no multiple of the output's"),
        (lambda x: torch.matmul(torch.rand(3, 8), x), "factors of 2 and 4 dimensions"),
        (lambda x: F.linear(x, torch.rand(3, 8)), "more than 3 dimensions"),
        (lambda x: torch.einsum("bchw,cd->bdhw", x, torch.rand(4, 3)), "it cannot take constants"),
        (lambda x: x[:, :, -1:], "a slice must begin and end within the tensor"),
        (lambda x: x[:, :, :100], "a slice must begin and end within the tensor"),
        (lambda x: x[0], "an index must be a tuple"),
        (lambda x: x[:, 0:1].squeeze(1), "it leaves every dimension where it is"),
        (lambda x: x.mean(dim=-1), "a dimension must be counted from the front"),
        (lambda x: x.sum(), "its dimensions must be given"),
    ],
)
def test_a_converter_that_gets_it_wrong_is_refused(function, message):
    with pytest.raises(ModelError, match=message):
        check_convertible(Calls(function), IMAGE)


def test_an_output_that_does_not_come_from_the_input_is_refused():
    with pytest.raises(ModelError, match="would freeze output 1"):
        check_convertible(Calls(lambda x: (x + 1, torch.ones(3))), IMAGE)


def test_torch_is_as_before_afterwards():
    names = [name for name in converters() if name.startswith("torch.nn.functional.")]
    before = [getattr(F, name.rpartition(".")[2], None) for name in names]
    with pytest.raises(ModelError):
        check_convertible(Calls(lambda x: x.tanh()), IMAGE)
    assert [getattr(F, name.rpartition(".")[2], None) for name in names] == before
    assert "__getitem__" not in vars(torch.Tensor)
    assert torch.equal(IMAGE.tanh(), torch.tanh(IMAGE))
    assert len(converters()) == 213
