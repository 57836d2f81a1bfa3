"""Which frame follows which: the one rule by which everything that remembers frames begins anew, and how often it did.

Stamps come in any order: bags are looped, clocks are set, drivers leave stamps out. A stamp is believed only where it
follows the one before; nothing else about it is assumed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

LONGEST_GAP = 1.0  # seconds after which a frame shows something new
SHORTEST_GAP = 1e-3  # seconds; no camera is faster, so that less is a clock that stands still, or is rounded
USUAL_GAP = 1 / 30
CUT_DISTANCE = 0.12  # mean change of a thumbnail, as a share of white, from which on it shows another scene

JUMP, CUT, SPOILT = "jump in time", "scene cut", "spoilt memory"
"""Why a memory began anew: a frame did not follow in time, it shows another scene, what was remembered was unusable."""


class Moment(NamedTuple):
    """When a frame was taken, and when it came to us; seconds on two clocks that need not have anything in common.

    `stamp` is the camera's, None where it gave none; `arrived` is ours, which only ever goes on.
    """

    stamp: float | None
    arrived: float


def seconds_between(before: Moment, now: Moment) -> float | None:
    """Return how long after a frame the next one was taken, None if it does not follow it.

    Arrivals count where one of the two has no stamp, as two clocks cannot be subtracted. A stamp that runs backwards
    does not follow, nor does one more than `LONGEST_GAP` later; one that stands still counts as `USUAL_GAP`.
    """
    gap = now.arrived - before.arrived
    if before.stamp is not None and now.stamp is not None:
        gap = now.stamp - before.stamp
    if not 0 <= gap <= LONGEST_GAP:  # nor is it if it is no number
        return None
    return gap if gap >= SHORTEST_GAP else USUAL_GAP


class Succession:
    """The frames of one camera, one after another.

    `restarts` counts by reason (`JUMP`, `CUT`, `SPOILT`) how often what is remembered of them had to begin anew; the
    filters that remember count there what they find spoilt.
    """

    def __init__(self) -> None:
        self.restarts: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget the past; this was asked for, and is not counted."""
        self._moment: Moment | None = None
        self._thumbnail: np.ndarray | None = None

    def memory(self) -> dict[str, np.ndarray]:
        """Return what is remembered, for `remember`."""
        counted = {"reasons": np.array(list(self.restarts), str), "counts": np.array(list(self.restarts.values()), int)}
        if self._moment is None or self._thumbnail is None:
            return counted
        stamp = math.nan if self._moment.stamp is None else self._moment.stamp
        return {**counted, "moment": np.array([stamp, self._moment.arrived]), "thumbnail": self._thumbnail}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on where another one was, by what its `memory` returned."""
        self.reset()
        self.restarts.clear()
        counts = [int(count) for count in memory["counts"].tolist()]
        self.restarts.update(dict(zip(memory["reasons"].tolist(), counts, strict=True)))
        if "moment" in memory:
            stamp, arrived = memory["moment"].astype(float).tolist()
            self._moment = Moment(None if math.isnan(stamp) else stamp, arrived)
            self._thumbnail = memory["thumbnail"].astype(np.uint8)

    def follow(self, thumbnail: np.ndarray, stamp: float | None, arrived: float) -> float | None:
        """Take note of the next frame.

        Args:
            thumbnail: uint8, any shape, the same from call to call, else it is counted as spoilt: tells a scene cut.
            stamp: the camera's time in seconds; None, or what is no finite number, where it gave none.
            arrived: seconds on a clock that only ever goes on.

        Returns:
            the seconds since the frame before, more than 0 and at most `LONGEST_GAP`; None where every filter begins
            anew.
        """
        now = Moment(stamp if stamp is not None and math.isfinite(stamp) else None, arrived)
        before, self._moment = self._moment, now
        seen, self._thumbnail = self._thumbnail, thumbnail
        if before is None or seen is None:
            return None
        if seen.shape != thumbnail.shape:
            self.restarts[SPOILT] += 1
            return None
        gap = seconds_between(before, now)
        if gap is None:
            self.restarts[JUMP] += 1
        elif cv2.norm(thumbnail, seen, cv2.NORM_L1) > 255 * CUT_DISTANCE * thumbnail.size:
            self.restarts[CUT] += 1
            return None
        return gap
