"""What a detector sees in a frame, and how one box is left where several overlap."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MOST_OVERLAP = 0.45  # intersection over union from which on the weaker of two boxes of a class goes


@dataclass(frozen=True)
class Detections:
    """What a detector sees in one frame.

    `boxes` is float32 N x 4: left, top, right and bottom in pixels of the frame; they may reach over its edges.
    `scores` is float32 N in [0, 1], `classes` int N: places in `names`, the names of all classes the detector knows.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, which: np.ndarray) -> Detections:
        """Return those detections that an index or a mask chooses."""
        return Detections(self.boxes[which], self.scores[which], self.classes[which], self.names)

    def of(self, *names: str) -> Detections:
        """Return the detections of some classes, by name in any case; one that the detector does not know has none."""
        wanted = {name.lower() for name in names}
        numbers = [number for number, name in enumerate(self.names) if name.lower() in wanted]
        return self.chosen(np.isin(self.classes, numbers))

    def above(self, threshold: float) -> Detections:
        """Return the detections whose score is at least the threshold."""
        return self.chosen(self.scores >= threshold)


def suppress(seen: Detections, threshold: float, *, across: bool = False) -> Detections:
    """Return what remains when of overlapping detections of a class the best is taken (non-maximum suppression).

    With `across`, of overlapping detections of any classes: a van that is taken for a car and a bus is one thing.
    """
    # Each class gets a place of its own, far from the others: OpenCV can tell classes apart only from 4.7 on.
    apart = (0 if across else seen.classes[:, None]) * 2.0 * np.abs(seen.boxes).max(initial=0)
    rectangles = np.concatenate([seen.boxes[:, :2] + apart, seen.boxes[:, 2:] - seen.boxes[:, :2]], axis=1)
    best = cv2.dnn.NMSBoxes(rectangles.tolist(), seen.scores.tolist(), threshold, MOST_OVERLAP)
    return seen.chosen(np.asarray(best, int).ravel())
