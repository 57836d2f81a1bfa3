"""Noise: how much there is, and denoising of rows of pixels; arrays as in `compiled.denoise`."""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.frames.kernels.plain.curves import LUMA_BGR, attend, luminance

REACH = 2  # rows and columns that the bilateral filter looks at around a pixel
NEAR = range(-REACH, REACH + 1)
NEIGHBOURS = [(dy, dx) for dy in NEAR for dx in NEAR if abs(dy) + abs(dx) <= REACH]


def count(frame: np.ndarray, first: int, step: int, levels: np.ndarray, departures: np.ndarray) -> None:
    """Count green's levels on every step-th row, and its second differences where it is at most its median."""
    green = frame[first::step, 1::3].astype(np.int16)
    middle = green[:, 1:-1]
    levels[:] = np.bincount(middle.ravel(), minlength=len(levels))
    median = np.searchsorted(2 * np.cumsum(levels), middle.size)
    second = np.abs(green[:, :-2] + green[:, 2:] - 2 * middle)
    departures[:] = np.bincount(second[middle <= median], minlength=len(departures))


def clean(
    frame: np.ndarray,
    mean: np.ndarray,
    luma_reach: float,
    touch: float,
    chroma_limit: float,
    steps: int,
    offset: np.ndarray,
    luma: np.ndarray,
    planes: np.ndarray,
    first: int,
    last: int,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise the rows first..last into a block, and write their attention map."""
    height, width = attention.shape
    block, block_index = levels[: last - first], index[: last - first]
    block[:] = frame[first:last].reshape(last - first, width, 3).transpose(0, 2, 1)
    attention[first:last] = attend(block)
    near = np.clip(np.arange(first - REACH, last + REACH), 0, height - 1)
    tall = frame[near].reshape(len(near), width, 3).astype(np.float32) @ LUMA_BGR
    around = surround(mean, first, last, width)
    around_luma = luminance(around)
    share = (1 - around_luma / 255) ** 2
    departure = block - tall[REACH:-REACH, None] - (around - around_luma[:, None])
    limit = chroma_limit * share[:, None]
    block += smooth(tall, luma_reach * share, np.float32(touch) * share)[:, None] - np.clip(departure, -limit, limit)
    np.clip(block, 0, 255, out=block)
    block_index[:] = np.sqrt(block) * np.float32((steps - 1) / np.sqrt(255)) + np.float32(0.5)
    block_index += offset


def surround(mean: np.ndarray, first: int, last: int, width: int) -> np.ndarray:
    """Return the rows first..last of the mean picture enlarged fourfold, linearly, edges held: n x 3 x W."""
    place = np.clip((np.arange(first, last) + 0.5) / 4 - 0.5, 0, mean.shape[0] - 1).astype(np.float32)
    upper = place.astype(np.int64)
    above, beneath = (mean[row].astype(np.float32) for row in (upper, np.minimum(upper + 1, mean.shape[0] - 1)))
    small = (above + (beneath - above) * (place - upper)[:, None]).reshape(last - first, -1, 3)
    wide = cv2.resize(small, (4 * small.shape[1], last - first), interpolation=cv2.INTER_LINEAR)
    wide = cv2.copyMakeBorder(wide, 0, 0, 0, width - wide.shape[1], cv2.BORDER_REPLICATE)
    return wide.transpose(0, 2, 1)


def smooth(luma: np.ndarray, limit: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return how far the bilateral filter moves each luminance (n x W; `luma` has two rows more at each end).

    The four pixels that touch one count at least `least`.
    """
    rows, width = limit.shape
    centre = luma[REACH:-REACH]
    wide = cv2.copyMakeBorder(luma, 0, 0, REACH, REACH, cv2.BORDER_REPLICATE)
    tightness = 1 / (limit * limit + np.float32(1e-6))
    total, weight = np.zeros_like(centre), np.zeros_like(centre)
    for dy, dx in NEIGHBOURS:
        away = wide[REACH + dy : REACH + dy + rows, REACH + dx : REACH + dx + width] - centre
        alike = np.maximum(1 - away * away * tightness, least if abs(dy) + abs(dx) == 1 else 0)
        total += alike * away
        weight += alike
    return total / weight
