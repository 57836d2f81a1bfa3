"""Luminance of rows of pixels, as it is or followed over time.

Arrays: `frame` uint8 H x 3W (B, G, R interleaved); `luma` float32 (n + 4) x Q, the luminance of n rows, of two more
above and below them, and of a few more pixels at both ends of each, which repeat the last ones. Rows beyond the frame
are left out. A row begins at column `MARGIN`; what lies around it all is nothing (`frames.row_memory`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, fma, kept

if TYPE_CHECKING:
    from illumigan_model.frames.past_luminance import Recall

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)
MARGIN = 16  # as in `frames.row_memory`
SIDE = 4  # pixels to the left and to the right that the wider look at what has moved takes in


@njit(inline="always")
def repeat_ends(luma: np.ndarray, at: int, width: int) -> None:
    """Repeat the first and the last pixel of a row."""
    first, last = luma[at, MARGIN], luma[at, MARGIN + width - 1]
    for x in range(1, SIDE + 1):
        luma[at, MARGIN - x], luma[at, MARGIN + width - 1 + x] = first, last


@njit(**JIT)
def luminance(frame: np.ndarray, y: int, luma: np.ndarray, at: int) -> None:
    """Write the luminance of row y of the frame into row `at`."""
    width = frame.shape[1] // 3
    for x in range(width):
        blue, green, red = F(frame[y, 3 * x]), F(frame[y, 3 * x + 1]), F(frame[y, 3 * x + 2])
        luma[at, MARGIN + x] = fma(red, RED, fma(green, GREEN, blue * BLUE))
    repeat_ends(luma, at, width)


@kept
def see(frame: np.ndarray, first: int, luma: np.ndarray) -> None:
    """Write the luminance of rows from `first` on as it is."""
    for y in range(max(first - 2, 0), min(first + luma.shape[0] - 2, frame.shape[0])):
        luminance(frame, y, luma, y - first + 2)


@njit(**JIT)
def depart(
    frame: np.ndarray,
    y: int,
    past: np.ndarray,
    fade: np.float32,
    luma: np.ndarray,
    at: int,
    lines: np.ndarray,
    line: int,
) -> None:
    """Write the luminance of row y into row `at`, and into a line how far it departs from the past as it has faded."""
    width = past.shape[1]
    for x in range(width):
        blue, green, red = F(frame[y, 3 * x]), F(frame[y, 3 * x + 1]), F(frame[y, 3 * x + 2])
        here = fma(red, RED, fma(green, GREEN, blue * BLUE))
        luma[at, MARGIN + x] = here
        lines[line, MARGIN + x] = fma(F(past[y, x]), F(-1 / 256), here) - fade
    repeat_ends(luma, at, width)
    repeat_ends(lines, line, width)


@njit(**JIT)
def join(
    luma: np.ndarray,
    at: int,
    lines: np.ndarray,
    upper: int,
    here: int,
    lower: int,
    reach: np.float32,
    keen: np.float32,
    least: np.float32,
    sums: np.ndarray,
    fresh: np.ndarray,
    n: int,
    present: np.ndarray,
    y: int,
) -> None:
    """Join row `at` with the past, in place; writes which share of each pixel is new, and the past of the next frame.

    A pixel has moved as far as the mean of the nine around it departs from the past, or `keen` times that of the
    3 x 9, whichever is more.
    """
    width = present.shape[1]
    for x in range(width + 2 * SIDE):
        at_x = MARGIN - SIDE + x
        sums[at_x] = lines[upper, at_x] + lines[here, at_x] + lines[lower, at_x]
    for x in range(width):
        own = luma[at, MARGIN + x]
        nine = sums[MARGIN - 1 + x] + sums[MARGIN + x] + sums[MARGIN + 1 + x]
        left = sums[MARGIN - 4 + x] + sums[MARGIN - 3 + x] + sums[MARGIN - 2 + x]
        right = sums[MARGIN + 2 + x] + sums[MARGIN + 3 + x] + sums[MARGIN + 4 + x]
        near, wide = nine * F(1 / 9), (left + nine + right) * (keen * F(1 / 27))
        limit = reach * fma(own, F(-1 / 255), F(1))
        share = min(max(max(near * near, wide * wide) / fma(limit, limit, F(1e-6)), least), F(1))
        fresh[n, x] = share
        own = fma(-lines[here, MARGIN + x], F(1) - share, own)
        luma[at, MARGIN + x] = own
        present[y, x] = np.uint16(min(max(np.int32(own * F(256) + F(0.5)), np.int32(0)), np.int32(65280)))
    repeat_ends(luma, at, width)


@kept
def follow(
    frame: np.ndarray, first: int, recall: Recall, luma: np.ndarray, fresh: np.ndarray, lines: np.ndarray
) -> None:
    """Write the luminance of rows from `first` on, joined with the past, and keep the rows themselves for the future.

    `fresh`, float32 n x P, is written: which share of each pixel is new; `lines`, float32 5 x Q, is scratch.
    """
    past, present, fade, reach, keen, least = recall
    end, count, width = frame.shape[0] - 1, fresh.shape[0], past.shape[1]
    top, bottom = max(first - 2, 0), min(first + count + 1, end)
    beyond, unkept = np.empty((1, luma.shape[1]), np.float32), np.empty((1, width), np.uint16)
    spare, sums = lines[3:4], lines[4]
    for y in range(max(top - 1, 0), bottom + 2):
        if y <= end:
            if top <= y <= bottom:
                depart(frame, y, past, F(fade), luma, y - first + 2, lines, y % 3)
            else:
                depart(frame, y, past, F(fade), beyond, 0, lines, y % 3)
        q = y - 1  # the row whose neighbours are known now
        if top <= q <= bottom:
            around = (lines, max(q - 1, 0) % 3, q % 3, min(q + 1, end) % 3, F(reach), F(keen), F(least), sums)
            if first <= q < first + count:
                join(luma, q - first + 2, *around, fresh, q - first, present, q)
            else:
                join(luma, q - first + 2, *around, spare, 0, unkept, 0)
