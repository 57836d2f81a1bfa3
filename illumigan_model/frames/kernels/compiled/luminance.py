"""Luminance of rows of pixels, as it is or followed over time.

Arrays: `frame` uint8 H x 3W (B, G, R interleaved); `luma` float32 (n + 4) x (W + 4), the luminance of n rows, of two
more above and below them, and of two more pixels at both ends of each, which repeat the last ones. Rows beyond the
frame are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

if TYPE_CHECKING:
    from illumigan_model.frames.past_luminance import Recall

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


@njit(**JIT)
def luminance(frame: np.ndarray, y: int, line: np.ndarray) -> None:
    """Write the luminance of row y of the frame, between two repeated pixels at each end."""
    width = line.shape[0] - 4
    for x in range(width):
        line[x + 2] = F(frame[y, 3 * x + 2]) * RED + F(frame[y, 3 * x + 1]) * GREEN + F(frame[y, 3 * x]) * BLUE
    line[0] = line[1] = line[2]
    line[width + 2] = line[width + 3] = line[width + 1]


@kept
def see(frame: np.ndarray, first: int, luma: np.ndarray) -> None:
    """Write the luminance of rows from `first` on as it is."""
    for y in range(max(first - 2, 0), min(first + luma.shape[0] - 2, frame.shape[0])):
        luminance(frame, y, luma[y - first + 2])


@njit(**JIT)
def depart(frame: np.ndarray, y: int, past: np.ndarray, fade: np.float32, line: np.ndarray, away: np.ndarray) -> None:
    """Write a row's luminance, and how far it departs from the past as it has faded.

    Both have repeated pixels at each end, two and one.
    """
    width = past.shape[0]
    for x in range(width):
        luma = F(frame[y, 3 * x + 2]) * RED + F(frame[y, 3 * x + 1]) * GREEN + F(frame[y, 3 * x]) * BLUE
        line[x + 2] = luma
        away[x + 1] = luma - F(past[x]) * F(1 / 256) - fade
    line[0] = line[1] = line[2]
    line[width + 2] = line[width + 3] = line[width + 1]
    away[0], away[width + 1] = away[1], away[width]


@njit(**JIT)
def join(
    line: np.ndarray,
    upper: np.ndarray,
    here: np.ndarray,
    lower: np.ndarray,
    reach: np.float32,
    least: np.float32,
    sums: np.ndarray,
    fresh: np.ndarray,
    kept_line: np.ndarray,
) -> None:
    """Join a row with the past, in place; writes which share of each pixel is new, and the past of the next frame.

    A pixel has moved as far as the mean of the nine around it departs from the past.
    """
    width = fresh.shape[0]
    for x in range(width + 2):
        sums[x] = upper[x] + here[x] + lower[x]
    for x in range(width):
        luma = line[x + 2]
        mean = (sums[x] + sums[x + 1] + sums[x + 2]) * F(1 / 9)
        limit = reach * (F(1) - luma * F(1 / 255))
        share = min(max(mean * mean / (limit * limit + F(1e-6)), least), F(1))
        fresh[x] = share
        luma -= here[x + 1] * (F(1) - share)
        line[x + 2] = luma
        kept_line[x] = np.uint16(np.int32(min(max(luma, F(0)), F(255)) * F(256) + F(0.5)))
    line[0] = line[1] = line[2]
    line[width + 2] = line[width + 3] = line[width + 1]


@kept
def follow(
    frame: np.ndarray, first: int, recall: Recall, luma: np.ndarray, fresh: np.ndarray, lines: np.ndarray
) -> None:
    """Write the luminance of rows from `first` on, joined with the past, and keep the rows themselves for the future.

    `fresh` float32 n x W, is written: which share of each pixel is new; `lines` float32 5 x (W + 2) is scratch.
    """
    end, count, width = frame.shape[0] - 1, fresh.shape[0], fresh.shape[1]
    top, bottom = max(first - 2, 0), min(first + count + 1, end)
    reach, least = F(recall.reach), F(recall.least)
    beyond, unkept = np.empty(luma.shape[1], np.float32), np.empty(width, np.uint16)
    spare, sums = lines[3, :width], lines[4]
    for y in range(max(top - 1, 0), bottom + 2):
        if y <= end:
            line = luma[y - first + 2] if top <= y <= bottom else beyond
            depart(frame, y, recall.past[y], F(recall.fade), line, lines[y % 3])
        q = y - 1  # the row whose neighbours are known now
        if top <= q <= bottom:
            is_own = first <= q < first + count
            share = fresh[q - first] if is_own else spare
            kept_line = recall.present[q] if is_own else unkept
            around = (lines[max(q - 1, 0) % 3], lines[q % 3], lines[min(q + 1, end) % 3])
            join(luma[q - first + 2], *around, reach, least, sums, share, kept_line)
