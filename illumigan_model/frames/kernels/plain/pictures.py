"""Other forms of a picture."""

from __future__ import annotations

import numpy as np


def split(picture: np.ndarray, planes: np.ndarray) -> None:
    """Split a picture, uint8 H x 3W (B, G, R interleaved), into float32 3 x H x W, R, G, B in [0, 1]."""
    bgr = picture.reshape(picture.shape[0], -1, 3)
    np.multiply(bgr[:, :, ::-1].transpose(2, 0, 1), np.float32(1 / 255), out=planes)
