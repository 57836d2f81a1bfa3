"""Luminance and the self-regularised attention map of EnlightenGAN (arXiv 1906.06972, section 3.1).

Luminance is I = 0.299 R + 0.587 G + 0.114 B in [0, 1]; the attention map is A = 1 - I: dark places ask for attention.
One definition, two spellings: `attention_u8` for camera frames (NumPy/OpenCV), `attention` for tensors (torch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

LUMA_RGB = (0.299, 0.587, 0.114)


def luminance_u8(bgr: np.ndarray) -> np.ndarray:
    """Return the luminance of a BGR frame.

    Args:
        bgr: uint8, H x W x 3, any strides.

    Returns:
        uint8, H x W, 0..255.
    """
    return cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2GRAY)


def attention_u8(bgr: np.ndarray) -> np.ndarray:
    """Return the attention map 255 - luminance of a BGR frame (uint8 H x W x 3 in, uint8 H x W out)."""
    return cv2.bitwise_not(luminance_u8(bgr))


def mean_luma(bgr: np.ndarray) -> float:
    """Return the mean luminance, in [0, 1], of a picture, uint8 BGR H x W x 3."""
    blue, green, red, _ = cv2.mean(np.ascontiguousarray(bgr))
    return (LUMA_RGB[0] * red + LUMA_RGB[1] * green + LUMA_RGB[2] * blue) / 255


def luminance(rgb: torch.Tensor) -> torch.Tensor:
    """Return the luminance N x 1 x H x W of RGB images, float N x 3 x H x W."""
    red, green, blue = LUMA_RGB
    return red * rgb[:, 0:1] + green * rgb[:, 1:2] + blue * rgb[:, 2:3]


def attention(rgb: torch.Tensor) -> torch.Tensor:
    """Return the attention map 1 - luminance, float N x 1 x H x W, of RGB images in [0, 1], float N x 3 x H x W."""
    return 1.0 - luminance(rgb)
