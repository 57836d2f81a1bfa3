"""What comes of a frame: the pictures, and the report on what happened to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from illumigan_model.errors import ModelError

FAILED = "enhancement failed"
"""What a report says a frame was bypassed for where it also says `failure`."""


@dataclass(frozen=True)
class Report:
    """What happened to a frame.

    `runtime` ran the network; `stages_ms` are the milliseconds of each stage and their "total"; `bypassed` says why the
    frame was passed on unchanged (None: it was enhanced); `luma_in` and `luma_out` are mean luminances in [0, 1].
    `failure` says in a sentence what failed, which is one of the reasons to pass a frame on (None: nothing did).
    `restarts` counts, by reason, how often so far what is remembered of past frames had to begin anew (`succession`).
    """

    runtime: str
    stages_ms: dict[str, float]
    bypassed: str | None
    luma_in: float
    luma_out: float
    failure: str | None = None
    restarts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EnhancedFrame:
    """An enhanced frame (uint8 BGR H x W x 3), its attention map (uint8 H x W) and the report.

    `attention` is made for this frame alone: keep it or write into it as you like. So is `image`, unless
    `report.bypassed` says why the frame was passed on unchanged: then it is the very array that came in, uncopied.
    """

    image: np.ndarray
    attention: np.ndarray
    report: Report


def require_enhanced(frame: EnhancedFrame) -> EnhancedFrame:
    """Return a frame to whoever measures results and must not take an original for one.

    Raises:
        ModelError: it could not be enhanced.
    """
    if frame.report.failure:
        raise ModelError(frame.report.failure)
    return frame


class Stopwatch:
    """Milliseconds of successive stages."""

    def __init__(self) -> None:
        self._begin = self._last = time.perf_counter()
        self._stages: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """End a stage and begin the next one."""
        now = time.perf_counter()
        self._stages[stage] = (now - self._last) * 1e3
        self._last = now

    def finish(self) -> dict[str, float]:
        """Return the milliseconds by stage, with their "total"."""
        return {**self._stages, "total": (self._last - self._begin) * 1e3}
