"""Tone curves on rows of pixels; arrays as in `compiled.curves`."""

from __future__ import annotations

import numpy as np

from illumigan_model.frames.curves import LIFTED, SURE, UNSURE

LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)


def tabulate(
    tiles: np.ndarray,
    edges: np.ndarray,
    share: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    drawn: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
) -> None:
    """Write what all rows between two rows of tiles have in common."""
    both = tiles.transpose(1, 2, 0)
    knots = np.clip(both[..., :-1], 0, 1).reshape(*both.shape[:2], 3, -1)[:, :, ::-1] * np.float32(255)
    lower_knot = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    value = knots[..., lower_knot]
    drawn[:] = value + (knots[..., lower_knot + 1] - value) * share + np.float32(0.5)
    spans = np.arange(len(begins) - 1)
    left, other = np.maximum(spans - 1, 0), np.minimum(spans, both.shape[1] - 1)
    upper, lower = drawn.astype(np.uint32).transpose(0, 2, 1, 3)
    table[:] = upper[:, left] | lower[:, left] << 8 | upper[:, other] << 16 | lower[:, other] << 24
    span = np.repeat(spans, np.diff(begins))
    one, two = both[:, left[span], -1], both[:, other[span], -1]
    wide[:] = one + (two - one) * right


def unpack(frame: np.ndarray, offset: np.ndarray, levels: np.ndarray, index: np.ndarray, attention: np.ndarray) -> None:
    """Split rows into a block for tables of 256 steps, and write their attention map."""
    rows = len(frame)
    planes = frame.reshape(rows, -1, 3).transpose(0, 2, 1)
    levels[:rows] = planes
    index[:rows] = planes + offset
    attention[:] = attend(levels[:rows])


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
    out: np.ndarray,
) -> None:
    """Write the enhanced rows of a block."""
    rows = len(out)
    clean, down = levels[:rows], below[:, None, None]
    words = np.stack([table[c].ravel()[index[:rows, c]] for c in range(3)], axis=1)
    upper_left, lower_left, upper_right, lower_right = (
        (words >> shift & 255).astype(np.float32) for shift in (0, 8, 16, 24)
    )
    left = upper_left + (lower_left - upper_left) * down
    change = left + (upper_right + (lower_right - upper_right) * down - left) * right - clean
    unsure = 1 - np.clip((clean.max(axis=1, keepdims=True) - UNSURE) / (SURE - UNSURE), 0, 1)
    own = (1 - (wide[0] + (wide[1] - wide[0]) * down)) * (1 - unsure)
    luma, lift = luminance(clean)[:, None], luminance(change)[:, None]
    grey = unsure * np.clip(lift / LIFTED, 0, 1)
    change = grey * (luma - clean) + (1 - luma / 255) * (own * change + (1 - own) * lift)
    enhanced = np.clip(clean + change, 0, 255) + np.float32(0.5)
    out[:] = enhanced.transpose(0, 2, 1).reshape(rows, -1)
