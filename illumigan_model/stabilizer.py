"""What makes video calm: curves smoothed in time, scene cuts, the daylight gate."""

from __future__ import annotations

import math

import numpy as np

CALM_SECONDS = 0.3
CUT_DISTANCE = 0.12
LONGEST_GAP = 1.0
NIGHT_LUMA, DAY_LUMA = 0.36, 0.44


class Stabilizer:
    """Smooth what a network says of successive frames of one camera.

    `smooth` is a first-order low pass with a time constant of 0.3 s. It starts anew after a scene cut, seen as a large
    change of the thumbnail, and after a gap of more than a second.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.state: np.ndarray | None = None
        self.thumbnail: np.ndarray | None = None
        self.stamp = 0.0

    def smooth(self, values: np.ndarray, thumbnail: np.ndarray, stamp: float) -> np.ndarray:
        """Return smoothed values.

        Args:
            values: float32, any shape, the same from call to call: this frame's curves and whatever goes with them.
            thumbnail: float32 in [0, 1], any shape, the same from call to call: tells a scene cut.
            stamp: seconds; time that runs backwards (a looped bag) starts anew.
        """
        gap = stamp - self.stamp
        fresh = self.state is None or self.thumbnail is None or not 0 <= gap <= LONGEST_GAP
        if self.state is None or fresh or np.abs(thumbnail - self.thumbnail).mean() > CUT_DISTANCE:
            self.state = values
        else:
            self.state = self.state + (values - self.state) * (1 - math.exp(-gap / CALM_SECONDS))
        self.thumbnail, self.stamp = thumbnail, stamp
        return self.state


def night_share(luma: float) -> float:
    """Return how much of the enhancement a frame gets: 1 at night, 0 by day, fading between the two.

    Args:
        luma: mean luminance in [0, 1].
    """
    return float(np.clip((DAY_LUMA - luma) / (DAY_LUMA - NIGHT_LUMA), 0, 1))
