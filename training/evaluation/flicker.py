"""How much a video flickers: by how much the brightness of its places changes from one frame to the next.

What moves in front of the camera changes places, too, so the number of a method says something only beside that of the
input: a method that adds no flicker has about what the input has.
"""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8

PLACES = (16, 9)
DARKEST = 1.0  # level; a change is measured against no less


def places(bgr: np.ndarray) -> np.ndarray:
    """Return the mean luminance of 16 x 9 places of a frame (uint8 H x W x 3): float32 9 x 16, in levels."""
    return cv2.resize(luminance_u8(bgr).astype(np.float32), PLACES, interpolation=cv2.INTER_AREA)


def flicker(before: np.ndarray, now: np.ndarray) -> float:
    """Return the mean change of brightness in % between the `places` of two successive frames."""
    brightness = np.maximum((before + now) / 2, DARKEST)
    return float(100 * (np.abs(now - before) / brightness).mean())
