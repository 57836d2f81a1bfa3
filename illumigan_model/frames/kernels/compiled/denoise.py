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


@kept
def survey(frame: np.ndarray, rows: np.ndarray, found: np.ndarray) -> None:
    """Write what `noise.estimate_noise` wants to know of green along some rows, for each piece of them.

    `rows` int64, which rows; `found` int64 rows x pieces x 11, is overwritten: the sums of the levels, of the second
    differences at distance 1 and at distance 4, and of the steps to the pixel before at each of 8 columns.
    """
    found[:] = 0
    for i in range(rows.shape[0]):
        y = rows[i]
        for piece in range(found.shape[1]):
            sums = found[i, piece]
            for j in range(16):
                x = 3 * (16 * piece + 8 + j) + 1
                level = np.int64(frame[y, x])
                before = np.int64(frame[y, x - 3])
                sums[0] += level
                sums[1] += abs(before + np.int64(frame[y, x + 3]) - 2 * level)
                sums[2] += abs(np.int64(frame[y, x - 12]) + np.int64(frame[y, x + 12]) - 2 * level)
                sums[3 + j % 8] += abs(level - before)


@njit(**JIT)
def enlarge(mean: np.ndarray, y: int, wide: np.ndarray, slot: int) -> None:
    """Enlarge row y of the quarter-size mean picture fourfold, linearly, edges held, into a slot of `wide`."""
    last, width = mean.shape[1] // 3 - 1, wide.shape[2]
    for c in range(3):
        for x in range(last):
            value = mean[y, 3 * x + c]
            step = (mean[y, 3 * x + 3 + c] - value) * F(0.125)
            wide[slot, c, 4 * x + 2] = value + step
            wide[slot, c, 4 * x + 3] = value + F(3) * step
            wide[slot, c, 4 * x + 4] = value + F(5) * step
            wide[slot, c, 4 * x + 5] = value + F(7) * step
        wide[slot, c, 0] = wide[slot, c, 1] = mean[y, c]
        for x in range(4 * last + 2, width):
            wide[slot, c, x] = mean[y, 3 * last + c]


@njit(**JIT)
def surround(wide: np.ndarray, upper: int, lower: int, weight: np.float32, around: np.ndarray) -> None:
    """Blend two slots of `wide` into the surroundings: chroma, luminance, share of the denoising (5 x W)."""
    for x in range(around.shape[1]):
        blue = wide[upper, 0, x] + (wide[lower, 0, x] - wide[upper, 0, x]) * weight
        green = wide[upper, 1, x] + (wide[lower, 1, x] - wide[upper, 1, x]) * weight
        red = wide[upper, 2, x] + (wide[lower, 2, x] - wide[upper, 2, x]) * weight
        luma = red * RED + green * GREEN + blue * BLUE
        dark = F(1) - luma * F(1 / 255)
        around[0, x], around[1, x], around[2, x] = blue - luma, green - luma, red - luma
        around[3, x], around[4, x] = luma, dark * dark


@njit(**JIT)
def luminance(frame: np.ndarray, y: int, luma: np.ndarray, slot: int) -> None:
    """Write the luminance of row y into a slot, between two repeated pixels at each end."""
    width = luma.shape[1] - 4
    for x in range(width):
        luma[slot, x + 2] = F(frame[y, 3 * x + 2]) * RED + F(frame[y, 3 * x + 1]) * GREEN + F(frame[y, 3 * x]) * BLUE
    luma[slot, 0] = luma[slot, 1] = luma[slot, 2]
    luma[slot, width + 2] = luma[slot, width + 3] = luma[slot, width + 1]


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
    luma: np.ndarray,
    top: int,
    upper: int,
    centre: int,
    lower: int,
    bottom: int,
    around: np.ndarray,
    reach: np.float32,
    touch: np.float32,
    shift: np.ndarray,
) -> None:
    """Write how far the bilateral filter moves each pixel of a row; the five rows it looks at are slots of `luma`.

    The four pixels that touch it count at least `touch`, so that a speck unlike all around it goes, too.
    """
    for x in range(shift.shape[0]):
        here = luma[centre, x + 2]
        limit = reach * around[4, x]
        tightness, least = F(1) / (limit * limit + F(1e-6)), touch * around[4, x]
        total, weight = F(0), F(1)  # the pixel itself
        for i in range(0, 5, 4):
            away = luma[centre, x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
        for i in range(1, 4, 2):
            away = luma[upper, x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = luma[lower, x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = luma[centre, x + i] - here
            alike = max(likeness(away, tightness), least)
            total, weight = total + alike * away, weight + alike
        away = luma[top, x + 2] - here
        alike = likeness(away, tightness)
        total, weight = total + alike * away, weight + alike
        away = luma[bottom, x + 2] - here
        alike = likeness(away, tightness)
        total, weight = total + alike * away, weight + alike
        away = luma[upper, x + 2] - here
        alike = max(likeness(away, tightness), least)
        total, weight = total + alike * away, weight + alike
        away = luma[lower, x + 2] - here
        alike = max(likeness(away, tightness), least)
        total, weight = total + alike * away, weight + alike
        shift[x] = total / weight


@njit(**JIT)
def deblock(luma: np.ndarray, slot: int, around: np.ndarray, reach: np.float32, shift: np.ndarray) -> None:
    """Move each pixel of a row that departs from its surroundings by little more than `reach` to them, too."""
    tightness = F(1) / (F(9) * reach * reach)
    for x in range(shift.shape[0]):
        away = luma[slot, x + 2] + shift[x] - around[3, x]
        near = max(F(1) - away * away * tightness, F(0))
        shift[x] -= clamp(away, reach) * near * around[4, x] * around[4, x]


@njit(**JIT)
def attend(luma: np.ndarray, slot: int, attention: np.ndarray) -> None:
    """Write the attention map of a row: 255 - luminance."""
    for x in range(attention.shape[0]):
        attention[x] = np.uint8(np.int32(F(255.5) - luma[slot, x + 2]))


@njit(**JIT)
def clean_row(
    frame: np.ndarray,
    y: int,
    luma: np.ndarray,
    slot: int,
    shift: np.ndarray,
    around: np.ndarray,
    chroma_limit: np.float32,
    steps: int,
    offset: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
) -> None:
    """Write row y into a row of a block, its luminance shifted, small departures from the chroma around it cut off."""
    scale = F((steps - 1) / np.sqrt(255.0))
    for x in range(shift.shape[0]):
        limit = chroma_limit * around[4, x]
        for c in range(3):
            value = F(frame[y, 3 * x + c])
            value += shift[x] - clamp(value - luma[slot, x + 2] - around[c, x], limit)
            value = min(max(value, F(0)), F(255))
            levels[c, x] = value
            index[c, x] = np.uint16(np.int32(np.sqrt(value) * scale + F(0.5))) + offset[x]


@kept
def clean(
    frame: np.ndarray,
    first: int,
    how: Denoising,
    luma: np.ndarray,
    planes: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise rows, from row `first` on, into a block, and write their attention map.

    `luma` and `planes` are scratch: float32 5 x (W + 4) and 12 x W.
    """
    mean, end = how.mean, frame.shape[0] - 1
    wide, around, shift = planes[:6].reshape(2, 3, -1), planes[6:11], planes[11]
    held = np.full(2, -1)
    last = first + attention.shape[0]
    for y in range(max(first - 2, 0), min(first + 2, end + 1)):
        luminance(frame, y, luma, y % 5)
    for y in range(first, last):
        place = min(max((y + 0.5) / 4 - 0.5, 0.0), mean.shape[0] - 1.0)
        upper = int(place)
        lower = min(upper + 1, mean.shape[0] - 1)
        for wanted in (upper, lower):
            if held[wanted % 2] != wanted:
                held[wanted % 2] = wanted
                enlarge(mean, wanted, wide, wanted % 2)
        surround(wide, upper % 2, lower % 2, F(place - upper), around)
        if y + 2 <= end:
            luminance(frame, y + 2, luma, (y + 2) % 5)
        n = y - first
        attend(luma, y % 5, attention[n])
        top, above, beneath, bottom = max(y - 2, 0), max(y - 1, 0), min(y + 1, end), min(y + 2, end)
        slots = (top % 5, above % 5, y % 5, beneath % 5, bottom % 5)
        smooth(luma, *slots, around, F(how.luma_reach), F(how.touch), shift)
        if how.blocks > 0:
            deblock(luma, y % 5, around, F(how.blocks), shift)
        limit = F(how.chroma_reach)
        clean_row(frame, y, luma, y % 5, shift, around, limit, how.steps, how.offset, levels[n], index[n])
