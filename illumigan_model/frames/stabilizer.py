"""What makes video calm: curves smoothed in time, scene cuts, the daylight gate."""

from __future__ import annotations

import math

import cv2
import numpy as np

CALM_SECONDS = 0.3
CUT_DISTANCE = 0.12
LONGEST_GAP = 1.0
USUAL_GAP = 1 / 30
NIGHT_LUMA, DAY_LUMA = 0.36, 0.44


class Stabilizer:
    """Smooth what is said of successive frames of one camera: a first-order low pass with a time constant of 0.3 s.

    Call `observe` once for each frame, then `smooth` for every value of that frame. All starts anew after a scene cut,
    seen as a large change of the thumbnail, and after a gap of more than a second.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.states: dict[str, np.ndarray] = {}
        self.thumbnail: np.ndarray | None = None
        self.stamp = 0.0
        self.weight = 1.0

    def observe(self, thumbnail: np.ndarray, stamp: float) -> None:
        """Take note of the next frame.

        Args:
            thumbnail: uint8, any shape, the same from call to call: tells a scene cut.
            stamp: seconds; a stamp that stands still (a paused clock) counts as a thirtieth of a second, one that runs
                backwards (a looped bag) starts anew.
        """
        gap = stamp - self.stamp
        is_same_scene = self.thumbnail is not None and 0 <= gap <= LONGEST_GAP
        if is_same_scene and self.thumbnail is not None:
            is_same_scene = cv2.norm(thumbnail, self.thumbnail, cv2.NORM_L1) <= 255 * CUT_DISTANCE * thumbnail.size
        if not is_same_scene:
            self.states.clear()
        self.weight = 1 - math.exp(-(gap or USUAL_GAP) / CALM_SECONDS)
        self.thumbnail, self.stamp = thumbnail, stamp

    def smooth(self, name: str, value: np.ndarray) -> np.ndarray:
        """Return this frame's value of that name, smoothed with those of the frames before."""
        past = self.states.get(name, value)
        self.states[name] = past + (value - past) * np.float32(self.weight)
        return self.states[name]


def night_share(luma: float) -> float:
    """Return how much of the enhancement a frame gets: 1 at night, 0 by day, fading between the two.

    Args:
        luma: mean luminance in [0, 1].
    """
    return float(np.clip((DAY_LUMA - luma) / (DAY_LUMA - NIGHT_LUMA), 0, 1))
