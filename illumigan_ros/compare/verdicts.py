"""What the detector sees of a frame through one method and not through another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.detector import THRESHOLD
from illumigan_model.detectors.matching import LEAST_OVERLAP, areas, intersections
from illumigan_ros.compare.measuring import MeasuredFrame


class Change(NamedTuple):
    """How many things a method gains and loses in a frame beside another one."""

    gained: int
    lost: int


@dataclass(frozen=True)
class Truth:
    """What is known to be in a frame: boxes (N x 4, shares of width and height) and by method which it finds (N)."""

    boxes: np.ndarray
    found: dict[str, np.ndarray]


@dataclass(frozen=True)
class Verdicts:
    """The detections of one frame that count, by method, and what is known to be there.

    `alone[one][other]` says which boxes of one method the other does not see (bool N).
    """

    seen: dict[str, Detections]
    alone: dict[str, dict[str, np.ndarray]]
    truth: Truth | None

    def change(self, one: str, other: str) -> Change:
        """Return what `other` gains and loses beside `one`: of what is known to be there, or else of what is seen."""
        if self.truth is not None:
            before, now = self.truth.found[one], self.truth.found[other]
            return Change(int((now & ~before).sum()), int((before & ~now).sum()))
        if not self.seen:
            return Change(0, 0)
        return Change(int(self.alone[other][one].sum()), int(self.alone[one][other].sum()))


def look(frame: MeasuredFrame, truth: Truth | None = None) -> Verdicts:
    """Compare what is seen in a frame through each method."""
    seen = {name: side.seen.above(THRESHOLD) for name, side in frame.sides.items() if side.seen is not None}
    alone = {
        name: {other: unmatched(boxes.boxes, others.boxes) for other, others in seen.items()}
        for name, boxes in seen.items()
    }
    return Verdicts(seen, alone, truth)


def unmatched(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which boxes (N x 4) share with none of the others (M x 4) at least half of their union, bool N.

    Such are of one thing, whatever their classes.
    """
    if not len(boxes) or not len(others):
        return np.ones(len(boxes), bool)
    shared = np.stack([intersections(box, others) for box in boxes])
    union = areas(boxes)[:, None] + areas(others)[None] - shared
    return np.all(shared < LEAST_OVERLAP * union, axis=1)
