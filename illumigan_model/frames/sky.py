"""Night stays night: where lamps are in view, a tile that holds next to nothing is not brightened.

A dim room and a road at night both have shades within the first levels of 255. In the room they are all there is, and
worth lifting; beside lamps they are black sky, which lifted turns into grey haze. A picture of nothing, as with a cap
on the lens, stays as it is.
"""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8
from illumigan_model.frames.curves import GRID_WH

NOTHING, SOMETHING = 1.5, 9.0  # levels of a tile's luminance, mean + two standard deviations
DIM, BRIGHT = 70.0, 118.0  # levels between which a pixel of the thumbnail begins to count as lit
LAMP_SHARE = 0.001  # share of lit pixels from which on lamps are in view


def worth_lifting(thumbnail: np.ndarray) -> np.ndarray:
    """Return how far the curves of each tile may leave the shades as they are.

    Args:
        thumbnail: uint8 BGR, 72 x 128 x 3.

    Returns:
        float32 in [0, 1], 9 x 16: 1 everywhere in a picture without lamps that shows something.
    """
    luma = luminance_u8(thumbnail).astype(np.float32)
    lamps = min(float(np.clip((luma - DIM) / (BRIGHT - DIM), 0, 1).mean()) / LAMP_SHARE, 1.0)
    mean, square = (cv2.resize(of, GRID_WH, interpolation=cv2.INTER_AREA) for of in (luma, luma * luma))
    content = mean + 2 * np.sqrt(np.maximum(square - mean * mean, 0))
    share = np.clip((content - NOTHING) / (SOMETHING - NOTHING), 0, 1)
    seen = min(float(content.max()) / NOTHING, 1.0)
    return np.asarray(seen * (1 - lamps * (1 - share)), np.float32)


def mix(enhanced: np.ndarray, frame: np.ndarray, lifting: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
    """Return an enhanced frame mixed with the frame as it came, uint8 H x W x 3.

    Args:
        enhanced: uint8 H x W x 3.
        frame: the same.
        lifting: share of the first in [0, 1], float32 9 x 16, blended between the middles of tiles.
        into: memory for the result; made anew where there is none.
    """
    if np.ptp(lifting) == 0:
        share = float(lifting[0, 0])
        return cv2.addWeighted(enhanced, share, frame, 1 - share, 0, into)
    shares = cv2.resize(lifting, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.blendLinear(enhanced, frame, shares, 1 - shares, into)
