"""The smaller pictures that are made of a frame: its thumbnail for the network, its surroundings for denoising."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.kernels import as_rows, open_kernels


def halve(picture: np.ndarray, memory: np.ndarray | None = None) -> np.ndarray:
    """Return the half-size mean picture: uint8 BGR, H x W x 3 to (H // 2) x (W // 2) x 3; in `memory` if that fits."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return cv2.resize(picture[: 2 * height, : 2 * width], (width, height), memory, interpolation=cv2.INTER_AREA)


class Surroundings(NamedTuple):
    """What lies around each place of a frame.

    `half` is the half-size mean, uint8 BGR (H // 2) x (W // 2) x 3. `mean`, float32 (H // 4) x 4 x (W // 4), is the
    mean B, G and R of nine pixels of the quarter-size one, not rounded, as near black curves make steps of many levels
    out of one; its fourth is the variance of their chroma, that of B - Y and of R - Y added up.
    """

    half: np.ndarray
    mean: np.ndarray


class Reductions:
    """The smaller pictures of one frame after another; the memory is kept from frame to frame."""

    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []
        self._halves: dict[int, np.ndarray] = {}
        self._around: np.ndarray | None = None

    def begin(self, frame: np.ndarray) -> None:
        """Go on to the next frame, uint8 or uint16 BGR, H x W x 3; what was made of the one before is overwritten.

        Whatever is made of it has its type.
        """
        self._pictures = [frame]

    def thumbnail(self) -> np.ndarray:
        """Return the 128 x 72 thumbnail, uint8 BGR, which is made anew.

        The frame is halved while it is at least twice as large, and the rest is done by linear interpolation: for the
        curves that is as good as area averaging all the way, and many times faster. What is still far from it then,
        being tall or flat, is averaged over areas, as lines would be skipped otherwise.
        """
        size, halvings = self._pictures[0].shape[1::-1], 0
        while all(side >> halvings + 1 >= least for side, least in zip(size, THUMBNAIL_WH, strict=True)):
            halvings += 1
        half = self._halved(halvings)
        is_close = all(side <= 2 * least for side, least in zip(half.shape[1::-1], THUMBNAIL_WH, strict=True))
        return cv2.resize(half, THUMBNAIL_WH, interpolation=cv2.INTER_LINEAR if is_close else cv2.INTER_AREA)

    def surroundings(self) -> Surroundings:
        """Return what lies around each place of a uint8 frame."""
        quarter = self._halved(2)
        shape = (quarter.shape[0], 4, quarter.shape[1])
        if self._around is None or self._around.shape != shape:
            self._around = np.empty(shape, np.float32)
        open_kernels().pictures.surround(as_rows(quarter), self._around)
        return Surroundings(self._halved(1), self._around)

    def _halved(self, times: int) -> np.ndarray:
        """Return the frame halved so many times."""
        for done in range(len(self._pictures), times + 1):
            self._halves[done] = halve(self._pictures[-1], self._halves.get(done))
            self._pictures.append(self._halves[done])
        return self._pictures[times]
