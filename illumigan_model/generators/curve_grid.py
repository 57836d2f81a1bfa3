"""CurveGrid, the real-time generator: a learned CLAHE.

A small CNN sees a thumbnail of the frame with its attention map and predicts, for each of 16 x 9 tiles, one monotone
tone curve per colour. Every pixel of the full frame is looked up in the curves of its four nearest tiles, blended
bilinearly as in CLAHE (Zuiderveld 1994), and the change d = curve(x) - x is weighted by attention as in EnlightenGAN
(arXiv 1906.06972). Each tile also says how far the colours move in unison, u: at 0 each follows its own curve (colours
grow with the light, right for an underexposed room), at 1 all change by as much as luminance does by a curve of its
own, the mean of theirs (colours stay, right under a red or sodium lamp, whose channel would else run away). There a
strong colour counts as lit, too, so that signs do not pale. With y the luminance of x, m its strongest colour,
A = 1 - y and B = min(A, 1 - m^2):

    out = x + (1 - u) A d + u B (curve(y) - y)

Layout of the network, for a thumbnail of 128 x 72:

    sqrt(RGB) + attention, 4 x 72 x 128
    conv 3x3 /2 -> 16, separable /2 -> 32, separable /2 -> 64 at 16 x 9, 4 residual separable blocks
    joined by each tile's luminance histogram, that of its surroundings, and the mean of the whole frame
    two 1x1 convolutions -> 7 logits for the curve that the colours share + 3 x 7 for what a colour adds + 1 for u

A curve runs from (0, 0) to (1, 1): black stays black, white stays white. Its 8 knots are uniform in sqrt(x), because
night frames live near zero; the rises between knots are a softmax, so each curve is monotone by construction. The
logits start from the logarithm of the tile's clipped histogram, or of that of its surroundings, whose softmax is
clipped histogram equalisation: an untrained CurveGrid is CLAHE, and training teaches it where to do something better.

Images are float RGB in [0, 1], N x 3 x H x W. There is no padding by reflection, no GridSample and nothing
data-dependent, so the graph converts to TensorRT as it stands.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from illumigan_model.attention import luminance
from illumigan_model.frames.curves import GRID_WH, KNOTS, LIFTED, SURE, THUMBNAIL_WH, UNSURE

__all__ = ["GRID_WH", "KNOTS", "THUMBNAIL_WH", "CurveGrid", "CurveGridConfig", "apply_curves"]

CLIP = 3.0  # a tile's histogram may raise a curve's slope to about this many times that of no change
FLOOR = 0.5  # and always keeps this share of it


@dataclass(frozen=True)
class CurveGridConfig:
    """What a CurveGrid is: `width` channels after the first convolution, `tile_blocks` residual blocks on the tiles."""

    width: int = 16
    tile_blocks: int = 4
    colour_range: float = 0.5  # how far, in logits, one colour's curve may leave the shared one
    own_histogram: bool = False  # whether a curve starts from its tile's histogram alone, not from that of nine

    def as_dict(self) -> dict[str, int | float | bool]:
        """Return the settings as plain values, for a checkpoint."""
        return asdict(self)


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and ReLU; the norm folds into the convolution at export."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a depthwise 3x3 followed by a pointwise convolution."""
    return nn.Sequential(
        *conv_bn(inputs, inputs, 3, stride, groups=inputs),
        *conv_bn(inputs, outputs, 1),
    )


class CurveGrid(nn.Module):
    """Predict a grid of tone curves from a thumbnail and apply it to the whole image."""

    sums: Tensor
    identity: Tensor
    ramps: Tensor
    bins: Tensor
    first_bin: Tensor

    def __init__(self, config: CurveGridConfig | None = None) -> None:
        super().__init__()
        self.config = config or CurveGridConfig()
        width, rises = self.config.width, KNOTS - 1
        self.stem = nn.Sequential(
            conv_bn(4, width, 3, stride=2),
            separable(width, 2 * width, stride=2),
            separable(2 * width, 4 * width, stride=2),
        )
        self.blocks = nn.ModuleList(separable(4 * width, 4 * width) for _ in range(self.config.tile_blocks))
        self.whole = nn.Conv2d(4 * width + 2 * rises, 4 * width, 1)
        self.tiles = nn.Conv2d(4 * width + 2 * rises, 4 * width, 1)
        self.head = nn.Conv2d(4 * width, 4 * rises + 1, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        bias = torch.zeros(4 * rises + 1)
        bias[-1] = 1.0  # u begins near 0.7
        self.head.bias = nn.Parameter(bias)
        # cumulative sum as a constant 1x1 convolution: knot k+1 = rises 0..k; knot 0 is black and stays 0
        sums = torch.ones(KNOTS, rises).tril(-1)
        self.register_buffer("sums", sums[:, :, None, None], persistent=False)
        # the rises of the curve that changes nothing: (k+1)^2 - k^2, scaled to add up to 1
        identity = (2 * torch.arange(rises) + 1) / rises**2
        self.register_buffer("identity", identity[None, :, None, None], persistent=False)
        # what lies above interval k - 1 and not above k, as a constant 1x1 convolution of ramps that begin at k + 1/2
        self.register_buffer("ramps", (torch.arange(rises - 1) + 0.5)[None, :, None, None], persistent=False)
        bins = torch.eye(rises)[:, 1:] - torch.eye(rises)[:, :-1]
        self.register_buffer("bins", bins[:, :, None, None], persistent=False)
        self.register_buffer("first_bin", torch.eye(rises)[0], persistent=False)

    def curves(self, thumbnail: Tensor) -> Tensor:
        """Return the tone curves of a thumbnail.

        Args:
            thumbnail: float RGB in [0, 1], N x 3 x 72 x 128.

        Returns:
            float in [0, 1], N x 25 x 9 x 16: for R, G, B in turn the curve's value at each of the 8 knots, then u.
        """
        light = luminance(thumbnail)
        roots = torch.sqrt(torch.cat([thumbnail, light], dim=1) + 1e-5)
        dark = 1.0 - light  # the attention map
        features = self.stem(torch.cat([roots[:, :3], dark], dim=1))
        for block in self.blocks:
            features = features + block(features)
        tiles = self.histograms(roots[:, 3:])
        around = F.avg_pool2d(tiles, 3, stride=1, padding=1, count_include_pad=False)
        features = torch.cat([features, tiles, around], dim=1)
        whole = self.whole(features.mean(dim=(2, 3), keepdim=True))
        logits = self.head(torch.relu(self.tiles(features) + whole))
        start = tiles if self.config.own_histogram else around
        clipped = start - torch.relu(start - CLIP * self.identity)
        return self.curves_from_logits(logits, torch.log(clipped + FLOOR * self.identity))

    def histograms(self, roots: Tensor) -> Tensor:
        """Return the soft histogram of each tile over the intervals between knots.

        From how far, on average, the tile's pixels lie above each interval but the last; their differences are the
        histogram. A ramp costs half of what a knot's hat does.

        Args:
            roots: square root of luminance in [0, 1], N x 1 x 72 x 128.

        Returns:
            float in [0, 1], N x 7 x 9 x 16, which adds up to 1 over the 7 intervals.
        """
        above = torch.clamp((KNOTS - 1) * roots - self.ramps, 0.0, 1.0)
        return F.conv2d(F.avg_pool2d(above, 8, 8), self.bins, self.first_bin)

    def curves_from_logits(self, logits: Tensor, start: Tensor) -> Tensor:
        """Turn N x 29 x 9 x 16 logits (shared, R, G, B, u) and the N x 7 x 9 x 16 start into N x 25 x 9 x 16 curves."""
        rises = KNOTS - 1
        count, _, height, width = logits.shape
        shared = (start + logits[:, :rises]).reshape(count, 1, rises, height, width)
        own = logits[:, rises : 4 * rises].reshape(count, 3, rises, height, width)
        colours = shared + self.config.colour_range * torch.tanh(own)
        steps = F.softmax(colours.reshape(3 * count, rises, height, width), dim=1)
        knots = F.conv2d(steps, self.sums).reshape(count, 3 * KNOTS, height, width)
        return torch.cat([knots, torch.sigmoid(logits[:, 4 * rises :])], dim=1)

    def predict(self, image: Tensor) -> Tensor:
        """Return the curves (see `curves`) of images of any size: float RGB in [0, 1], N x 3 x H x W."""
        width, height = THUMBNAIL_WH
        rows = area_matrix(image.shape[2], height, image.device).to(image)
        columns = area_matrix(image.shape[3], width, image.device).to(image)
        return self.curves(torch.matmul(torch.matmul(rows, image), columns.t()))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return (enhanced image N x 3 x H x W, attention map N x 1 x H x W) of RGB images in [0, 1]."""
        return apply_curves(image, self.predict(image))


def area_matrix(source: int, target: int, device: torch.device | None = None) -> Tensor:
    """Return the target x source matrix that resizes one axis by area averaging, as OpenCV's INTER_AREA does.

    Where the axis grows instead of shrinking it interpolates linearly, again as INTER_AREA does. It is made on the
    device where the images are: a CUDA graph cannot capture a copy from the processor's memory.
    """
    if target >= source:
        return linear_matrix(source, target, device)
    scale = source / target
    begin = torch.arange(target, dtype=torch.float64, device=device)[:, None] * scale
    pixel = torch.arange(source, dtype=torch.float64, device=device)[None, :]
    overlap = torch.minimum(begin + scale, pixel + 1) - torch.maximum(begin, pixel)
    return (overlap.clamp_min(0) / scale).float()


def linear_matrix(source: int, target: int, device: torch.device | None = None) -> Tensor:
    """Return the target x source matrix that resizes one axis linearly between pixel centres, edges held."""
    centres = torch.arange(target, dtype=torch.float64, device=device) + 0.5
    position = (centres * source / target - 0.5).clamp(0, source - 1)
    index = torch.arange(source, dtype=torch.float64, device=device)[None, :]
    return hat(position[:, None] - index).float()


def hat(distance: Tensor) -> Tensor:
    """Return the weight of a knot at a distance from it: 1 at the knot, falling linearly to 0 at its neighbours."""
    return torch.relu(1.0 - torch.abs(distance))


def apply_curves(image: Tensor, curves: Tensor) -> tuple[Tensor, Tensor]:
    """Apply a grid of curves to an image; differentiable in both.

    Args:
        image: float RGB in [0, 1], N x 3 x H x W, any H and W.
        curves: float in [0, 1], N x 25 x 9 x 16, from `CurveGrid.curves`.

    Returns:
        (enhanced image N x 3 x H x W, in [0, 1] but for a little overshoot; attention map N x 1 x H x W in [0, 1]).
    """
    light = luminance(image)  # and not 1 - dark, which in half precision has no shades near black
    dark = 1.0 - light
    # Bilinear upsampling as two matrix products: its backward pass is many times faster on a CPU. One knot at a time:
    # 25 maps of full size never exist together.
    rows = torch.matmul(linear_matrix(curves.shape[2], image.shape[2], image.device).to(image), curves)
    columns = linear_matrix(curves.shape[3], image.shape[3], image.device).to(image).t()
    shades = torch.cat([image, light], dim=1)
    position = (KNOTS - 1) * torch.sqrt(shades.clamp(0.0, 1.0) + 1e-8)
    change = -shades
    for knot in range(KNOTS):
        heights = torch.matmul(rows[:, knot : 3 * KNOTS : KNOTS], columns)
        heights = torch.cat([heights, luminance(heights)], dim=1)
        change = change + hat(position - knot) * heights
    change, lift = change[:, :3], change[:, 3:]
    strongest = image.amax(dim=1, keepdim=True)
    unsure = 1 - ((strongest * 255 - UNSURE) / (SURE - UNSURE)).clamp(0.0, 1.0)
    own = (1 - torch.matmul(rows[:, 3 * KNOTS :], columns)) * (1 - unsure)
    grey = unsure * (lift * (255 / LIFTED)).clamp(0.0, 1.0)
    lit = torch.maximum(light, strongest * strongest)
    lifted = dark * own * change + (1 - lit) * (1 - own) * lift
    return image + grey * (light - image) + lifted, dark
