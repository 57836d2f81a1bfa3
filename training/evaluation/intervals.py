"""How sure a number is: paired bootstrap over frames (Efron 1979).

Frames are drawn anew, with replacement, and everything is computed again; in one draw all methods and all detectors
have the same frames. The interval holds the middle 95 % of what comes out. What is in one frame is found or lost
together, so frames are drawn and not boxes; frames of one ride resemble each other as well, which makes the truth a
little less certain still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether a difference is one: its interval leaves out 0. One inside its interval counts as equal."""
        return self.low > 0 or self.high < 0


def draws(frames: int, views: int = 1) -> np.ndarray:
    """Return how often each frame comes in each of `RESAMPLES` draws, always the same draws.

    The shape is `RESAMPLES` x (frames x views): a frame comes with all of its views, which follow one another.
    """
    times = np.random.default_rng(0).multinomial(frames, np.full(frames, 1 / frames), RESAMPLES).astype(float)
    return np.repeat(times, views, axis=1)


def interval(value: float, resampled: np.ndarray) -> Interval:
    """Return a value with the range that holds the middle 95 % of its resampled values; draws without any are NaN."""
    if np.isnan(resampled).all():
        return Interval(float(value), np.nan, np.nan)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))


def shares(found: np.ndarray, all_there: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return found / all there in each draw, NaN where a draw has nothing.

    Args:
        found: frames, how many are found in each.
        all_there: frames, how many there are.
        times: draws x frames, how often each frame comes.
    """
    there = times @ all_there
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there > 0, (times @ found) / there, np.nan)
