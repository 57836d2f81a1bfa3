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
    share: np.ndarray,
    reach: np.float32,
    touch: np.float32,
    calm: np.ndarray,
) -> None:
    """Write what the bilateral filter makes of each pixel of a row; the five rows it looks at are rows of `luma`.

    The four pixels that touch it count at least `touch`, so that a speck unlike all around it goes, too.
    """
    for x in range(calm.shape[0]):
        here = luma[centre, x + 2]
        limit = reach * share[x]
        tightness, least = F(1) / (limit * limit + F(1e-6)), touch * share[x]
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
        calm[x] = here + total / weight


@njit(**JIT)
def deblock(around: np.ndarray, reach: np.float32, calm: np.ndarray) -> None:
    """Move each pixel of a row that departs from its surroundings by little more than `reach` to them."""
    tightness = F(1) / (F(9) * reach * reach)
    for x in range(calm.shape[0]):
        away = calm[x] - around[3, x]
        near = max(F(1) - away * away * tightness, F(0))
        calm[x] -= clamp(away, reach) * near * around[4, x] * around[4, x]


@njit(**JIT)
def restrain(share: np.ndarray, fresh: np.ndarray, less: np.ndarray) -> None:
    """Write the share of the denoising that is left to do where the past has done most of it."""
    for x in range(share.shape[0]):
        less[x] = share[x] * (STILL + (F(1) - STILL) * fresh[x])


@njit(**JIT)
def attend(frame: np.ndarray, y: int, raw: np.ndarray, attention: np.ndarray) -> None:
    """Write the luminance of row y of the frame, and its attention map: 255 - luminance."""
    for x in range(attention.shape[0]):
        luma = F(frame[y, 3 * x + 2]) * RED + F(frame[y, 3 * x + 1]) * GREEN + F(frame[y, 3 * x]) * BLUE
        raw[x] = luma
        attention[x] = np.uint8(np.int32(F(255.5) - luma))


@njit(**JIT)
def clean_row(
    frame: np.ndarray,
    y: int,
    shift: np.ndarray,
    raw: np.ndarray,
    around: np.ndarray,
    chroma_limit: np.float32,
    steps: int,
    offset: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    n: int,
) -> None:
    """Write row y into row n of a block, its luminance shifted, small departures from the chroma around it cut off."""
    scale = F((steps - 1) / np.sqrt(255.0))
    for x in range(shift.shape[0]):
        limit = chroma_limit * around[4, x]
        for c in range(3):
            value = F(frame[y, 3 * x + c])
            value += shift[x] - clamp(value - raw[x] - around[c, x], limit)
            value = min(max(value, F(0)), F(255))
            levels[n, c, x] = value
            index[n, c, x] = np.uint16(np.int32(np.sqrt(value) * scale + F(0.5))) + offset[x]


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
    `planes` is scratch, float32 14 x W.
    """
    mean, end = how.mean, frame.shape[0] - 1
    wide, around = planes[:6].reshape(2, 3, -1), planes[6:11]
    calm, less, raw = planes[11], planes[12], planes[13]
    held = np.full(2, -1)
    for n in range(attention.shape[0]):
        y = first + n
        place = min(max((y + 0.5) / 4 - 0.5, 0.0), mean.shape[0] - 1.0)
        upper = int(place)
        lower = min(upper + 1, mean.shape[0] - 1)
        for wanted in (upper, lower):
            if held[wanted % 2] != wanted:
                held[wanted % 2] = wanted
                enlarge(mean, wanted, wide, wanted % 2)
        surround(wide, upper % 2, lower % 2, F(place - upper), around)
        share = around[4]
        if fresh.shape[0] > 0:
            restrain(share, fresh[n], less)
            share = less
        above, over, under, beneath = max(y - 2, 0), max(y - 1, 0), min(y + 1, end), min(y + 2, end)
        at = 2 - first
        smooth(
            luma, above + at, over + at, n + 2, under + at, beneath + at, share, F(how.luma_reach), F(how.touch), calm
        )
        if how.blocks > 0:
            deblock(around, F(how.blocks), calm)
        limit = F(how.chroma_reach)
        attend(frame, y, raw, attention[n])
        for x in range(calm.shape[0]):
            calm[x] -= raw[x]
        clean_row(frame, y, calm, raw, around, limit, how.steps, how.offset, levels, index, n)
