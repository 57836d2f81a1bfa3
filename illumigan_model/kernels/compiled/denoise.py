"""Denoising of rows of pixels.

Arrays: `frame` uint8 H x 3W (B, G, R interleaved), `mean` uint8 (H // 4) x 3 (W // 4), `attention` uint8 H x W; the
block of clean rows is planar: `levels` float32 n x 3 x W, `index` uint16 n x 3 x W.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.kernels.compiled.jit import JIT, kept

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


@njit(**JIT)
def enlarge(mean: np.ndarray, wide: np.ndarray) -> None:
    """Enlarge one row of the quarter-size mean picture fourfold, linearly, edges held: 3 x W."""
    last, width = mean.shape[0] // 3 - 1, wide.shape[1]
    for c in range(3):
        line = wide[c]
        for x in range(last):
            value = F(mean[3 * x + c])
            step = (F(mean[3 * x + 3 + c]) - value) * F(0.125)
            line[4 * x + 2] = value + step
            line[4 * x + 3] = value + F(3) * step
            line[4 * x + 4] = value + F(5) * step
            line[4 * x + 5] = value + F(7) * step
        line[0] = line[1] = F(mean[c])
        line[4 * last + 2 : width] = F(mean[3 * last + c])


@njit(**JIT)
def surround(upper: np.ndarray, lower: np.ndarray, weight: np.float32, chroma: np.ndarray, share: np.ndarray) -> None:
    """Blend two rows of surroundings (3 x W) into their chroma (3 x W) and the share of the denoising they get."""
    for x in range(share.shape[0]):
        blue = upper[0, x] + (lower[0, x] - upper[0, x]) * weight
        green = upper[1, x] + (lower[1, x] - upper[1, x]) * weight
        red = upper[2, x] + (lower[2, x] - upper[2, x]) * weight
        luma = red * RED + green * GREEN + blue * BLUE
        dark = F(1) - luma * F(1 / 255)
        share[x] = dark * dark
        chroma[0, x], chroma[1, x], chroma[2, x] = blue - luma, green - luma, red - luma


@njit(**JIT)
def luminance(row: np.ndarray, luma: np.ndarray) -> None:
    """Write the luminance of one row between two repeated pixels at each end."""
    width = luma.shape[0] - 4
    for x in range(width):
        luma[x + 2] = F(row[3 * x + 2]) * RED + F(row[3 * x + 1]) * GREEN + F(row[3 * x]) * BLUE
    luma[0] = luma[1] = luma[2]
    luma[width + 2] = luma[width + 3] = luma[width + 1]


@njit(inline="always")
def likeness(departure: np.float32, tightness: np.float32) -> np.float32:
    """Return how much a neighbour counts that departs so far."""
    return max(F(1) - departure * departure * tightness, F(0))


@njit(**JIT)
def smooth(
    top: np.ndarray,
    upper: np.ndarray,
    centre: np.ndarray,
    lower: np.ndarray,
    bottom: np.ndarray,
    share: np.ndarray,
    reach: np.float32,
    shift: np.ndarray,
) -> None:
    """Write how far the bilateral filter moves each pixel of a row of luminance, from 5 x 5 less its corners."""
    for x in range(shift.shape[0]):
        here = centre[x + 2]
        limit = reach * share[x]
        tightness = F(1) / (limit * limit + F(1e-6))
        total, weight = F(0), F(0)  # the pixel itself is among the centre row's five
        for i in range(1, 4):
            away = top[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = bottom[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
        for i in range(5):
            away = upper[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = centre[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
            away = lower[x + i] - here
            alike = likeness(away, tightness)
            total, weight = total + alike * away, weight + alike
        shift[x] = total / weight


@njit(**JIT)
def attend(luma: np.ndarray, attention: np.ndarray) -> None:
    """Write the attention map of one row: 255 - luminance."""
    for x in range(attention.shape[0]):
        attention[x] = np.uint8(np.int32(F(255.5) - luma[x + 2]))


@njit(inline="always")
def clamp(value: np.float32, limit: np.float32) -> np.float32:
    """Hold a value between -limit and limit."""
    return min(max(value, -limit), limit)


@njit(**JIT)
def clean_row(
    row: np.ndarray,
    luma: np.ndarray,
    shift: np.ndarray,
    chroma: np.ndarray,
    share: np.ndarray,
    chroma_limit: np.float32,
    steps: int,
    levels: np.ndarray,
    index: np.ndarray,
) -> None:
    """Move one row's luminance, and cut small departures of its chroma from the surroundings' off."""
    scale = F((steps - 1) / np.sqrt(255.0))
    for x in range(shift.shape[0]):
        limit = chroma_limit * share[x]
        for c in range(3):
            value = F(row[3 * x + c])
            value += shift[x] - clamp(value - luma[x + 2] - chroma[c, x], limit)
            value = min(max(value, F(0)), F(255))
            levels[c, x] = value
            index[c, x] = np.uint16(np.int32(np.sqrt(value) * scale + F(0.5)))


@kept
def clean(
    frame: np.ndarray,
    mean: np.ndarray,
    luma_reach: float,
    chroma_limit: float,
    steps: int,
    first: int,
    last: int,
    luma: np.ndarray,
    planes: np.ndarray,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise the rows first..last into a block, and write their attention map.

    `index` is uniform in sqrt(level), 0..steps - 1. `luma` and `planes` are scratch: float32 5 x (W + 4) and
    11 x W.
    """
    height = attention.shape[0]
    wide, chroma, share, shift = planes[:6].reshape(2, 3, -1), planes[6:9], planes[9], planes[10]
    held = np.full(2, -1)
    for y in range(max(first - 2, 0), min(first + 2, height)):
        luminance(frame[y], luma[y % 5])
    for y in range(first, last):
        place = min(max((y + 0.5) / 4 - 0.5, 0.0), mean.shape[0] - 1.0)
        upper = int(place)
        lower = min(upper + 1, mean.shape[0] - 1)
        for wanted in (upper, lower):
            if held[wanted % 2] != wanted:
                held[wanted % 2] = wanted
                enlarge(mean[wanted], wide[wanted % 2])
        surround(wide[upper % 2], wide[lower % 2], F(place - upper), chroma, share)
        if y + 2 < height:
            luminance(frame[y + 2], luma[(y + 2) % 5])
        attend(luma[y % 5], attention[y])
        smooth(
            luma[max(y - 2, 0) % 5],
            luma[max(y - 1, 0) % 5],
            luma[y % 5],
            luma[min(y + 1, height - 1) % 5],
            luma[min(y + 2, height - 1) % 5],
            share,
            F(luma_reach),
            shift,
        )
        out_levels, out_index = levels[y - first], index[y - first]
        clean_row(frame[y], luma[y % 5], shift, chroma, share, F(chroma_limit), steps, out_levels, out_index)
