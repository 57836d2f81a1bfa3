"""Sixteen bits to eight: how far a dark frame is exposed so that eight bits can hold its shades.

A frame that uses its range loses little when its lower eight bits are dropped. One of which nothing comes near white
would be left with a few levels, so it is multiplied first, as if the camera had exposed it longer. What is exposed is
what the network sees; noise is measured and taken out in it, too. Shades between two levels are dithered (Roberts,
"Picture coding using pseudo-random noise", IRE Transactions on Information Theory 8(2), 1962): curves that are steep
near black would make bands of them, and denoising finds the shade in the grain again.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from illumigan_model.frames.thumbnails import Reductions

FULL_RANGE = 65535
# The share of white that the brightest thousandth of a frame is brought to. Of .1, .15, .25, .35 and .5, those around
# .3 came closest in PSNR and SSIM to four of scikit-image's photos, darkened to a 100th, a 40th and a 10th with noise.
BRIGHT = 0.3
MOST_STOPS = 6.0  # beyond a factor of 64, it is the noise of the sensor that would be exposed
TILE = 64  # pixels after which the grain repeats


def find_stops(reductions: Reductions) -> float:
    """Return by how many stops, powers of two in 0..6, to expose the frame that is in `reductions`, uint16 BGR."""
    luma = cv2.cvtColor(reductions.thumbnail(), cv2.COLOR_BGR2GRAY).ravel()
    rank = len(luma) - 1 - len(luma) // 1000
    brightest = float(np.partition(luma, rank)[rank]) / FULL_RANGE
    return float(np.clip(np.log2(BRIGHT / max(brightest, 1 / FULL_RANGE)), 0, MOST_STOPS))


def expose(frame: np.ndarray, stops: float) -> np.ndarray:
    """Return a frame, uint16 H x W x 3 with 65535 as white, exposed by so many stops, dithered to uint8."""
    factor = 2.0**stops * 255 / FULL_RANGE
    width = frame.shape[1]
    strip = np.tile(np.floor(grain() / factor).astype(np.uint16), (1, -(-width // TILE), 1))[:, :width].copy()
    exposed = np.empty(frame.shape, np.uint8)
    for first in range(0, len(frame), TILE):  # by strips, which stay in the cache
        rows, target = frame[first : first + TILE], exposed[first : first + TILE]
        cv2.convertScaleAbs(cv2.add(rows, strip[: len(rows)]), target, factor, -0.5)
    return exposed


def to_eight_bits(picture: np.ndarray) -> np.ndarray:
    """Return a picture, uint16 of any shape with 65535 as white, as uint8, each value rounded."""
    return cv2.convertScaleAbs(picture, alpha=255 / FULL_RANGE).reshape(picture.shape)


def to_full_range(values: np.ndarray, white: int) -> np.ndarray:
    """Return values, uint16 of any shape, scaled so that `white` becomes 65535; what is brighter becomes that, too."""
    if white == FULL_RANGE:
        return values
    return cv2.addWeighted(values, FULL_RANGE / white, values, 0, 0).reshape(values.shape)


@lru_cache(maxsize=1)
def grain() -> np.ndarray:
    """Return the tile of grain, the same in all frames and in the three colours: float64 in [0, 1), 64 x 64 x 3."""
    return np.repeat(np.random.default_rng(0).random((TILE, TILE, 1)), 3, axis=2)
