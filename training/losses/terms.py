"""What a generator is taught beside the adversarial losses; pure functions of tensors.

Images are float RGB in [0, 1], N x 3 x H x W; every function returns one number an image, shape N.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from illumigan_model.attention import luminance

PAIR_TERMS = ("reconstruction", "contrast", "colour")
"""Terms that need a wanted picture."""
CURVE_TERMS = ("smoothness", "tint")
"""Terms of CurveGrid's curves."""
NETWORK_TERMS = ("adversarial", "local_adversarial", "features", "local_features", "detector")
"""Terms that look through another network."""
TERMS = (*NETWORK_TERMS, *PAIR_TERMS, "exposure", *CURVE_TERMS)
"""Every term of a generator's loss."""


def reconstruction(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the Charbonnier distance, a smooth L1: mean sqrt((made - wanted)^2 + 1e-6) per image, shape N."""
    return torch.sqrt((made - wanted) ** 2 + 1e-6).mean(dim=(1, 2, 3))


def contrast(made: Tensor, wanted: Tensor) -> Tensor:
    """Return how far the luminance gradients lie apart at scales 1, 1/2 and 1/4, shape N.

    Local contrast is what a detector sees; it counts more than mean brightness.
    """
    made, wanted = made.mean(dim=1, keepdim=True), wanted.mean(dim=1, keepdim=True)
    total = torch.zeros(made.shape[0], device=made.device)
    for _ in range(3):
        for axis in (2, 3):
            total = total + (made.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean(dim=(1, 2, 3))
        made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
    return total


def colour(made: Tensor, wanted: Tensor) -> Tensor:
    """Return how far the colours lie apart, brightness left out: L1 of what exceeds each pixel's mean, shape N."""
    made = F.avg_pool2d(made, 4)
    wanted = F.avg_pool2d(wanted, 4)
    made = made - made.mean(dim=1, keepdim=True)
    wanted = wanted - wanted.mean(dim=1, keepdim=True)
    return (made - wanted).abs().mean(dim=(1, 2, 3))


def smoothness(curves: Tensor) -> Tensor:
    """Return the mean squared step between neighbouring tiles of a curve grid N x C x 9 x 16, shape N.

    Calm grids keep halos away from bright lamps, as total variation does in Zero-DCE (arXiv 2001.06826).
    """
    across = curves.diff(dim=3).square().mean(dim=(1, 2, 3))
    return across + curves.diff(dim=2).square().mean(dim=(1, 2, 3))


def tint(curves: Tensor) -> Tensor:
    """Return how far the three colours' curves of a tile lie apart, N x 25 x 9 x 16 in, shape N out."""
    by_colour = curves[:, :24].unflatten(1, (3, -1))
    return (by_colour - by_colour.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2, 3, 4))


def exposure(made: Tensor, level: float) -> Tensor:
    """Return how far the mean luminance of each 16 x 16 block lies from a level, as in Zero-DCE (arXiv 2001.06826)."""
    return (F.avg_pool2d(luminance(made), 16) - level).abs().mean(dim=(1, 2, 3))
