"""Tone curves on rows of pixels; arrays as in `compiled.curves`."""

from __future__ import annotations

import numpy as np

LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)


def tabulate(
    grid: np.ndarray,
    tile: int,
    edges: np.ndarray,
    share: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    drawn: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
) -> None:
    """Write what all rows between the tile rows `tile` and `tile` + 1 have in common."""
    tiles = grid[:, tile : tile + 2].transpose(1, 2, 0)
    knots = np.clip(tiles[..., :-1], 0, 1).reshape(*tiles.shape[:2], 3, -1)[:, :, ::-1] * np.float32(255)
    lower_knot = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    value = knots[..., lower_knot]
    drawn[:] = value + (knots[..., lower_knot + 1] - value) * share + np.float32(0.5)
    spans = np.arange(len(begins) - 1)
    left, other = np.maximum(spans - 1, 0), np.minimum(spans, tiles.shape[1] - 1)
    upper, lower = drawn.astype(np.uint32).transpose(0, 2, 1, 3)
    table[:] = upper[:, left] | lower[:, left] << 8 | upper[:, other] << 16 | lower[:, other] << 24
    span = np.repeat(spans, np.diff(begins))
    one, two = tiles[:, left[span], -1], tiles[:, other[span], -1]
    wide[:] = one + (two - one) * right


def unpack(
    frame: np.ndarray,
    offset: np.ndarray,
    first: int,
    last: int,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Split the rows first..last into a block for tables of 256 steps, and write their attention map."""
    planes = frame[first:last].reshape(last - first, -1, 3).transpose(0, 2, 1)
    levels[: last - first] = planes
    index[: last - first] = planes + offset
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
    wide: np.ndarray,
    below: np.ndarray,
    right: np.ndarray,
    found: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """Write the enhanced rows first..last of a block."""
    clean, down = levels[: last - first], below[first:last, None, None]
    words = np.stack([table[c].ravel()[index[: last - first, c]] for c in range(3)], axis=1)
    upper_left, lower_left, upper_right, lower_right = (
        (words >> shift & 255).astype(np.float32) for shift in (0, 8, 16, 24)
    )
    left = upper_left + (lower_left - upper_left) * down
    change = left + (upper_right + (lower_right - upper_right) * down - left) * right - clean
    unison = wide[0] + (wide[1] - wide[0]) * down
    change += unison * (luminance(change)[:, None] - change)
    dark = 1 - luminance(clean)[:, None] / 255
    enhanced = np.clip(clean + dark * change, 0, 255) + np.float32(0.5)
    out[first:last] = enhanced.transpose(0, 2, 1).reshape(last - first, -1)
