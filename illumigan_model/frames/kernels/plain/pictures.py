"""Other forms of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.frames.kernels.plain.rows import LUMA_BGR


def split(picture: np.ndarray, planes: np.ndarray) -> None:
    """Split a picture, uint8 H x 3W (B, G, R interleaved), into float32 3 x H x W, R, G, B in [0, 1]."""
    bgr = picture.reshape(picture.shape[0], -1, 3)
    np.multiply(bgr[:, :, ::-1].transpose(2, 0, 1), np.float32(1 / 255), out=planes)


def surround(picture: np.ndarray, around: np.ndarray) -> None:
    """Write the mean B, G and R of the nine pixels around each of a picture, and the variance of their chroma.

    `picture` is uint8 H x 3W, `around` float32 H x 4 x W; chroma is B - Y and R - Y, whose variances are added up.
    """
    bgr = picture.reshape(len(picture), -1, 3).astype(np.float32)
    chroma = (bgr - (bgr @ LUMA_BGR)[:, :, None])[:, :, ::2]
    mean, chroma_mean, square = (
        cv2.blur(of, (3, 3), borderType=cv2.BORDER_REPLICATE) for of in (bgr, chroma, chroma * chroma)
    )
    variance = np.maximum((square - chroma_mean * chroma_mean).sum(axis=2, keepdims=True), 0)
    around[:] = np.concatenate([mean, variance], axis=2).transpose(0, 2, 1)
