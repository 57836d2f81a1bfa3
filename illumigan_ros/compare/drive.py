"""The rendered night drive as footage to compare on: what is to be found in each of its frames is known."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from illumigan_ros.compare.sources import RUN_UP, SourceFrame, as_clock

if TYPE_CHECKING:
    from illumigan_training.evaluation.truth import Truth

SIZE, FPS, SECONDS = (640, 360), 30, 8
NOT_ASKED = "not asked for"  # the class of what is too small, hidden or beyond the edge


class DriveSource:
    """The drive of the demo, eight seconds of it."""

    is_still = False
    name = "rendered night drive"
    losses: tuple[str, ...] = ()

    def __init__(self, size: tuple[int, int] = SIZE, seconds: float = SECONDS) -> None:
        """Choose width and height and how long it is."""
        self._size, self._seconds = size, seconds
        self.count = round(FPS * seconds)
        self.left_out: list[str] = []

    def keys(self) -> list[str]:
        """Return what the truth calls each frame: its number."""
        return [str(number) for number in range(self.count)]

    @cached_property
    def truth(self) -> Truth:
        """What is to be found in each frame."""
        from illumigan_training.evaluation.truth import Truth
        from illumigan_training.night_drive.truth import KnownDrive

        known, boxes, classes = KnownDrive(*self._size), {}, {}
        for number, key in enumerate(self.keys()):
            there = known.at(number / FPS)
            boxes[key] = there.boxes / np.tile(self._size, 2)
            classes[key] = [
                kind if counts else NOT_ASKED for kind, counts in zip(there.kinds, there.counts, strict=True)
            ]
        return Truth(boxes, classes, whole=True)

    def frames(self, chosen: Collection[int]) -> Iterator[SourceFrame]:
        """Yield the chosen frames, by number, with those that lead up to them."""
        from illumigan_training.night_drive.drive import night_drive

        wanted = {number - back for number in chosen for back in range(RUN_UP + 1)}
        last = -1
        for number, bgr in enumerate(night_drive(*self._size, fps=FPS, seconds=self._seconds)):
            if number in wanted:
                time = number / FPS
                yield SourceFrame(number, as_clock(time), time, bgr, number in chosen, last == number - 1 >= 0)
                last = number
