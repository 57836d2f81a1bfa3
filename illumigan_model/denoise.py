"""How noisy a frame is, and what its denoising needs; the denoising itself is part of the fused pass (`curves`).

Luminance passes a small bilateral filter (Tomasi and Manduchi, "Bilateral filtering for gray and color images",
ICCV 1998): the mean of 21 near pixels, weighted by how alike they are. Colour is split into the mean of its
surroundings, a quarter-size picture, and what departs from it; small departures are cut off (the coring of Simoncelli
and Adelson, "Noise removal via Bayesian wavelet coring", ICIP 1996). Dark places get more of both than bright ones.
"""

from __future__ import annotations

import cv2
import numpy as np

# In standard deviations of the noise: a neighbour that departs by so much no longer counts; chroma that departs by so
# little is noise.
LUMA_REACH, CHROMA_REACH = 5.0, 3.5
REDUCE = 4


def surroundings(frame: np.ndarray) -> np.ndarray:
    """Return the quarter-size mean picture of a frame: uint8 BGR, (H // 4) x (W // 4) x 3."""
    height, width = frame.shape[0] // REDUCE, frame.shape[1] // REDUCE
    return cv2.resize(frame[: height * REDUCE, : width * REDUCE], (width, height), interpolation=cv2.INTER_AREA)


def estimate_noise(frame: np.ndarray) -> float:
    """Return the standard deviation of the noise in the darker half of a frame, in levels.

    From the median absolute second difference along every 32nd row, which edges hardly move; sqrt(6) is the norm of
    (1, -2, 1) and 0.6745 turns a median absolute deviation into a standard deviation.
    """
    rows = frame[16::32, :, 1].astype(np.int16)
    if rows.shape[0] < 4:
        rows = frame[:, :, 1].astype(np.int16)
    second = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    dark = second[rows[:, 1:-1] <= np.median(rows)]
    counts = np.bincount(dark, minlength=4)
    # the median of integers, placed within its bin so that a small noise is told from none
    half = dark.size / 2
    before = np.concatenate([[0], np.cumsum(counts)])
    level = int(np.searchsorted(before, half, side="left")) - 1
    inside = (half - before[level]) / max(counts[level], 1)
    return float(max(level - 0.5 + inside, 0) / (0.6745 * np.sqrt(6)))
