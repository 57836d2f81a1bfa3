"""Noise: how much there is, and denoising of rows of pixels.

Arrays: `frame` uint8 H x 3W (B, G, R interleaved), `mean` float32 (H // 4) x 3 (W // 4); the block of n clean rows is
planar, as in `curves`: `levels` float32 3 x W and `index` uint16 3 x W for each, `attention` uint8 n x W.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

if TYPE_CHECKING:
    from illumigan_model.frames.noise import Denoising

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)
STILL = F(0.4)  # share of the denoising that a place still gets where nothing has moved for long


@kept
def survey(frame: np.ndarray, rows: np.ndarray, dark: int, pieces: np.ndarray, steps: np.ndarray) -> None:
    """Write what `noise.estimate_noise` wants to know of green along some rows, piece of 16 pixels by piece.

    `rows` int64, which rows. `pieces` int64 3 x rows x pieces: sums of the levels, and of the second differences at
    distance 1 and at distance 4. `steps` int64 10, of the pieces whose levels add up to less than `dark`: sums of the
    steps to the pixel before by column modulo 8, the number of such pieces, and that of those without any step.
    """
    steps[:] = 0
    own = np.empty(8, np.int64)
    for i in range(rows.shape[0]):
        y = rows[i]
        for piece in range(pieces.shape[2]):
            levels, near, far = 0, 0, 0
            own[:] = 0
            for j in range(16):
                x = 3 * (16 * piece + 8 + j) + 1
                level, before = np.int32(frame[y, x]), np.int32(frame[y, x - 3])
                levels += level
                near += abs(before + np.int32(frame[y, x + 3]) - 2 * level)
                far += abs(np.int32(frame[y, x - 12]) + np.int32(frame[y, x + 12]) - 2 * level)
                own[j & 7] += abs(level - before)
            pieces[0, i, piece], pieces[1, i, piece], pieces[2, i, piece] = levels, near, far
            if levels < dark:
                steps[:8] += own
                steps[8] += 1
                steps[9] += own.sum() == 0


@njit(**JIT)
def part(mean: np.ndarray, y: int, small: np.ndarray) -> None:
    """Part row y of the quarter-size mean picture into chroma of blue and of red, and luminance (3 x W // 4)."""
    for x in range(small.shape[1]):
        luma = mean[y, 3 * x + 2] * RED + mean[y, 3 * x + 1] * GREEN + mean[y, 3 * x] * BLUE
        small[0, x], small[1, x], small[2, x] = mean[y, 3 * x] - luma, mean[y, 3 * x + 2] - luma, luma


@njit(**JIT)
def enlarge(small: np.ndarray, wide: np.ndarray) -> None:
    """Enlarge a row fourfold, linearly, edges held."""
    last, width = small.shape[0] - 1, wide.shape[0]
    for x in range(last):
        value = small[x]
        step = (small[x + 1] - value) * F(0.125)
        wide[4 * x + 2] = value + step
        wide[4 * x + 3] = value + F(3) * step
        wide[4 * x + 4] = value + F(5) * step
        wide[4 * x + 5] = value + F(7) * step
    wide[0] = wide[1] = small[0]
    for x in range(4 * last + 2, width):
        wide[x] = small[last]


@njit(inline="always")
def likeness(away: np.float32, tightness: np.float32) -> np.float32:
    """Return how much a neighbour counts that departs so far."""
    return max(F(1) - away * away * tightness, F(0))


@njit(inline="always")
def clamp(value: np.float32, limit: np.float32) -> np.float32:
    """Hold a value between -limit and limit."""
    return min(max(value, -limit), limit)


@njit(**JIT)
def smooth(
    top: np.ndarray,
    upper: np.ndarray,
    centre: np.ndarray,
    lower: np.ndarray,
    bottom: np.ndarray,
    above: np.ndarray,
    beneath: np.ndarray,
    weight_beneath: np.float32,
    fresh: np.ndarray,
    reach: np.float32,
    touch: np.float32,
    taken: np.float32,
    calm: np.ndarray,
) -> None:
    """Write what the bilateral filter makes of each pixel of a row; `top` to `bottom` are the rows it looks at.

    The four pixels that touch it count at least `touch`, so that a speck unlike all around it goes, too. The luminance
    of the surroundings lies between `above` and `beneath`; bright ones are denoised less, and so are pixels that the
    past has denoised.
    """
    for x in range(calm.shape[0]):
        here = centre[x + 2]
        dark = F(1) - (above[x] + (beneath[x] - above[x]) * weight_beneath) * F(1 / 255)
        share = dark * dark * (STILL + (F(1) - STILL) * fresh[x])
        limit = reach * share
        tightness, least = F(1) / (limit * limit + F(1e-6)), touch * share
        total, weight = F(0), F(1)  # the pixel itself
        for i in range(0, 5, 4):
            away = centre[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
        for i in range(1, 4, 2):
            away = upper[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = lower[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = centre[x + i] - here
            alike = max(F(1) - away * away * tightness, least)
            total, weight = total + alike * away, weight + alike
        away = top[x + 2] - here
        alike = likeness(away, tightness)
        total, weight = total + alike * away, weight + alike
        away = bottom[x + 2] - here
        alike = likeness(away, tightness)
        total, weight = total + alike * away, weight + alike
        away = upper[x + 2] - here
        alike = max(F(1) - away * away * tightness, least)
        total, weight = total + alike * away, weight + alike
        away = lower[x + 2] - here
        alike = max(F(1) - away * away * tightness, least)
        total, weight = total + alike * away, weight + alike
        calm[x] = here + taken * total / weight


@njit(**JIT)
def deblock(above: np.ndarray, beneath: np.ndarray, weight: np.float32, reach: np.float32, calm: np.ndarray) -> None:
    """Move each pixel of a row that departs from its surroundings by little more than `reach` to them."""
    tightness = F(1) / (F(9) * reach * reach)
    for x in range(calm.shape[0]):
        around = above[x] + (beneath[x] - above[x]) * weight
        dark = F(1) - around * F(1 / 255)
        away = calm[x] - around
        near = max(F(1) - away * away * tightness, F(0))
        calm[x] -= clamp(away, reach) * near * dark * dark * dark * dark


@njit(inline="always")
def place(value: np.float32, scale: np.float32) -> np.uint16:
    """Return the step of a table at which a level is looked up."""
    return np.uint16(np.int32(np.sqrt(value) * scale + F(0.5)))


@njit(**JIT)
def recolour(
    row: np.ndarray,
    calm: np.ndarray,
    above: np.ndarray,
    beneath: np.ndarray,
    weight: np.float32,
    chroma_limit: np.float32,
    scale: np.float32,
    offset: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Give a row of the frame its calm luminance, small departures from the chroma around it cut off.

    Written are `levels` and `index`, 3 x W, and the attention map: 255 - luminance of the frame. The surroundings lie
    between `above` and `beneath`, 3 x W.
    """
    for x in range(calm.shape[0]):
        blue, green, red = F(row[3 * x]), F(row[3 * x + 1]), F(row[3 * x + 2])
        luma = red * RED + green * GREEN + blue * BLUE
        attention[x] = np.uint8(np.int32(F(255.5) - luma))
        dark = F(1) - (above[2, x] + (beneath[2, x] - above[2, x]) * weight) * F(1 / 255)
        limit = chroma_limit * dark * dark
        to_blue = above[0, x] + (beneath[0, x] - above[0, x]) * weight
        to_red = above[1, x] + (beneath[1, x] - above[1, x]) * weight
        to_green = to_blue * (-BLUE / GREEN) + to_red * (-RED / GREEN)
        shift = calm[x] - luma
        blue += shift - clamp(blue - luma - to_blue, limit)
        green += shift - clamp(green - luma - to_green, limit)
        red += shift - clamp(red - luma - to_red, limit)
        blue, green, red = min(max(blue, F(0)), F(255)), min(max(green, F(0)), F(255)), min(max(red, F(0)), F(255))
        levels[0, x], levels[1, x], levels[2, x] = blue, green, red
        index[0, x] = place(blue, scale) + offset[x]
        index[1, x] = place(green, scale) + offset[x]
        index[2, x] = place(red, scale) + offset[x]


@kept
def clean(
    frame: np.ndarray,
    first: int,
    how: Denoising,
    luma: np.ndarray,
    fresh: np.ndarray,
    planes: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise rows, from row `first` on, into a block, and write their attention map.

    `luma` and `fresh` are as from `luminance.follow`; or `luma` as from `luminance.see`, and `fresh` without rows.
    `planes` is scratch, float32 9 x W.
    """
    mean, end = how.mean, frame.shape[0] - 1
    wide, calm, steady = planes[:6].reshape(2, 3, -1), planes[6], planes[7]
    small = planes[8, : 3 * (mean.shape[1] // 3)].reshape(3, -1)
    steady[:] = 1
    scale = F((how.steps - 1) / np.sqrt(255.0))
    luma_filter = (F(how.luma_reach), F(how.touch), F(how.taken))
    held = np.full(2, -1)
    for n in range(attention.shape[0]):
        y = first + n
        between = min(max((y + 0.5) / 4 - 0.5, 0.0), mean.shape[0] - 1.0)
        row = int(between)
        for wanted in (row, min(row + 1, mean.shape[0] - 1)):
            if held[wanted % 2] != wanted:
                held[wanted % 2] = wanted
                part(mean, wanted, small)
                for c in range(3):
                    enlarge(small[c], wide[wanted % 2, c])
        above, beneath = wide[row % 2], wide[min(row + 1, mean.shape[0] - 1) % 2]
        weight = F(between - row)
        share = fresh[n] if fresh.shape[0] > 0 else steady
        top, upper, lower, bottom = max(y - 2, 0), max(y - 1, 0), min(y + 1, end), min(y + 2, end)
        at = 2 - first
        seen = (luma[top + at], luma[upper + at], luma[n + 2], luma[lower + at], luma[bottom + at])
        smooth(*seen, above[2], beneath[2], weight, share, *luma_filter, calm)
        if how.blocks > 0:
            deblock(above[2], beneath[2], weight, F(how.blocks), calm)
        block = (how.offset, levels[n], index[n], attention[n])
        recolour(frame[y], calm, above, beneath, weight, F(how.chroma_reach), scale, *block)
