"""The fused pass of `curves` in plain NumPy and OpenCV, for machines without numba; same pixels within one level.

The arrays are as in `curves_numba`. Rows are worked on in small bands, so that memory stays low at 4K.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from illumigan_model.curves import FINE_STEPS, REDUCE, SPANS

LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)
BAND = 32


def rows(
    frame: np.ndarray,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: np.ndarray,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Enhance the rows first..last."""
    for band in bands(first, last):
        levels = frame[band].reshape(-1, len(right), 3)
        index = levels.astype(np.int64)
        clean = levels.astype(np.float32)
        place = (table, unisons, tile[band], below[band], begins, right)
        out[band] = enhance(clean, index, 256, *place).reshape(levels.shape[0], -1)
        attention[band] = attend(clean)


def denoise_rows(
    frame: np.ndarray,
    mean: np.ndarray,
    luma_limit: float,
    chroma_limit: float,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: np.ndarray,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Denoise and enhance the rows first..last."""
    wide = enlarge(mean.reshape(mean.shape[0], -1, 3).astype(np.float32), frame.shape[0], len(right))
    for band in bands(first, last):
        levels = frame[band].reshape(-1, len(right), 3).astype(np.float32)
        around = wide[band]
        departure = levels - around
        luma = departure @ LUMA_BGR
        share = (1 - around @ LUMA_BGR / 255) ** 2
        kept = core(luma, share * luma_limit)[:, :, None]
        colour = core(departure - luma[:, :, None], (share * chroma_limit)[:, :, None])
        clean = np.clip(around + kept + colour, 0, 255)
        index = (np.sqrt(clean) * ((FINE_STEPS - 1) / np.sqrt(255)) + 0.5).astype(np.int64)
        place = (table, unisons, tile[band], below[band], begins, right)
        out[band] = enhance(clean, index, FINE_STEPS, *place).reshape(levels.shape[0], -1)
        attention[band] = attend(levels)


def bands(first: int, last: int) -> Iterator[slice]:
    """Cut the rows first..last into slices of at most 32."""
    for begin in range(first, last, BAND):
        yield slice(begin, min(begin + BAND, last))


def attend(levels: np.ndarray) -> np.ndarray:
    """Return the attention map 255 - luminance, uint8 H x W, of levels H x W x 3."""
    return (255.5 - levels @ LUMA_BGR).astype(np.uint8)


def core(departure: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Shrink departures towards zero by a limit."""
    return np.maximum(departure - limit, 0) + np.minimum(departure + limit, 0)


def enlarge(mean: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge the quarter-size mean picture fourfold, linearly, edges held to H x W x 3."""
    small_height, small_width = mean.shape[:2]
    size = (small_width * REDUCE, small_height * REDUCE)
    wide = cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(wide, 0, height - size[1], 0, width - size[0], cv2.BORDER_REPLICATE)


def enhance(
    clean: np.ndarray,
    index: np.ndarray,
    steps: int,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: np.ndarray,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    """Return the enhanced levels, uint8 H x W x 3, of clean levels and their table indices, both H x W x 3."""
    spans = np.repeat(np.arange(SPANS), np.diff(begins))
    at = (spans[:, None] * 3 + np.arange(3)) * steps + index
    row = tile[:, None, None]
    weight = below[:, None, None].astype(np.uint32)
    found = table[row, at] * (np.uint32(256) - weight) + table[row + 1, at] * weight
    left, other = (found & 0xFFFF).astype(np.float32), (found >> 16).astype(np.float32)
    change = (left + (other - left) * right[None, :, None]) / 256 - clean
    blend = below[:, None].astype(np.float32) / 256
    unison = (unisons[tile] + (unisons[tile + 1] - unisons[tile]) * blend)[:, :, None]
    change = change + unison * ((change @ LUMA_BGR)[:, :, None] - change)
    dark = (1 - clean @ LUMA_BGR / 255)[:, :, None]
    return (np.clip(clean + dark * change, 0, 255) + 0.5).astype(np.uint8)
