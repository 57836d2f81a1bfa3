"""Other forms of a picture."""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

F = np.float32


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
