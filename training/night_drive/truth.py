"""What is to be found in the rendered drive: the boxes of its cars and people, by what of them is in sight."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from illumigan_training.night_drive.drive import Arrangement, Stage
from illumigan_training.night_drive.view import NIGHT, Faces

# What KITTI asks of moderately difficult objects (Geiger et al. 2012): 25 of 375 pixels high, at most 30 % of it beyond
# the frame's edge. It annotates occlusion in words; half in sight is "partly occluded" at the most.
LEAST_HEIGHT = 25 / 375
LEAST_INSIDE = 0.7
LEAST_IN_SIGHT = 0.5
SHADOW_HEIGHT = 0.05  # metres, below which what lies flat is a shadow


@dataclass(frozen=True)
class DriveTruth:
    """The objects of one frame, far ones first.

    `boxes` is float32 N x 4 around what is in sight of each: left, top, right and bottom in pixels; `kinds` (N) are
    scene.CAR or scene.PERSON. `counts` (bool N) says which are large and free enough to be asked for; a detector that
    sees one of the others is neither right nor wrong.
    """

    boxes: np.ndarray
    kinds: tuple[str, ...]
    counts: np.ndarray


class KnownDrive:
    """The drive that `night_drive` renders for that size and seed."""

    def __init__(self, width: int, height: int, seed: int = 0) -> None:
        self._stage = Stage(width, height, seed, (NIGHT,))
        self._size = width, height

    def at(self, time: float) -> DriveTruth:
        """Return what is to be found at a time in seconds."""
        return truth_of(self._stage.arrange(time), *self._size)


def truth_of(arranged: Arrangement, width: int, height: int) -> DriveTruth:
    """Return what is to be found where everything stands as arranged."""
    faces, numbers = arranged.faces, np.zeros((height, width), np.int32)
    painted = [number for is_thing, number in arranged.order if is_thing and faces.kinds[number]]
    for is_thing, number in arranged.order:
        if is_thing:
            paint(numbers, faces, number, number + 1)
        else:
            front = arranged.fronts[number]
            down, across = front.window
            corners = np.round(front.target + np.array([across.start, down.start])).astype(np.int32)
            cv2.fillPoly(numbers, [corners], 0)
    boxes, kinds, counts = [], [], []
    for number in painted:
        rows, columns = np.nonzero(numbers == number + 1)
        if not len(rows):
            continue
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        alone = np.zeros_like(numbers)
        paint(alone, faces, number, 1)
        is_large = box[3] - box[1] >= LEAST_HEIGHT * height
        is_free = len(rows) >= LEAST_IN_SIGHT * np.count_nonzero(alone)
        boxes.append(box)
        kinds.append(faces.kinds[number])
        counts.append(is_large and is_free and share_inside(faces, number, width, height) >= LEAST_INSIDE)
    return DriveTruth(np.array(boxes, np.float32).reshape(-1, 4), tuple(kinds), np.array(counts, bool))


def outlines(faces: Faces, thing: int) -> list[np.ndarray]:
    """Return the corners (N x 2, sixteenths of a pixel) of each face of a thing, but not of its shadow on the road."""
    shown = range(*faces.groups[thing])
    flat = (faces.normals[:, 1] > 0.99) & (faces.centres[:, 1] < SHADOW_HEIGHT)
    return [faces.pixels[slice(*faces.spans[face])] for face in shown if not flat[face]]


def paint(canvas: np.ndarray, faces: Faces, thing: int, value: int) -> None:
    """Fill the faces of a thing with a number."""
    for corners in outlines(faces, thing):
        cv2.fillPoly(canvas, [corners], value, cv2.LINE_8, 4)


def share_inside(faces: Faces, thing: int, width: int, height: int) -> float:
    """Return which share of a thing's box lies in the frame."""
    corners = np.concatenate(outlines(faces, thing)) / 16
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = np.clip(high, 0, (width, height)) - np.clip(low, 0, (width, height))
    return float(np.prod(inside) / max(np.prod(high - low), 1e-9))
