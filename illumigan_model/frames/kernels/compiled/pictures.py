"""Other forms of a picture."""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


@njit(**JIT)
def split_row(picture: np.ndarray, y: int, planes: np.ndarray) -> None:
    """Split one row."""
    for x in range(planes.shape[2]):
        planes[0, y, x] = F(picture[y, 3 * x + 2]) * F(1 / 255)
        planes[1, y, x] = F(picture[y, 3 * x + 1]) * F(1 / 255)
        planes[2, y, x] = F(picture[y, 3 * x]) * F(1 / 255)


@kept
def split(picture: np.ndarray, planes: np.ndarray) -> None:
    """Split a picture, uint8 H x 3W (B, G, R interleaved), into float32 3 x H x W, R, G, B in [0, 1]."""
    for y in range(planes.shape[1]):
        split_row(picture, y, planes)


@njit(**JIT)
def part_row(picture: np.ndarray, y: int, lines: np.ndarray, at: int) -> None:
    """Part a row into B, G, R and the square of their chroma: line `at` of 3 x 4 x (W + 2), whose ends are repeated."""
    last = lines.shape[2] - 2
    for x in range(last):
        blue, green, red = F(picture[y, 3 * x]), F(picture[y, 3 * x + 1]), F(picture[y, 3 * x + 2])
        luma = BLUE * blue + GREEN * green + RED * red
        lines[at, 0, x + 1], lines[at, 1, x + 1], lines[at, 2, x + 1] = blue, green, red
        lines[at, 3, x + 1] = (blue - luma) * (blue - luma) + (red - luma) * (red - luma)
    for c in range(4):
        lines[at, c, 0], lines[at, c, last + 1] = lines[at, c, 1], lines[at, c, last]


@njit(**JIT)
def add_rows(lines: np.ndarray, upper: int, here: int, lower: int, sums: np.ndarray) -> None:
    """Write the sums of three lines, 4 x (W + 2)."""
    for c in range(4):
        for x in range(sums.shape[1]):
            sums[c, x] = lines[upper, c, x] + lines[here, c, x] + lines[lower, c, x]


@kept
def surround(picture: np.ndarray, around: np.ndarray) -> None:
    """Write the mean B, G and R of the nine pixels around each of a picture, and the variance of their chroma.

    `picture` is uint8 H x 3W, `around` float32 H x 4 x W; chroma is B - Y and R - Y, whose variances are added up.
    """
    end, width = picture.shape[0] - 1, picture.shape[1] // 3
    lines, sums = np.empty((3, 4, width + 2), np.float32), np.empty((4, width + 2), np.float32)
    part_row(picture, 0, lines, 0)
    for y in range(end + 1):
        if y < end:
            part_row(picture, y + 1, lines, (y + 1) % 3)
        add_rows(lines, max(y - 1, 0) % 3, y % 3, min(y + 1, end) % 3, sums)
        for x in range(width):
            blue = (sums[0, x] + sums[0, x + 1] + sums[0, x + 2]) * F(1 / 9)
            green = (sums[1, x] + sums[1, x + 1] + sums[1, x + 2]) * F(1 / 9)
            red = (sums[2, x] + sums[2, x + 1] + sums[2, x + 2]) * F(1 / 9)
            square = (sums[3, x] + sums[3, x + 1] + sums[3, x + 2]) * F(1 / 9)
            luma = BLUE * blue + GREEN * green + RED * red
            around[y, 0, x], around[y, 1, x], around[y, 2, x] = blue, green, red
            around[y, 3, x] = max(square - (blue - luma) * (blue - luma) - (red - luma) * (red - luma), F(0))
