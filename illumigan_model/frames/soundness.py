"""What must be true of a network's answer, and of a result, before anybody sees it: a camera never goes black."""

from __future__ import annotations

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8
from illumigan_model.errors import ModelError
from illumigan_model.frames.curves import GRID_WH, KNOTS

SLACK = 0.1  # by which half precision and smoothing never miss the ends of a curve
SAMPLED_ROWS = 36  # of a picture that is looked at
# A place that has two levels of luminance is not black, and a quarter of its light is. AttentionUNet turns up to 9 % of
# the places of real night pictures black, CurveGrid none.
NOT_BLACK, BLACK_SHARE, MOST_PLACES = 2.0, 0.25, 0.25


def require_finite(answer: np.ndarray) -> None:
    """Raise ModelError if a network's answer holds something that is not a number."""
    if not np.isfinite(answer).all():
        raise ModelError("The network answered with something that is not a number; try another runtime.")


def require_curves(grid: np.ndarray) -> None:
    """Raise ModelError if a grid, as from `CurveGrid.curves`, holds anything but curves from black to white."""
    if grid.shape != (3 * KNOTS + 1, *GRID_WH[::-1]):
        raise ModelError(f"The network answered with an array of the shape {grid.shape}, which is no grid of curves.")
    black, white = grid[0:-1:KNOTS], grid[KNOTS - 1 :: KNOTS]
    is_within = grid.min() >= -SLACK and grid.max() <= 1 + SLACK
    if not (is_within and black.max() <= SLACK and white.min() >= 1 - SLACK):
        require_finite(grid)
        raise ModelError("The network answered with curves that do not run from black to white; try another runtime.")


def lights(bgr: np.ndarray) -> np.ndarray:
    """Return how light the places of a picture are.

    Args:
        bgr: uint8, H x W x 3.

    Returns:
        mean luminance in levels, of some of the rows, float32 9 x 16.
    """
    rows = luminance_u8(bgr[:: max(len(bgr) // SAMPLED_ROWS, 1)])
    return cv2.resize(rows.astype(np.float32), GRID_WH, interpolation=cv2.INTER_AREA)


def require_light(before: np.ndarray, after: np.ndarray) -> None:
    """Raise ModelError if a result is black where its frame is not; both as from `lights`."""
    seen = before >= NOT_BLACK
    lost = seen & (after < BLACK_SHARE * before)
    if lost.sum() > MOST_PLACES * seen.sum():
        raise ModelError("The result would be black where the frame is not.")
