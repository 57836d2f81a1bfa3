"""What makes video calm: values smoothed in time, the daylight gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from illumigan_model.frames.succession import SPOILT

CALM_SECONDS = 0.3
STEADY_SECONDS = 3.0  # for what shows at once where it changes
NIGHT_LUMA, DAY_LUMA = 0.3, 0.37
AGE = "age of "
"""Before a value's name, that of its age in what is remembered."""


class Stabilizer:
    """Smooth what is said of successive frames of one camera: a first-order low pass.

    Call `begin` once for each frame, then `smooth` for every value of that frame. A value that was left out for a while
    counts the less, the longer that was. One that is remembered but is no number any more, or of another shape, is
    dropped, and counted in `restarts` under `SPOILT`.
    """

    def __init__(self, restarts: Counter[str]) -> None:
        self._restarts = restarts
        self._values: dict[str, np.ndarray] = {}
        self._ages: dict[str, float] = {}  # seconds since each of them was smoothed

    def memory(self) -> dict[str, np.ndarray]:
        """Return what is remembered, for `remember`; the arrays are copies."""
        ages = {AGE + name: np.array(self._ages[name]) for name in self._values}
        return {**{name: value.copy() for name, value in self._values.items()}, **ages}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on where another one was, by what its `memory` returned."""
        values = {name: value for name, value in memory.items() if not name.startswith(AGE)}
        self._ages = {name: memory[AGE + name].astype(float).item() for name in values}
        self._values = {name: value.astype(np.float32) for name, value in values.items()}

    def begin(self, gap: float | None) -> None:
        """Go on to a frame that was taken so many seconds after the one before; None forgets the past.

        Args:
            gap: above 0, as from `Succession.follow`.
        """
        if gap is None:
            self._forget()
        else:
            self._ages = {name: self._ages[name] + gap for name in self._values}

    def smooth(self, name: str, value: np.ndarray, *, steadily: bool = False) -> np.ndarray:
        """Return this frame's value of that name, smoothed with those of the frames before; it is not to be changed.

        Args:
            name: which value it is.
            value: float32, any shape, the same from call to call, finite.
            steadily: with a time constant of 3 s and not of 0.3 s.
        """
        past, age = self._values.get(name, value), self._ages.get(name, 0.0)
        smoothed = None
        if past.shape == value.shape:
            with np.errstate(all="ignore"):  # it is looked at below
                share = np.float32(1 - np.exp(-age / (STEADY_SECONDS if steadily else CALM_SECONDS)))
                smoothed = np.asarray(past + (value - past) * share)
        if smoothed is None or not np.isfinite(smoothed).all():
            self._restarts[SPOILT] += 1
            smoothed = np.asarray(value)
        self._values[name], self._ages[name] = smoothed, 0.0
        return smoothed

    def distrust(self) -> None:
        """Forget the past, where there is one: what came of it is unusable, although it consists of numbers."""
        if self._values:
            self._restarts[SPOILT] += 1
        self._forget()

    def _forget(self) -> None:
        self._values.clear()
        self._ages.clear()


def night_share(luma: float) -> float:
    """Return how much of the enhancement a frame gets: 1 at night, 0 by day, fading between the two.

    Args:
        luma: mean luminance in [0, 1].
    """
    return float(np.clip((DAY_LUMA - luma) / (DAY_LUMA - NIGHT_LUMA), 0, 1))
