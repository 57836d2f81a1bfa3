"""How noisy a frame is, and what its denoising needs; the denoising itself is part of the fused pass (`fused_pass`).

Luminance passes a small bilateral filter (Tomasi and Manduchi, "Bilateral filtering for gray and color images",
ICCV 1998): the mean of the 13 pixels at most two steps away, weighted by how alike they are; the four that touch count
in any case, as noise also makes specks like nothing around them. Colour is split into the mean of its surroundings and
what departs from it; small departures are cut off (the coring of Simoncelli and Adelson, "Noise removal via Bayesian
wavelet coring", ICIP 1996). The surroundings are wide, a quarter-size picture smoothed, where colours vary there by no
more than noise does, and close, the half-size picture, as far as they vary by more (Lee, "Digital image enhancement and
noise filtering by use of local statistics", IEEE TPAMI 1980). Where a codec has left blocks, small departures of
luminance are cut off, too. Dark places get more of all this than bright ones. Near black, curves make many levels out
of one, so that the edge between two levels shows as a line; where no noise hides it, departures of less than a level
are cut off.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from illumigan_model.attention import LUMA_RGB
from illumigan_model.frames.kernels import as_rows, open_kernels
from illumigan_model.frames.thumbnails import Surroundings

# How much the pixels that touch one count at least where the noise is a level or more, and by its square below that.
TOUCH = 0.5
# In standard deviations of the noise: a neighbour that departs by so much no longer counts; chroma that departs by so
# little is noise.
LUMA_REACH, CHROMA_REACH = 7.0, 3.5
# By how much the chroma of the quarter-size picture departs without being believed: in standard deviations of the
# noise, or this many times as much as it does where it is flattest, of which a picture by itself keeps more.
CHROMA_NOISE, FLAT_CHROMA, PICTURE_FLAT_CHROMA = 0.5, 1.8, 1.0
# Standard deviations of the noise of luminance that the noise of such chroma has at most; in sensors' mosaics and what
# codecs leave it had up to 1.3. What varies by more in all places is a pattern.
COARSEST = 1.4
PICTURE_REACH = 4.5  # that of luminance in a picture by itself, where what is left does not flicker, and texture stays
# Share of what filtering luminance would take away that a picture by itself keeps: with all of it gone it looks
# painted. In a video it would flicker. Of faint grain it keeps more.
GRAIN, FAINT_GRAIN = 0.1, 0.6
# Grain is faint up to FAINT levels, and not from STRONG ones on, which show, brightened tenfold. What is faint may as
# well be texture. In STRONGEST noise, chroma near black is all in doubt.
FAINT, STRONG, STRONGEST = 0.5, 1.0, 2.0
# Levels of noise that are there beyond what is seen, but for faint grain of a picture; all of it where CERTAIN levels
# are seen, and below that less by the square, as it may be texture.
HIDDEN, CERTAIN = 0.6, 0.3
BLOCK_REACH = 2.5  # levels by which the edges of visible blocks depart from their surroundings
ROUNDING_REACH = 0.7  # levels, near black, by which what is rounded to whole ones does
SAMPLED_ROWS = 16
SAMPLED_PLACES = 4  # of the quarter-size picture: every fourth one, as they overlap
PIECE, MARGIN = 16, 8  # pixels of a row that are judged together; pixels that are left out at its left end
# Shares of the pieces: so many are too black to tell, as black cuts noise off; up to here they are dark.
BLACKEST, DARKER = 0.1, 0.5
CUT = 2 * PIECE  # sum of the levels of a piece up to which black cuts noise off
FLATTEST = 0.15  # share of these that tell the noise
UNBIAS = 1.18  # as the flattest pieces of pure noise are less noisy than the others
TEXTURE = 0.5  # how much of its energy at distance 4, beyond that at distance 1, texture has at distance 1
PATTERN = 3.0  # times its energy at distance 4, where pieces are flattest, that noise has at distance 1 at most
DARK = 48  # levels below which curves are so steep that blocks show
SOME, MOST = 0.4, 0.7  # share of dark pieces of one level from which on they are blocks, too
UNSEEN, SEEN = 1.8, 3.0  # steps at the edges of blocks, in those inside, from which on blocks begin to show, and do


class Noise(NamedTuple):
    """What is wrong with a frame.

    `sigma` is the standard deviation of the noise in its darker half, in levels; `blocks` says how clearly the blocks
    of a codec show there, 0..1; `rounding` how clearly whole levels do, 0..1: where there is noise they do not;
    `whole` is the same for the curves, whatever is denoised, and `doubt`, 0..1, how little chroma near black can be
    believed in, because of that or of strong noise. Of all the others the `share` 0..1 is to be taken out. `chroma` is
    what `estimate_chroma_noise` says; it tells only what is noise.
    """

    sigma: float
    blocks: float
    rounding: float = 0.0
    whole: float = 0.0
    doubt: float = 0.0
    share: float = 1.0
    chroma: float = 0.0


NONE = Noise(0.0, 0.0)


class Denoising(NamedTuple):
    """How rows are denoised, as kernels take it.

    `half` and `mean` are those of `Surroundings`, the first as rows. In levels, in the dark: `luma_reach`, from which
    on a neighbour no longer counts; `chroma_reach` and `blocks`, up to which departures of chroma and of luminance from
    the surroundings are cut off; `chroma_noise`, the deviation of the mean's chroma that noise explains; and
    `rounding`, up to which luminance is cut off where the surroundings are near black, and each colour where it is
    itself. `touch` is the least weight of pixels that touch, `taken` the share that is done of what the filter of
    luminance would do.
    """

    half: np.ndarray
    mean: np.ndarray
    luma_reach: float
    touch: float
    taken: float
    chroma_reach: float
    chroma_noise: float
    blocks: float
    rounding: float


def plan_denoising(noise: Noise, surroundings: Surroundings, *, keep_grain: bool) -> Denoising:
    """Return how to take this noise out of a frame, all of it or, for a picture by itself, all but some grain."""
    faint = 1 - rise(noise.sigma, FAINT, STRONG) if keep_grain else 0.0
    there = noise.sigma + (1 - faint) * HIDDEN * min(noise.sigma / CERTAIN, 1.0) ** 2
    sigma = noise.share * there
    blocks = noise.share * noise.blocks
    flat_chroma = (PICTURE_FLAT_CHROMA if keep_grain else FLAT_CHROMA) * min(noise.chroma, COARSEST * there)
    return Denoising(
        half=as_rows(surroundings.half),
        mean=surroundings.mean,
        luma_reach=(PICTURE_REACH if keep_grain else LUMA_REACH) * sigma,
        touch=TOUCH * min(sigma, 1.0) ** 2,
        taken=1 - (GRAIN + faint * (FAINT_GRAIN - GRAIN)) if keep_grain else 1.0,
        chroma_reach=CHROMA_REACH * sigma + BLOCK_REACH * blocks,
        chroma_noise=max(CHROMA_NOISE * sigma + BLOCK_REACH * blocks, flat_chroma),
        blocks=BLOCK_REACH * blocks,
        rounding=ROUNDING_REACH * noise.share * noise.rounding,
    )


def estimate_noise(frame: np.ndarray) -> Noise:
    """Return how noisy a frame is, from short pieces of some of its rows: the flattest of the dark ones.

    Noise differs from its neighbours as much as from pixels further away, texture differs less: it rises with the
    distance. So the mean square of second differences at distance 1, less a share of what it grows by up to distance 4,
    is the noise's. What differs much more from its neighbours is a pattern, such as every second pixel darker, and is
    the same again at distance 4. sqrt(6) is the norm of (1, -2, 1), and the mean of absolute values times sqrt(pi / 2)
    stands for their root mean square. Codecs leave blocks of 8 or 16 pixels: steps there are larger than between other
    pixels.
    """
    height, width = frame.shape[:2]
    step = max(height // SAMPLED_ROWS, 1)
    rows = np.arange(step // 2, height, step)
    pieces = np.empty((3, len(rows), max(width - MARGIN - 4, 0) // PIECE), np.int64)
    steps = np.empty(10, np.int64)
    if not pieces.size:
        return NONE
    open_kernels().noise.survey(as_rows(frame), rows, PIECE * DARK, pieces, steps)
    levels, near, far = pieces.reshape(3, -1)
    dark = smallest(levels, DARKER)
    is_dark = (levels >= max(smallest(levels, BLACKEST), min(CUT, dark // 2))) & (levels <= dark)
    is_flat = is_dark & (far <= smallest(far[is_dark], FLATTEST))
    energy, wide = (mean_square(of[is_flat]) for of in (near, far))
    energy = min(energy, PATTERN * wide)
    seen = UNBIAS * math.sqrt(max(energy - TEXTURE * max(wide - energy, 0), 0))
    rounding = 1 - min(seen / CERTAIN, 1.0) ** 2
    return Noise(
        sigma=seen,
        blocks=see_blocks(steps[:8].tolist(), int(steps[8]), int(steps[9])),
        rounding=rounding,
        whole=rounding,
        doubt=max(rounding, rise(seen, STRONG, STRONGEST)),
    )


def estimate_chroma_noise(mean: np.ndarray) -> float:
    """Return how noisy the chroma of the quarter-size picture is, in levels: its deviation where dark places are flat.

    Luminance does not tell: cameras make colours out of neighbouring pixels, and codecs keep one colour for four. Such
    noise is coarse, and halving a picture takes little of it away. What even the flattest places have is noise, or a
    pattern that fills the frame.

    Args:
        mean: as in `Surroundings`.
    """
    step = max(len(mean) // SAMPLED_ROWS, 1)
    blue, green, red, variance = mean[step // 2 :: step, :, ::SAMPLED_PLACES].transpose(1, 0, 2).reshape(4, -1)
    luma = LUMA_RGB[2] * blue + LUMA_RGB[1] * green + LUMA_RGB[0] * red
    dark = smallest(luma, DARKER)
    is_dark = (luma >= max(smallest(luma, BLACKEST), min(CUT / PIECE, dark / 2))) & (luma <= dark)
    shade = np.maximum(1 - luma[is_dark] / 255, 0.1)  # bright ones are as good as not denoised, however noisy
    shade *= shade
    return math.sqrt(smallest(variance[is_dark] / (shade * shade), FLATTEST))


def mean_square(sums: np.ndarray) -> float:
    """Return the variance of the noise whose second differences have these sums of absolute values, piece by piece."""
    return float(sums.mean() / PIECE) ** 2 * (math.pi / 2) / 6


def smallest(values: np.ndarray, share: float) -> float:
    """Return the value that this share of the values does not exceed; NumPy's quantile takes ten times longer."""
    last = int(share * (len(values) - 1))
    return float(np.partition(values, last)[last])


def see_blocks(steps: list[int], pieces: int, even: int) -> float:
    """Return how clearly blocks show, 0..1.

    Args:
        steps: between neighbouring pixels of dark pieces, summed up by their column modulo 8.
        pieces: the number of these pieces.
        even: how many of them are of a single level; where most are, a codec has left nothing but blocks.
    """
    if not pieces:
        return 0.0
    inside = (sum(steps) - max(steps)) / 7
    ratio = max(steps) / inside if inside else 0.0
    return max(rise(ratio, UNSEEN, SEEN), rise(even / pieces, SOME, MOST))


def rise(value: float, first: float, last: float) -> float:
    """Return how far a value is on the way from the first to the last, 0..1."""
    return min(max((value - first) / (last - first), 0.0), 1.0)
