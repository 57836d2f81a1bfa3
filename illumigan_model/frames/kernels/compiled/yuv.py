"""From the planes of 4:2:0 video to BGR and back.

Four pixels share one pair of chroma. Reading gives it to all four and writing takes their mean, so that what is read
and written unchanged keeps its chroma to the level. The fields of interlaced video are pictures of their own.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

F = np.float32


@njit(**JIT)
def widen(row_u: np.ndarray, row_v: np.ndarray, weights: np.ndarray, wide: np.ndarray) -> None:
    """Work out what the chroma of a row adds to B, G, R: `wide` is 3 x (W + W % 2)."""
    for x in range(wide.shape[1] // 2):
        u, v = F(row_u[x]) - F(128), F(row_v[x]) - F(128)
        blue, green, red = weights[2] * u, weights[3] * u + weights[4] * v, weights[5] * v
        wide[0, 2 * x], wide[0, 2 * x + 1] = blue, blue
        wide[1, 2 * x], wide[1, 2 * x + 1] = green, green
        wide[2, 2 * x], wide[2, 2 * x + 1] = red, red


@njit(**JIT)
def level(value: np.float32) -> np.uint8:
    """Round to a level."""
    return np.uint8(np.int32(min(max(value, F(0)), F(255)) + F(0.5)))


@njit(**JIT)
def colour_row(luma: np.ndarray, wide: np.ndarray, weights: np.ndarray, bgr: np.ndarray) -> None:
    """Add luma to what chroma gives, for one row of 3W levels."""
    for x in range(bgr.shape[0] // 3):
        y = weights[0] * F(luma[x]) + weights[1]
        bgr[3 * x] = level(y + wide[0, x])
        bgr[3 * x + 1] = level(y + wide[1, x])
        bgr[3 * x + 2] = level(y + wide[2, x])


@kept
def to_bgr(luma: np.ndarray, u: np.ndarray, v: np.ndarray, fields: int, weights: np.ndarray, bgr: np.ndarray) -> None:
    """Turn planes, uint8 of at least the picture's rows and columns, into a picture, uint8 H x 3W.

    `fields` is 2 for interlaced video, else 1. `weights`, float32: luma times the first plus the second is grey; then
    what u adds to blue, u to green, v to green, v to red.
    """
    height, width = bgr.shape[0], bgr.shape[1] // 3
    wide = np.empty((3, width + width % 2), np.float32)
    for y in range(height):
        row = y // fields // 2 * fields + y % fields
        if fields == 2 or y % 2 == 0:
            widen(u[row], v[row], weights, wide)
        colour_row(luma[y], wide, weights, bgr[y])


@njit(**JIT)
def luma_row(bgr: np.ndarray, weights: np.ndarray, luma: np.ndarray) -> None:
    """Work out the luma of one row of 3W levels."""
    for x in range(bgr.shape[0] // 3):
        b, g, r = F(bgr[3 * x]), F(bgr[3 * x + 1]), F(bgr[3 * x + 2])
        luma[x] = level(weights[0] * b + weights[1] * g + weights[2] * r + weights[3])


@njit(**JIT)
def chroma_row(
    upper: np.ndarray, lower: np.ndarray, weights: np.ndarray, sums: np.ndarray, u: np.ndarray, v: np.ndarray
) -> None:
    """Work out the chroma of two rows of 3W levels; `sums`, 3 x W, is room to work in."""
    for x in range(sums.shape[1]):
        for colour in range(3):
            sums[colour, x] = F(np.int32(upper[3 * x + colour]) + np.int32(lower[3 * x + colour]))
    for x in range(sums.shape[1] // 2):
        b, g, r = (
            sums[0, 2 * x] + sums[0, 2 * x + 1],
            sums[1, 2 * x] + sums[1, 2 * x + 1],
            sums[2, 2 * x] + sums[2, 2 * x + 1],
        )
        u[x] = level(F(0.25) * (weights[4] * b + weights[5] * g + weights[6] * r) + F(128))
        v[x] = level(F(0.25) * (weights[7] * b + weights[8] * g + weights[9] * r) + F(128))


@kept
def from_bgr(bgr: np.ndarray, fields: int, weights: np.ndarray, luma: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
    """Turn a picture, uint8 H x 3W with even sides (H a multiple of 2 `fields`), into planes, uint8, at least as large.

    `weights`, float32: of B, G, R in luma and what is added; of B, G, R in u; of B, G, R in v.
    """
    height, width = bgr.shape[0], bgr.shape[1] // 3
    sums = np.empty((3, width), np.float32)
    for y in range(height):
        luma_row(bgr[y], weights, luma[y])
    for row in range(height // 2):
        y = row // fields * 2 * fields + row % fields
        chroma_row(bgr[y], bgr[y + fields], weights, sums, u[row], v[row])
