"""Notices a camera that keeps 12 bits (or 10, ...) in the low end of 16, whose pictures come out nearly black."""

from __future__ import annotations

import numpy as np

FRAMES = 3  # in a row that must be so dark before anything is said
LOW_SHARE = 16  # 12 bits fill one 16th of what 16 bits can say


class WhiteLevelWatch:
    """
    Watches the 16-bit frames of one camera until the first that is brighter than a 16th of white.

    `warning` is "" as long as nothing is wrong; it is made once, and tells people to set `setting`, as it is called
    where they run this.
    """

    def __init__(self, setting: str = "white_16bit") -> None:
        self.warning = ""
        self._setting = setting
        self._dark_frames = self._peak = 0
        self._is_decided = False

    def observe(self, values: np.ndarray, white: int) -> None:
        """Look at a frame's values as they came (uint16, any shape), of which `white` is to be white."""
        if self._is_decided:
            return
        brightest = int(values.max())
        if brightest * LOW_SHARE > white:
            self._is_decided = True
            return
        self._dark_frames += 1
        self._peak = max(self._peak, brightest)
        if self._dark_frames == FRAMES:
            self.finish()

    def finish(self) -> None:
        """Say what is to be said of the frames so far, as no others will come."""
        if self._dark_frames and not self._is_decided:
            self.warning = (
                f"The 16-bit images stay in the lowest {LOW_SHARE}th of their range, at most {self._peak}. If the "
                f"camera has 12 bits, set {self._setting} to 4095 (10 bits: 1023)."
            )
        self._is_decided = True
