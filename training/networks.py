"""The networks as a training step sees them, on one process or on several that share a batch."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce

from illumigan_model.generators.checkpoint import Generator
from illumigan_model.generators.curve_grid import CurveGrid, apply_curves
from illumigan_training.losses.discriminators import PatchDiscriminator


class Student(nn.Module):
    """A generator in training; its batch norm sees the batch of all processes."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = join_norms(generator)

    def forward(self, dark: Tensor, calm: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what `enhance` does."""
        return enhance(self.generator, dark, calm)


def enhance(generator: Generator, dark: Tensor, calm: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return (enhanced images, the curves that made them or None where there are none).

    Args:
        generator: CurveGrid predicts its curves from `dark` and applies them to `calm`; AttentionUNet enhances `dark`.
        dark: what the camera delivers, RGB N x 3 x H x W in [0, 1].
        calm: the same denoised.
    """
    if isinstance(generator, CurveGrid):
        curves = generator.predict(dark)
        return apply_curves(calm, curves)[0], curves
    return generator(dark)[0], None


class Discriminators(nn.Module):
    """The global and the local discriminator (see `discriminators`) as one module."""

    def __init__(self, width: int, global_layers: int, local_layers: int) -> None:
        super().__init__()
        self.whole = PatchDiscriminator(global_layers, width)
        self.local = PatchDiscriminator(local_layers, width)

    def forward(self, images: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of images and of patches."""
        return self.whole(images), self.local(patches)


def processes() -> int:
    """Return how many processes share a batch."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def shared_mean(scores: Tensor) -> Tensor:
    """Return the mean over all processes, each with as many scores; gradients flow to all of them."""
    mean = scores.mean()
    return all_reduce(mean) / processes() if processes() > 1 else mean


class JointBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, as if they were one; torch's SyncBatchNorm wants a GPU for that."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Module's own name for it
        """Normalise N x C x H x W."""
        if not self.training or processes() == 1:
            return super().forward(input)
        x = input.float()
        moments = torch.stack([x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))])
        mean, square = all_reduce(moments) / processes()
        variance = square - mean.square()
        count = x.numel() // x.shape[1] * processes()
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return normalised.to(input.dtype)


def join_norms(network: Generator) -> Generator:
    """Replace the batch norms of a network, in place; names and weights stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = JointBatchNorm2d
    return network
