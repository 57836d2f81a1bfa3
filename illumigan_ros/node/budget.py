"""Trades quality for time in named steps: where frames are late, less is done to them, and it is told."""

from __future__ import annotations

import time

FULL, STILL, NO_DENOISE, EVERY_SECOND, PASS = range(5)
STEPS = (
    "full quality",
    "no denoising over time",
    "no denoising",
    "curves of every second frame",
    "frames pass through",
)

PATIENCE = 5  # frames in a row over the budget before the next step
EASE = 0.7  # share of the budget below which a step is taken back
SHORTEST_HOLD, LONGEST_HOLD = 2.0, 64.0  # seconds on a step before it is taken back; doubled where that was too early


class Budget:
    """
    The step that one camera is on.

    A step is taken after `PATIENCE` frames in a row over the budget, and taken back after a hold with all frames well
    below it; a step that had to be taken again soon is held twice as long the next time, so that it does not swing.
    """

    def __init__(self) -> None:
        self.step = FULL
        self._late = 0
        self._since = time.monotonic()
        self._hold = SHORTEST_HOLD

    @property
    def is_exhausted(self) -> bool:
        """Whether frames are late although nothing is done to them any more."""
        return self.step == PASS and self._late >= PATIENCE

    @property
    def name(self) -> str:
        """The step in words."""
        return STEPS[self.step]

    def observe(self, took_ms: float, budget_ms: float, now: float | None = None) -> None:
        """Take note of what a frame took from its arrival on; a budget of 0 is none."""
        now = time.monotonic() if now is None else now
        if budget_ms <= 0:
            self.step, self._late, self._hold = FULL, 0, SHORTEST_HOLD
            return
        self._late = self._late + 1 if took_ms > budget_ms else 0
        if self._late >= PATIENCE and self.step < PASS:
            is_again = now - self._since < SHORTEST_HOLD
            self._hold = min(2 * self._hold, LONGEST_HOLD) if is_again else self._hold
            self._move(1, now)
        elif took_ms > EASE * budget_ms:
            if self.step:
                self._since = max(self._since, now - self._hold / 2)
        elif self.step and now - self._since > self._hold:
            self._move(-1, now)

    def _move(self, by: int, now: float) -> None:
        self.step += by
        self._late, self._since = 0, now
