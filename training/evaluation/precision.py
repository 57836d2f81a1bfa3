"""Average precision of boxes as COCO defines it (Lin et al. 2014): pycocotools matches, draws of frames are weighed.

AP50 counts a box as right from an intersection over union of .5 on, AP50:95 is the mean over .5, .55, ... .95.
Precision is taken at 101 levels of recall, as its highest at that level or beyond. Sizes are COCO's, in pixels of the
frame.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Name -> range of a box's area in pixels."""
OVERLAPS = np.linspace(0.5, 0.95, 10)
MOST_BOXES = 100  # the best of a frame that count, as in COCO
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Matches:
    """How one frame's detections match its annotated boxes, of one range of sizes.

    `scores` (D), falling; `right` and `ignored` bool 10 x D, for each overlap of `OVERLAPS`; `there` counts the
    annotated boxes that are to be found.
    """

    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    there: int


def match(
    truths: Sequence[tuple[np.ndarray, np.ndarray]], seen: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, list[Matches]]:
    """Match the detections of some frames with what is annotated in them.

    Args:
        truths: for each frame the boxes in pixels (left, top, right, bottom; N x 4) and which of them count (bool N);
            a detection on one of the others is neither right nor wrong.
        seen: for each frame the detected boxes (M x 4) and their scores (M).

    Returns:
        for "all" and each of `SIZES` the matches of each frame.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    boxes, counts = [pair[0] for pair in truths], [pair[1] for pair in truths]
    with contextlib.redirect_stdout(io.StringIO()):  # it reports each step
        truth, answers = COCO(), COCO()
        truth.dataset = as_dataset(boxes, ignored=[~counted for counted in counts])
        answers.dataset = as_dataset([pair[0] for pair in seen], scores=[pair[1] for pair in seen])
        truth.createIndex()
        answers.createIndex()
        matcher = COCOeval(truth, answers, "bbox")
        matcher.params.iouThrs = OVERLAPS
        matcher.params.maxDets = [MOST_BOXES]
        matcher.params.areaRng = [[0.0, 1e10], *(list(limits) for limits in SIZES.values())]
        matcher.evaluate()
    by_size = np.array(matcher.evalImgs, dtype=object).reshape(1 + len(SIZES), len(truths))
    names = ("all", *SIZES)
    return {name: [as_matches(answer) for answer in row] for name, row in zip(names, by_size, strict=True)}


def as_dataset(
    boxes: Sequence[np.ndarray], ignored: Sequence[np.ndarray] | None = None, scores: Sequence[np.ndarray] | None = None
) -> dict[str, list[dict[str, object]]]:
    """Return boxes as COCO writes them, of one class."""
    annotations: list[dict[str, object]] = []
    for frame, of_frame in enumerate(boxes):
        for index, (left, top, right, bottom) in enumerate(of_frame.tolist()):
            size = right - left, bottom - top
            entry: dict[str, object] = {"id": len(annotations) + 1, "image_id": frame + 1, "category_id": 1}
            entry |= {"bbox": [left, top, *size], "area": size[0] * size[1]}
            entry["iscrowd"] = int(ignored is not None and bool(ignored[frame][index]))  # COCO's word for ignored
            if scores is not None:
                entry["score"] = float(scores[frame][index])
            annotations.append(entry)
    pictures: list[dict[str, object]] = [{"id": frame + 1} for frame in range(len(boxes))]
    return {"images": pictures, "annotations": annotations, "categories": [{"id": 1}]}


def as_matches(answer: dict[str, np.ndarray] | None) -> Matches:
    """Return what pycocotools says of a frame; None where it has neither boxes nor detections."""
    if answer is None:
        empty = np.zeros((len(OVERLAPS), 0), bool)
        return Matches(np.zeros(0), empty, empty, 0)
    scores = np.array(answer["dtScores"], float)
    right = np.array(answer["dtMatches"]).reshape(len(OVERLAPS), len(scores)) > 0
    ignored = np.array(answer["dtIgnore"], bool).reshape(len(OVERLAPS), len(scores))
    return Matches(scores, right, ignored, int((np.array(answer["gtIgnore"]) == 0).sum()))


def average_precision(frames: Sequence[Matches], times: np.ndarray, overlap: int = 0) -> np.ndarray:
    """Return the average precision in each draw of frames, NaN where a draw holds no box.

    Args:
        frames: the matches of each frame.
        times: draws x frames, how often each frame comes.
        overlap: which of `OVERLAPS` a box needs.
    """
    scores = np.concatenate([frame.scores for frame in frames])
    right = np.concatenate([frame.right[overlap] for frame in frames])
    valued = ~np.concatenate([frame.ignored[overlap] for frame in frames])
    origin = np.repeat(np.arange(len(frames)), [len(frame.scores) for frame in frames])
    order = np.argsort(-scores, kind="mergesort")
    order = order[valued[order]]
    right, origin = right[order], origin[order]
    there = times @ np.array([frame.there for frame in frames], float)
    precisions = np.full(len(times), np.nan)
    for draw, weights in enumerate(times):
        if there[draw]:
            found, wrong = np.cumsum(weights[origin] * right), np.cumsum(weights[origin] * ~right)
            precision = found / np.maximum(found + wrong, np.spacing(1))
            envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
            precisions[draw] = envelope[np.searchsorted(found / there[draw], RECALLS, side="left")].mean()
    return precisions


def found_and_false(frames: Sequence[Matches], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each frame how many boxes are found and how many detections are false, at AP50's overlap.

    Args:
        frames: the matches of each frame.
        threshold: least score of the detections that count.
    """
    found, false = [], []
    for frame in frames:
        counted = (frame.scores >= threshold) & ~frame.ignored[0]
        found.append(int((counted & frame.right[0]).sum()))
        false.append(int((counted & ~frame.right[0]).sum()))
    return np.array(found), np.array(false)
