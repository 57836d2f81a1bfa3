"""What was observed in numbers: by detector and for their mean, by darkness and size, beside raw and CLAHE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from illumigan_model.detectors.detector import THRESHOLD
from illumigan_training.evaluation.detection import BANDS, RAW, Observation, Watched
from illumigan_training.evaluation.images import BASELINES
from illumigan_training.evaluation.intervals import Interval, draws, interval, shares
from illumigan_training.evaluation.precision import (
    OVERLAPS,
    SIZES,
    Matches,
    average_precision,
    found_and_false,
    match,
)

CLAHE = BASELINES[-1]
MEAN = "mean of detectors"
PLATE_WIDTHS = {"far": (0.0, 0.065), "near": (0.065, 1.0)}
"""Name -> range of a plate's width as a share of the picture's; the dashcam's vehicles have a third and two thirds."""


@dataclass(frozen=True)
class Row:
    """One method on one group of frames or boxes, seen by one detector or by all (`MEAN`).

    `score` is the share of plates found, or AP50 of vehicles; `gain` what it is above raw, `above_clahe` what above
    CLAHE, where that is another method. `more` are further numbers by title: boxes a frame, and for vehicles AP50:95,
    the share found and false boxes a frame.
    """

    detector: str
    group: str
    frames: int
    boxes: int
    method: str
    score: Interval
    gain: Interval | None = None
    above_clahe: Interval | None = None
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DetectionScores:
    """One detector and method on a group: the score, the same in each draw, boxes that are there, further numbers."""

    score: float
    resampled: np.ndarray
    boxes: int
    more: dict[str, float]


def summarise(watched: Watched) -> list[Row]:
    """Return the rows: for each detector, and their mean where there are several, each group and method."""
    measured: dict[tuple[str, str], dict[str, DetectionScores]] = {}
    frames: dict[str, int] = {}
    measure = plates_found if watched.plates else vehicles_found
    for detector in watched.detectors:
        for method in watched.methods:
            for group, count, answer in measure(watched, detector, method):
                measured.setdefault((detector, group), {})[method] = answer
                frames[group] = count
    rows = [row for (detector, group), by in measured.items() for row in compare(detector, group, frames[group], by)]
    if len(watched.detectors) > 1:
        for group, count in frames.items():
            shared = [measured[detector, group] for detector in watched.detectors if (detector, group) in measured]
            if len(shared) == len(watched.detectors):
                rows += compare(MEAN, group, count, {name: mean([by[name] for by in shared]) for name in shared[0]})
    return rows


def compare(detector: str, group: str, frames: int, by_method: dict[str, DetectionScores]) -> Iterator[Row]:
    """Yield a row for each method, with what it gains on the same draws."""

    def above(one: DetectionScores, name: str) -> Interval | None:
        other = by_method.get(name)
        if other is None or other is one:
            return None
        return interval(one.score - other.score, one.resampled - other.resampled)

    for method, one in by_method.items():
        score = interval(one.score, one.resampled)
        gain, above_clahe = above(one, RAW), above(one, CLAHE)
        yield Row(detector, group, frames, one.boxes, method, score, gain, above_clahe, one.more)


def mean(measured: list[DetectionScores]) -> DetectionScores:
    """Return the mean of several detectors on one group; the boxes are those of the first."""
    more = {title: float(np.mean([one.more[title] for one in measured])) for title in measured[0].more}
    resampled = np.mean([one.resampled for one in measured], axis=0)
    return DetectionScores(float(np.mean([one.score for one in measured])), resampled, measured[0].boxes, more)


def by_darkness(observations: list[Observation]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and numbers of the frames of each band that has some."""
    for band, (low, high) in BANDS.items():
        inside = np.array([index for index, each in enumerate(observations) if low <= each.luma < high], int)
        if len(inside):
            yield band, inside


def plates_found(watched: Watched, detector: str, method: str) -> Iterator[tuple[str, int, DetectionScores]]:
    """Yield each group, its frames, and the share of its plates that lie in a vehicle."""
    observations = watched.observations
    found = [each.found(detector, method) for each in observations]
    seen = np.array([len(each.seen[detector, method].above(THRESHOLD)) for each in observations])

    def share(which: list[np.ndarray], chosen: np.ndarray) -> DetectionScores:
        there = np.array([which[index].sum() for index in chosen], float)
        right = np.array([(found[index] & which[index]).sum() for index in chosen], float)
        resampled = shares(right, there, draws(len(chosen) // watched.views, watched.views))
        more = {"boxes a frame": float(seen[chosen].mean())}
        return DetectionScores(float(right.sum() / there.sum()), resampled, int(there.sum()) // watched.views, more)

    everything = [each.counts[detector] for each in observations]
    for band, chosen in by_darkness(observations):
        yield band, len(chosen) // watched.views, share(everything, chosen)
    for size, (low, high) in PLATE_WIDTHS.items():
        widths = [(each.there[detector][:, 2] - each.there[detector][:, 0]) / each.size[0] for each in observations]
        sized = [(low <= width) & (width < high) for width in widths]
        chosen = np.array([index for index, which in enumerate(sized) if which.any()], int)
        if len(chosen):
            yield size, len(chosen) // watched.views, share(sized, chosen)


def vehicles_found(watched: Watched, detector: str, method: str) -> Iterator[tuple[str, int, DetectionScores]]:
    """Yield each group, its frames, and how precisely its vehicles are found."""
    observations = watched.observations
    truths = [(each.there[detector], each.counts[detector]) for each in observations]
    seen = [each.seen[detector, method] for each in observations]
    matches = match(truths, [(detections.boxes, detections.scores) for detections in seen])
    everyone = np.arange(len(observations))
    groups = [(band, "all", chosen) for band, chosen in by_darkness(observations)]
    for group, size, chosen in [*groups, *((size, size, everyone) for size in SIZES)]:
        of_group = [matches[size][index] for index in chosen]
        if any(frame.there for frame in of_group):
            yield group, len(chosen) // watched.views, precision_of(of_group, watched.views)


def precision_of(frames: list[Matches], views: int) -> DetectionScores:
    """Return AP50 of the views of some frames with further numbers."""
    once = np.ones((1, len(frames)))
    precisions = [float(average_precision(frames, once, overlap)[0]) for overlap in range(len(OVERLAPS))]
    found, false = found_and_false(frames, THRESHOLD)
    boxes = sum(frame.there for frame in frames)
    more = {
        "AP50:95": float(np.mean(precisions)),
        "found": float(found.sum() / boxes),
        "false boxes a frame": float(false.mean()),
        "boxes a frame": float((found + false).mean()),
    }
    return DetectionScores(
        precisions[0], average_precision(frames, draws(len(frames) // views, views)), boxes // views, more
    )
