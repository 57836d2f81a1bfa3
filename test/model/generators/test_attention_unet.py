import numpy as np
import pytest
import torch

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig, from_enlightengan


def original_state() -> dict[str, torch.Tensor]:
    """A state dict with the key names and shapes of EnlightenGAN's Unet_resize_conv, random values."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def conv(name, inputs, outputs, kernel=3):
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel) * 0.05
        state[f"{name}.bias"] = torch.randn(outputs) * 0.05

    def norm(name, width):
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.rand(width) + 0.5, torch.randn(width) * 0.1
        state[f"{name}.running_mean"], state[f"{name}.running_var"] = torch.randn(width) * 0.1, torch.rand(width) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(1)

    widths = [4, 32, 64, 128, 256, 512]
    for level in range(1, 6):
        conv(f"conv{level}_1", widths[level - 1], widths[level])
        conv(f"conv{level}_2", widths[level], widths[level])
        norm(f"bn{level}_1", widths[level])
        norm(f"bn{level}_2", widths[level])
    for step, width in enumerate([256, 128, 64, 32]):
        conv(f"deconv{5 + step}", 2 * width, width)
        conv(f"conv{6 + step}_1", 2 * width, width)
        conv(f"conv{6 + step}_2", width, width)
        norm(f"bn{6 + step}_1", width)
        if width != 32:
            norm(f"bn{6 + step}_2", width)
    conv("conv10", 32, 3, kernel=1)
    return state


def published(state: dict[str, torch.Tensor], rgb: torch.Tensor) -> torch.Tensor:
    """EnlightenGAN's forward pass, written out from the paper's description with plain functions."""
    f = torch.nn.functional
    gray = 1 - (0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:])
    image = 2 * rgb - 1

    def conv(x, name):
        weight = state[f"{name}.weight"]
        return f.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[2] // 2)

    def act(x, place, half):
        x = f.leaky_relu(conv(x, f"conv{place}_{half}"), 0.2)
        if f"bn{place}_{half}.weight" not in state:
            return x
        stats = [state[f"bn{place}_{half}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return f.batch_norm(x, *stats)

    x, skips, mask = torch.cat([image, gray], 1), [], gray
    for level in range(1, 5):
        x = act(act(x, level, 1), level, 2)
        skips.append(x * mask)
        x, mask = f.max_pool2d(x, 2), f.max_pool2d(mask, 2)
    x = act(act(x, 5, 1) * mask, 5, 2)
    for place in range(6, 10):
        up = f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = torch.cat([conv(up, f"deconv{place - 1}"), skips.pop()], 1)
        x = act(act(x, place, 1), place, 2)
    return (image + conv(x, "conv10") * gray + 1) / 2


def test_it_has_the_published_size():
    assert sum(parameter.numel() for parameter in AttentionUNet().parameters()) == 8_636_675


@pytest.mark.parametrize("prefix", ["", "module."])
def test_original_weights_give_the_published_picture(prefix):
    state = original_state()
    net = from_enlightengan({prefix + key: tensor for key, tensor in state.items()})
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        made, attention = net(image)
    assert torch.allclose(made, published(state, image), atol=1e-4)
    assert attention.shape == (1, 1, 32, 48)


def test_an_original_checkpoint_file_runs(tmp_path):
    torch.save(original_state(), tmp_path / "200_net_G_A.pth")
    frame = np.full((48, 64, 3), 30, np.uint8)
    made = Enhancer(str(tmp_path / "200_net_G_A.pth"), "torch").enhance(frame)
    assert made.report.runtime == "torch"
    assert made.image.shape == frame.shape


def test_other_weights_are_refused_in_a_sentence():
    state = original_state()
    del state["conv3_1.weight"]
    with pytest.raises(ModelError, match="not the weights of EnlightenGAN"):
        from_enlightengan(state)


@pytest.mark.parametrize("height,width", [(16, 16), (33, 50), (64, 64)])
def test_any_size_comes_out_as_it_went_in(height, width):
    net = AttentionUNet(AttentionUNetConfig(width=4)).eval()
    image, attention = net(torch.rand(1, 3, height, width))
    assert image.shape == (1, 3, height, width)
    assert attention.shape == (1, 1, height, width)


def test_white_gets_no_attention_and_stays_white():
    net = AttentionUNet(AttentionUNetConfig(width=4)).eval()
    image, attention = net(torch.ones(1, 3, 32, 32))
    assert torch.allclose(image, torch.ones(()), atol=1e-5)
    assert attention.abs().max() < 1e-5
