"""From the planes of 4:2:0 video to BGR and back; `kernels.compiled.yuv` describes the arguments."""

from __future__ import annotations

import numpy as np


def to_bgr(luma: np.ndarray, u: np.ndarray, v: np.ndarray, fields: int, weights: np.ndarray, bgr: np.ndarray) -> None:
    """Turn planes into a picture, uint8 H x 3W; each pair of chroma serves four pixels of its field."""
    height, width = len(bgr), bgr.shape[1] // 3
    rows = np.arange(height)
    at = np.ix_(rows // fields // 2 * fields + rows % fields, np.arange(width) // 2)
    blue, red = (plane[at].astype(np.float32) - 128 for plane in (u, v))
    grey = weights[0] * luma[:height, :width] + weights[1]
    colours = (grey + weights[2] * blue, grey + weights[3] * blue + weights[4] * red, grey + weights[5] * red)
    bgr[:] = _levels(np.stack(colours, axis=-1)).reshape(height, -1)


def from_bgr(bgr: np.ndarray, fields: int, weights: np.ndarray, luma: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
    """Turn a picture, uint8 H x 3W, into planes; chroma is that of the mean of four pixels of one field."""
    height, width = len(bgr), bgr.shape[1] // 3
    picture = bgr.reshape(height, width, 3).astype(np.float32)
    luma[:height, :width] = _levels(picture @ weights[:3] + weights[3])
    four = picture.reshape(height // 2 // fields, 2, fields, width // 2, 2, 3).mean(axis=(1, 4))
    four = four.reshape(height // 2, width // 2, 3)
    u[: height // 2, : width // 2] = _levels(four @ weights[4:7] + 128)
    v[: height // 2, : width // 2] = _levels(four @ weights[7:] + 128)


def _levels(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 255) + np.float32(0.5)).astype(np.uint8)
