"""Near black, what colour there is is mostly rounding and compression; a generator that sees pixels makes clouds of it.

For CurveGrid this is part of the operator (`generators.curve_grid.apply_curves`), which fades chroma further up, as its
curves are steeper; here it is done to the picture that another generator has made.
"""

from __future__ import annotations

import cv2
import numpy as np

NONE, ALL = 3.0, 8.0  # levels of the strongest colour up to which chroma is not believed in, and from which it is
DOUBT = np.clip((ALL - np.arange(256, dtype=np.float32)) / (ALL - NONE), 0, 1)


def without_tint(made: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return an enhanced frame whose chroma fades where the frame as it came is near black.

    Args:
        made: uint8 BGR H x W x 3.
        frame: the same.
    """
    strongest = cv2.max(cv2.max(frame[:, :, 0], frame[:, :, 1]), frame[:, :, 2])
    doubt = cv2.LUT(strongest, DOUBT)
    grey = cv2.cvtColor(cv2.cvtColor(made, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.blendLinear(grey, made, doubt, 1 - doubt)
