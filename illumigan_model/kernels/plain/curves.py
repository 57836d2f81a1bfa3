"""Tone curves on rows of pixels; arrays as in `compiled.curves`."""

from __future__ import annotations

import numpy as np

LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)


def tabulate(
    knots: np.ndarray, tile: int, edges: np.ndarray, share: np.ndarray, drawn: np.ndarray, table: np.ndarray
) -> None:
    """Write the table for the pixels between the tile rows `tile` and `tile` + 1."""
    lower_knot = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    value = knots[tile : tile + 2, ..., lower_knot]
    drawn[:] = value + (knots[tile : tile + 2, ..., lower_knot + 1] - value) * share + np.float32(0.5)
    spans = np.arange(len(table))
    left, right = np.maximum(spans - 1, 0), np.minimum(spans, knots.shape[1] - 1)
    upper, lower = drawn.astype(np.uint32)
    table[:] = upper[left] | lower[left] << 8 | upper[right] << 16 | lower[right] << 24


def unpack(
    frame: np.ndarray, first: int, last: int, levels: np.ndarray, index: np.ndarray, attention: np.ndarray
) -> None:
    """Split the rows first..last into a block whose levels are their own index, and write their attention map."""
    planes = frame[first:last].reshape(last - first, -1, 3).transpose(0, 2, 1)
    levels[: last - first] = index[: last - first] = planes
    attention[first:last] = attend(levels[: last - first])


def attend(levels: np.ndarray) -> np.ndarray:
    """Return the attention map 255 - luminance of a block."""
    return (np.float32(255.5) - luminance(levels)).astype(np.uint8)


def luminance(levels: np.ndarray) -> np.ndarray:
    """Return the luminance (float32 n x W) of a block."""
    return np.einsum("ncw,c->nw", levels, LUMA_BGR)


def enhance(
    levels: np.ndarray,
    index: np.ndarray,
    table: np.ndarray,
    unisons: np.ndarray,
    tile: int,
    below: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    first: int,
    last: int,
    found: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the enhanced rows first..last of a block between the tile rows `tile` and `tile` + 1."""
    clean, down = levels[: last - first], below[first:last, None]
    span = np.repeat(np.arange(len(table)), np.diff(begins))
    words = table[span, np.arange(3)[:, None], index[: last - first]]
    upper_left, lower_left, upper_right, lower_right = (
        (words >> shift & 255).astype(np.float32) for shift in (0, 8, 16, 24)
    )
    left = upper_left + (lower_left - upper_left) * down[:, None]
    curved = left + (upper_right + (lower_right - upper_right) * down[:, None] - left) * right
    rows = unisons[tile] + (unisons[tile + 1] - unisons[tile]) * down
    value = rows[:, np.maximum(span - 1, 0)]
    unison = (value + (rows[:, np.minimum(span, rows.shape[1] - 1)] - value) * right)[:, None]
    change = curved - clean
    change += unison * (luminance(change)[:, None] - change)
    dark = 1 - luminance(clean)[:, None] / 255
    enhanced = np.clip(clean + dark * change, 0, 255) + np.float32(0.5)
    out[first:last] = enhanced.transpose(0, 2, 1).reshape(last - first, -1)
