"""Which of the boxes that are there a detector has found, and which of its detections are false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illumigan_model.detectors.detections import Detections

LEAST_OVERLAP = 0.5  # intersection over union from which on a box is found, as in AP50


@dataclass(frozen=True)
class Verdict:
    """What is found in one frame: bool N of the boxes that count; and false bool M of the detections."""

    found: np.ndarray
    false: np.ndarray


def judge(boxes: np.ndarray, counts: np.ndarray, seen: Detections) -> Verdict:
    """Match detections, the best first, each with the box that it overlaps most and that no better one has.

    Which class a detection is of does not matter: choose those of one kind before. The rule is COCO's, as pycocotools
    has it: a detection that lies on a box that does not count is neither right nor wrong, and so may several be.

    Args:
        boxes: float N x 4 in pixels, what is there.
        counts: bool N, which of them are to be found.
        seen: M detections.
    """
    found, false = np.zeros(len(boxes), bool), np.zeros(len(seen), bool)
    for index in np.argsort(-seen.scores, kind="stable"):
        shared = intersections(seen.boxes[index], boxes)
        area = areas(seen.boxes[index : index + 1])
        overlaps = np.where(counts, shared / np.maximum(area + areas(boxes) - shared, 1e-9), 0)
        overlaps[found] = 0
        if overlaps.max(initial=0) >= LEAST_OVERLAP:
            found[overlaps.argmax()] = True
        else:
            on_others = shared[~counts] / np.maximum(area, 1e-9)  # as COCO measures crowds: by the detection's own area
            false[index] = on_others.max(initial=0) < LEAST_OVERLAP
    return Verdict(found & counts, false)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas of boxes, N x 4, in square pixels."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def intersections(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the area that a box (4) shares with each of some boxes (N x 4)."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.asarray(np.prod(np.clip(sides, 0, None), axis=1))
