"""What the Enhancer is measured against: copying the frame, OpenCV's CLAHE, and Zero-DCE++ where torch is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np

Contender = Callable[[np.ndarray], object]
"""Takes a frame, uint8 BGR H x W x 3, and makes something of it."""

DOWNSCALE = 12
ITERATIONS = 8
CHANNELS = 32


def copier(shape: tuple[int, ...]) -> Contender:
    """Return what copies a frame of this shape into memory that is there already: the floor."""
    target = np.empty(shape, np.uint8)

    def copy(frame: np.ndarray) -> None:
        np.copyto(target, frame)

    return copy


def zero_dce(threads: int) -> Contender | None:
    """Return Zero-DCE++ in torch, uint8 to uint8, or None where torch is missing.

    As its authors run it (Li, Guo and Loy, "Learning to enhance low-light image via zero-reference deep curve
    estimation", TPAMI 2021): seven depthwise separable convolutions of 32 channels see the frame at a twelfth of its
    size, and the curve x + a (x^2 - x) is applied eight times at full size. The weights are random: time does not
    depend on them.
    """
    if importlib.util.find_spec("torch") is None:
        return None
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    once, twice = CHANNELS, 2 * CHANNELS

    def separable(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs), nn.Conv2d(inputs, outputs, 1))

    wanted = [(3, once), (once, once), (once, once), (once, once), (twice, once), (twice, once), (twice, 3)]
    layers = nn.ModuleList(separable(inputs, outputs) for inputs, outputs in wanted).eval()

    def curve(small: torch.Tensor) -> torch.Tensor:
        first = torch.relu(layers[0](small))
        second = torch.relu(layers[1](first))
        third = torch.relu(layers[2](second))
        fourth = torch.relu(layers[3](third))
        fifth = torch.relu(layers[4](torch.cat([third, fourth], 1)))
        sixth = torch.relu(layers[5](torch.cat([second, fifth], 1)))
        return torch.tanh(layers[6](torch.cat([first, sixth], 1)))

    @torch.inference_mode()
    def enhance(frame: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
        small = nn.functional.interpolate(image, scale_factor=1 / DOWNSCALE, mode="bilinear")
        share = nn.functional.interpolate(curve(small), size=image.shape[2:], mode="bilinear")
        for _ in range(ITERATIONS):
            image = image + share * (image * image - image)
        return (image[0].permute(1, 2, 0).clamp(0, 1) * 255 + 0.5).byte().numpy()

    return enhance
