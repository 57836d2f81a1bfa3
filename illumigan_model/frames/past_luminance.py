"""Denoising over time: what is remembered of the frames before, and how far each pixel of the next may differ from it.

Each pixel's luminance is a running mean over time, as long as nothing moves there: the share of the new frame is 1/2 in
the second frame, 1/3 in the third, and so on down to a sixth. Where the mean of the nine pixels around departs from the
past by more than noise can explain, something has moved, and the new frame counts alone; in between, its share grows
with the square of the departure. The mean of 3 x 9 pixels needs to depart by half as much: it shows large things that
are hardly brighter or darker than what is behind them, such as a pedestrian. Where the light of the whole picture
changes, the past changes with it. A recursive temporal filter with motion detection, as in Dubois and Sabri, "Noise
reduction in image sequences using motion-compensated temporal filtering" (IEEE Trans. Communications, 1984), without
motion compensation. The filter itself is part of the fused pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from illumigan_model.frames.succession import LONGEST_GAP, SPOILT

LONGEST_MEMORY = 6  # frames whose mean is taken where nothing moves
MOTION = 2.5  # standard deviations of the noise by which the mean of nine pixels departs where something moves
WIDE_MOTION = 1.25  # and by which that of 3 x 9 pixels does
LEAST_NOISE = 0.5  # levels; what rounding and codecs do to a frame without noise


class Recall(NamedTuple):
    """What one frame is joined with, as kernels take it.

    `past` is the luminance so far, `present` receives what the next frame will find: uint16 H x W, in 1/256 of a level.
    `fade` is by how many levels the whole picture has become lighter. `reach` is how far, in levels of black, the mean
    of nine pixels must depart for the new frame to count alone; that of 3 x 9 is multiplied by `keen` before. `least`
    is its share where they do not depart at all, 0..1.
    """

    past: np.ndarray
    present: np.ndarray
    fade: float
    reach: float
    keen: float
    least: float


class PastLuminance:
    """What is remembered of one camera's frames.

    Call `begin` for each frame; for those that are denoised over time `recall` as well, and `accept` once such a frame
    is done. What is found spoilt is forgotten, and counted in `restarts` under `SPOILT`.
    """

    def __init__(self, restarts: Counter[str]) -> None:
        self._restarts = restarts
        self._past = self._present = np.empty((0, 0), np.uint16)
        self._seen = self._next_seen = np.empty((0, 0), np.float32)
        self.forget()

    def forget(self) -> None:
        """Forget the past."""
        self._frames, self._age = 0, 0.0

    def memory(self) -> dict[str, np.ndarray]:
        """Return what is remembered, for `remember`; the arrays are copies."""
        if self._frames == 0:
            return {}
        counts = np.array([self._frames, self._age])
        return {"past": self._past.copy(), "seen": self._seen.copy(), "counts": counts}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on where another one was, by what its `memory` returned."""
        self.forget()
        if memory:
            self._past, self._seen = memory["past"].astype(np.uint16), memory["seen"].astype(np.float32)
            self._present = np.zeros_like(self._past)
            frames, self._age = memory["counts"].astype(float).tolist()
            self._frames = max(int(frames), 0)

    def begin(self, gap: float | None) -> None:
        """Go on to a frame that was taken so many seconds after the one before; None forgets the past.

        Args:
            gap: above 0, as from `Succession.follow`.
        """
        self._age += gap or 0.0
        if gap is None or self._age > LONGEST_GAP:  # frames may have passed that were not denoised
            self.forget()

    def recall(self, lights: np.ndarray, size: tuple[int, int], sigma: float, strength: float) -> Recall:
        """Return what a frame is joined with.

        Args:
            lights: how light its places are, in levels, float32, any shape, the same from call to call.
            size: its height and width.
            sigma: standard deviation of its noise, in levels.
            strength: how much is denoised over time, above 0 and at most 1.
        """
        if not (math.isfinite(sigma) and np.isfinite(self._seen).all()):
            self._restarts[SPOILT] += 1
            self.forget()
            sigma = sigma if math.isfinite(sigma) else 0.0
        if self._frames == 0 or self._past.shape != size or self._seen.shape != lights.shape:
            self.forget()
            self._past, self._present = np.zeros(size, np.uint16), np.zeros(size, np.uint16)
            self._seen = lights
        fade = common_change(lights - self._seen)
        self._next_seen = lights
        memory = 1 + strength * (min(self._frames + 1, LONGEST_MEMORY) - 1)
        reach, keen = MOTION * max(sigma, LEAST_NOISE), MOTION / WIDE_MOTION
        return Recall(self._past, self._present, fade, reach, keen, 1 / memory)

    def accept(self) -> None:
        """Take what `recall` gave for `present` as the past of the next frame."""
        self._past, self._present = self._present, self._past
        self._seen = self._next_seen
        self._frames, self._age = self._frames + 1, 0.0


def common_change(changes: np.ndarray) -> float:
    """Return by how much three quarters of the places have become lighter at least, or (below 0) darker."""
    ordered = np.sort(changes, axis=None)
    quarter = len(ordered) // 4
    return float(max(ordered[quarter], 0) + min(ordered[-1 - quarter], 0))
