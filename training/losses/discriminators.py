"""EnlightenGAN's two discriminators (Jiang et al., arXiv 1906.06972, section 3.1), as its code has them.

Both are PatchGANs (Isola et al., arXiv 1611.07004) without norm: they give one score for each of many overlapping
views of an image. The global one has 5 layers and sees the whole image, the local one has 4 and sees small patches
cut at random.

    layer      1 .. layers       then     last        kernel 4, zero padding 2, LeakyReLU 0.2 after all but the last
    stride     2                 1        1
    width      64, 128, 256,     512      1
               512, 512, ...

At width 64 the global one has 11.15 M parameters, a receptive field of 286 pixels and 13 x 13 scores for a crop of 320;
the local one 6.96 M, 142 pixels and 5 x 5 scores for a patch of 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNEL = 4


class PatchDiscriminator(nn.Module):
    """A PatchGAN without norm; high scores mean "a real photo taken in good light".

    Args:
        layers: number of layers with stride 2 (`n_layers` in EnlightenGAN's code): 5 global, 4 local.
        width: channels of the first layer, doubled at each further one up to eightfold.
    """

    def __init__(self, layers: int, width: int = 64) -> None:
        super().__init__()
        self.layers = layers
        widths = [3, *(width * min(2**layer, 8) for layer in range(layers + 1)), 1]
        stages: list[nn.Module] = []
        for number in range(layers + 2):
            stride = 2 if number < layers else 1
            stages += [nn.Conv2d(widths[number], widths[number + 1], KERNEL, stride, padding=2), nn.LeakyReLU(0.2)]
        self.stages = nn.Sequential(*stages[:-1])
        for stage in self.stages:
            if isinstance(stage, nn.Conv2d):
                nn.init.normal_(stage.weight, 0.0, 0.02)  # as published; biases keep PyTorch's start

    @property
    def receptive_field(self) -> int:
        """Height and width, in pixels, of what one score depends on."""
        size, step = 1, 1
        for stage in self.stages:
            if isinstance(stage, nn.Conv2d):
                size, step = size + (KERNEL - 1) * step, step * stage.stride[0]
        return size

    def forward(self, image: Tensor) -> Tensor:
        """Return the scores N x 1 x h x w, not squashed, of RGB images N x 3 x H x W in [0, 1]."""
        scores: Tensor = self.stages(2 * image - 1)  # inside, as published, images run in [-1, 1]
        return scores


def random_patches(images: list[Tensor], size: int, count: int, generator: torch.Generator) -> list[Tensor]:
    """Cut square patches at random places, the same for all images of all batches.

    So the patches of the input, of what was made of it and of real photos lie at the same places, as in EnlightenGAN's
    code (which cuts 1 + 5 of 32 x 32 pixels, and never from the last row or column).

    Args:
        images: batches N x C x H x W of one height and width; N and C may differ.
        size: height and width of a patch, in pixels.
        count: how many patches are cut from each image.
        generator: draws the places; a CPU generator, wherever the images are.

    Returns:
        For each batch its patches, (count * N) x C x size x size: patch 0 of all images, then patch 1 of all, ...

    Raises:
        ValueError: the batches differ in height or width, or are smaller than a patch.
    """
    height, width = images[0].shape[2:]
    if any(image.shape[2:] != (height, width) for image in images) or min(height, width) < size:
        shapes = ", ".join(f"{image.shape[2]} x {image.shape[3]}" for image in images)
        raise ValueError(f"Patches of {size} pixels need images of one and no smaller size, not {shapes}.")
    tops = torch.randint(height - size + 1, (count,), generator=generator).tolist()
    lefts = torch.randint(width - size + 1, (count,), generator=generator).tolist()
    places = list(zip(tops, lefts, strict=True))
    return [torch.cat([image[:, :, y : y + size, x : x + size] for y, x in places]) for image in images]
