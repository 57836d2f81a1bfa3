"""How the pictures of a video are to be shown: colour, shape of a pixel, orientation, fields, time base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from illumigan_ros.recordings.video.colour import Colour

UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0)


@dataclass(frozen=True)
class Presentation:
    """What a file says about its pictures beside their levels.

    `pixel_shape` is width over height of a stored pixel; `matrix` FFmpeg's display matrix (nine numbers), None where
    pictures are stored upright; `fields` which field comes first, tff or bff, "" where there are none.
    """

    colour: Colour
    pixel_shape: Fraction
    matrix: tuple[int, ...] | None
    fields: str
    time_base: Fraction

    @property
    def _turned(self) -> bool:
        """Whether rows are shown as columns."""
        return self.matrix is not None and abs(self.matrix[1]) > abs(self.matrix[0])

    def upright(self) -> Presentation:
        """Return the presentation of the same pictures, stored as they are shown."""
        shape = 1 / self.pixel_shape if self._turned else self.pixel_shape
        return replace(self, matrix=None, pixel_shape=shape, fields="" if self._turned else self.fields)

    def shown(self, stored: np.ndarray) -> np.ndarray:
        """Return a stored picture, H x W (x 3), as it is shown: turned and mirrored to the nearest quarter."""
        if self.matrix is None:
            return stored
        picture = cv2.transpose(stored) if self._turned else stored
        return self._mirrored(picture)

    def stored(self, shown: np.ndarray) -> np.ndarray:
        """Return a picture as it is shown, H x W (x 3), the way the file stores it."""
        if self.matrix is None:
            return shown
        picture = self._mirrored(shown)
        return cv2.transpose(picture) if self._turned else picture

    def _mirrored(self, picture: np.ndarray) -> np.ndarray:
        assert self.matrix is not None
        a, b, _, c, d = self.matrix[:5]
        left, up = (c < 0, b < 0) if self._turned else (a < 0, d < 0)
        if not (left or up):
            return picture
        return cv2.flip(picture, -1 if left and up else int(left))


def display_matrix(side_data: bytes) -> tuple[int, ...] | None:
    """Return FFmpeg's display matrix, nine int32; None where it changes nothing."""
    matrix = tuple(int(number) for number in np.frombuffer(side_data, np.int32))
    return None if matrix[:6] == UPRIGHT else matrix
