"""How noisy a frame is, and what its denoising needs; the denoising itself is part of the fused pass (`curves`).

Luminance passes a small bilateral filter (Tomasi and Manduchi, "Bilateral filtering for gray and color images",
ICCV 1998): the mean of the 13 pixels at most two steps away, weighted by how alike they are; the four that touch count
in any case, as noise also makes specks like nothing around them. Colour is split into the mean of its surroundings, a
quarter-size picture, and what departs from it; small departures are cut off (the coring of Simoncelli and Adelson,
"Noise removal via Bayesian wavelet coring", ICIP 1996). Dark places get more of both than bright ones.
"""

from __future__ import annotations

import numpy as np

from illumigan_model.frames.kernels import as_rows, open_kernels

# How much the pixels that touch one count at least where the noise is a level or more, and by its square below that.
TOUCH = 0.5
# In standard deviations of the noise: a neighbour that departs by so much no longer counts; chroma that departs by so
# little is noise.
LUMA_REACH, CHROMA_REACH = 7.0, 3.5
SAMPLED_ROWS = 16


def estimate_noise(frame: np.ndarray) -> float:
    """Return the standard deviation of the noise in the darker half of a frame, in levels.

    From the median absolute second difference along some rows, which edges hardly move; sqrt(6) is the norm of
    (1, -2, 1) and 0.6745 turns a median absolute deviation into a standard deviation.
    """
    step = max(frame.shape[0] // SAMPLED_ROWS, 1)
    levels, departures = np.empty(256, np.int64), np.empty(1021, np.int64)
    open_kernels().denoise.count(as_rows(frame), step // 2, step, levels, departures)
    # The median of whole numbers, placed within its bin so that a small noise is told from none.
    before = np.cumsum(departures) - departures
    half = (before[-1] + departures[-1]) / 2
    median = int(np.searchsorted(before, half)) - 1
    inside = (half - before[median]) / max(departures[median], 1)
    return float(max(median - 0.5 + inside, 0) / (0.6745 * np.sqrt(6)))
