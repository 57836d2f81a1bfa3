"""The classical enhancers that ours is measured against, and taught by."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from illumigan_model.attention import mean_luma

CLIP, TILES = 3.0, 8
MIDDLE = 0.45


def clahe(bgr: np.ndarray, clip: float = CLIP, tiles: int = TILES) -> np.ndarray:
    """Equalise the L of Lab by tiles (Zuiderveld 1994): the classical enhancer that detectors like best.

    Args:
        bgr: uint8, H x W x 3.
        clip: how many times the mean count a bin of a tile's histogram may have.
        tiles: tiles in each direction.
    """
    lightness, a, b = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB))
    return cv2.cvtColor(cv2.merge([cv2.createCLAHE(clip, (tiles, tiles)).apply(lightness), a, b]), cv2.COLOR_LAB2BGR)


def auto_gamma(bgr: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 BGR, with the gamma that brings its mean luminance to 0.45."""
    gamma = np.log(MIDDLE) / np.log(float(np.clip(mean_luma(bgr), 0.01, 0.99)))
    return cv2.LUT(bgr, np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8))


BASELINES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"auto-gamma": auto_gamma, "CLAHE on L": clahe}
"""Name for people -> function from picture to picture, uint8 H x W x 3."""
