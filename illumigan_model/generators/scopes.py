"""How much of the way of a frame a network takes: the core alone, or all of it.

core   float32 RGB in [0, 1], N x 3 x H x W, to the curves of a CurveGrid's thumbnail or to an AttentionUNet's image
full   uint8 BGR, N x H x W x 3, to the enhanced frame of the same type and shape and its attention map
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from illumigan_model.generators.checkpoint import Generator
from illumigan_model.generators.curve_grid import CurveGrid


class Core(nn.Module):
    """The part of a generator that a runtime runs: thumbnail to curves, or image to image."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> Tensor:
        """Return `CurveGrid.curves`, or the image that an AttentionUNet makes."""
        return self.generator.curves(image) if isinstance(self.generator, CurveGrid) else self.generator(image)[0]


class Full(nn.Module):
    """A generator from frame to frame; `precision` is the type that the generator is given its image in."""

    def __init__(self, generator: Generator, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.generator, self.precision = generator, precision

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Return (enhanced frame uint8 BGR N x H x W x 3, attention map uint8 N x H x W x 1) of a frame like that."""
        bgr = frame.to(self.precision).permute(0, 3, 1, 2) / 255
        image, dark = self.generator(swap_red_and_blue(bgr))
        return to_levels(swap_red_and_blue(image)), to_levels(dark)


def swap_red_and_blue(image: Tensor) -> Tensor:
    """Turn BGR into RGB and back, N x 3 x H x W."""
    return torch.cat([image[:, 2:3], image[:, 1:2], image[:, 0:1]], dim=1)


def to_levels(image: Tensor) -> Tensor:
    """Turn float N x C x H x W in [0, 1] into uint8 N x H x W x C, rounded."""
    return (image.clamp(0.0, 1.0) * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)
