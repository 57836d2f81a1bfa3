"""AttentionUNet, the generator of EnlightenGAN (Jiang et al., arXiv 1906.06972, section 3.1), as its code has it.

A U-Net of five levels. The attention map A = 1 - luminance of the input is its fourth input channel, and, reduced by
max pooling, multiplies all skips and the bottleneck. The output is a residual: out = input + A x latent.

    level   1    2    3    4    5          block: conv 3x3 -> LeakyReLU 0.2 -> batch norm, twice
    width  32   64  128  256  512          down: max pool 2, up: bilinear x2, conv 3x3, concatenation with the skip

Images are float RGB in [0, 1], N x 3 x H x W; inside, as published, the image runs in [-1, 1]. H and W may be any
size: the image is extended to a multiple of 16 by repeating its last row and column, and the result is cut back.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from illumigan_model.attention import attention
from illumigan_model.errors import ModelError

LEVELS = 5
STRIDE = 2 ** (LEVELS - 1)


@dataclass(frozen=True)
class AttentionUNetConfig:
    """Size of an AttentionUNet: `width` channels at the first level, doubled at each further one (32 as published)."""

    width: int = 32

    def as_dict(self) -> dict[str, int | float]:
        """Return the settings as plain numbers, for a checkpoint."""
        return asdict(self)


def block(inputs: int, outputs: int, norm: bool = True) -> nn.Sequential:
    """Return conv 3x3, LeakyReLU and, after them as published, batch norm."""
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs)) if norm else nn.Sequential(*layers)


class AttentionUNet(nn.Module):
    """EnlightenGAN's attention-guided U-Net; one image in, (enhanced image, attention map) out."""

    def __init__(self, config: AttentionUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or AttentionUNetConfig()
        widths = [self.config.width * 2**level for level in range(LEVELS)]
        inputs = [4, *widths[:-1]]
        self.down_1 = nn.ModuleList(block(i, o) for i, o in zip(inputs, widths))  # noqa: B905
        self.down_2 = nn.ModuleList(block(o, o) for o in widths)
        rising = list(reversed(widths))
        self.reduce = nn.ModuleList(nn.Conv2d(2 * o, o, 3, padding=1) for o in rising[1:])
        self.up_1 = nn.ModuleList(block(2 * o, o) for o in rising[1:])
        self.up_2 = nn.ModuleList(block(o, o, norm=o != widths[0]) for o in rising[1:])
        self.latent = nn.Conv2d(widths[0], 3, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return (enhanced image N x 3 x H x W, not clamped; attention map N x 1 x H x W)."""
        height, width = image.shape[2:]
        dark = attention(image)
        padded, mask = extend(2 * image - 1), extend(dark)
        x, skips = torch.cat([padded, mask], dim=1), []
        masks = [mask]
        for level in range(LEVELS - 1):
            x = self.down_2[level](self.down_1[level](x))
            skips.append(x * masks[-1])
            x = F.max_pool2d(x, 2, 2)
            masks.append(F.max_pool2d(masks[-1], 2, 2))
        x = self.down_2[-1](self.down_1[-1](x) * masks[-1])
        for reduce, up_1, up_2, skip in zip(self.reduce, self.up_1, self.up_2, reversed(skips)):  # noqa: B905
            # the published weights were trained with corners aligned, PyTorch's behaviour of that time
            x = reduce(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True))
            x = up_2(up_1(torch.cat([x, skip], dim=1)))
        made = padded + self.latent(x) * mask
        return (made[:, :, :height, :width] + 1) / 2, dark


def extend(image: Tensor) -> Tensor:
    """Repeat the last row and column until height and width are multiples of 16."""
    height, width = image.shape[2:]
    below, beside = -height % STRIDE, -width % STRIDE
    if below:
        image = torch.cat([image, *[image[:, :, height - 1 :]] * below], dim=2)
    if beside:
        image = torch.cat([image, *[image[:, :, :, width - 1 :]] * beside], dim=3)
    return image


def from_enlightengan(state: dict[str, Tensor]) -> AttentionUNet:
    """Return an AttentionUNet with the weights of an original EnlightenGAN generator.

    Args:
        state: state dict of the class `Unet_resize_conv` in EnlightenGAN's code, with or without the `module.` prefix
            of DataParallel.

    Raises:
        ModelError: keys or shapes are not those of that generator.
    """
    ours: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = our_name(key.removeprefix("module."))
        if name is not None:
            ours[name] = tensor
    try:
        net = AttentionUNet(AttentionUNetConfig(width=ours["down_1.0.0.weight"].shape[0]))
        net.load_state_dict(ours)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"These are not the weights of EnlightenGAN's generator: {error}.") from error
    return net.eval()


def our_name(key: str) -> str | None:
    """Translate a key of EnlightenGAN's generator (conv4_1.weight, bn6_2.bias, ...); None for what is not needed."""
    if match := re.fullmatch(r"(conv|bn)(\d)_([12])\.(\w+)", key):
        kind, place, half, rest = match.group(1), int(match.group(2)), match.group(3), match.group(4)
        side, level = ("down", place - 1) if place <= LEVELS else ("up", place - LEVELS - 1)
        return f"{side}_{half}.{level}.{0 if kind == 'conv' else 2}.{rest}"
    if match := re.fullmatch(r"deconv(\d)\.(\w+)", key):
        return f"reduce.{int(match.group(1)) - LEVELS}.{match.group(2)}"
    if match := re.fullmatch(r"conv10\.(\w+)", key):
        return f"latent.{match.group(1)}"
    return None
