"""What a detector sees in the demo's frames, before and after: drawn, and counted where it is known what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from illumigan_model.detectors.detections import Detections, suppress
from illumigan_model.detectors.detector import THRESHOLD, Detector
from illumigan_model.detectors.drawing import draw_box, draw_detections
from illumigan_model.detectors.matching import judge

if TYPE_CHECKING:
    from illumigan_training.night_drive.truth import DriveTruth

EVERY = 3  # of so many pairs of frames, the detector looks at one
SIDES = ("input", "enhanced")
SHOWN = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
KINDS = {"cars": ("car", ("car", "bus", "truck")), "people": ("person", ("person",))}
"""Name -> the truth's word for it, and the detector's."""
FOUND, MISSED, FALSE = (90, 230, 90), (255, 140, 60), (60, 60, 255)  # green, blue, red


class Examination:
    """
    Looks with a detector at pairs of frames, input and enhanced.

    With a truth, which is asked by a frame's stamp, boxes are green where something is, red where nothing is, and what
    is missed has a blue one. Without, they have the colours of their classes.
    """

    def __init__(self, detector: Detector, truth: Callable[[int], DriveTruth] | None) -> None:
        self._detector = detector
        self._truth = truth
        self._pairs = self._examined = 0
        self._counts: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
        self._draw: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
        self._labels: dict[str, str] = {}

    def look(self, original: np.ndarray, result: np.ndarray, stamp: int, *, is_wanted: bool = False) -> None:
        """Look at a pair (uint8 BGR H x W x 3) if its turn has come or it is wanted."""
        self._pairs += 1
        if (self._pairs - 1) % EVERY and not is_wanted:
            return
        self._examined += 1
        truth = self._truth(stamp) if self._truth is not None else None
        for side, picture in zip(SIDES, (original, result), strict=True):
            seen = self._detector.detect(picture).of(*SHOWN)
            if truth is None:
                self._note(side, seen)
            else:
                self._judge(side, seen, truth)

    def drawn(self, original: np.ndarray, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a pair with the boxes of the last one that was looked at."""
        before, after = (self._draw.get(side, np.copy) for side in SIDES)
        return before(original), after(result)

    def labels(self) -> tuple[str, str]:
        """Return what is to be written over input and result."""
        before, after = (self._labels.get(side, side) for side in SIDES)
        return before, after

    def report(self) -> dict[str, Any]:
        """Return the counts over all pairs that were looked at."""
        by_side: dict[str, Any] = {}
        for side, counts in self._counts.items():
            if self._truth is None:
                by_side[side] = {"boxes": dict(counts)}
                continue
            by_side[side] = {
                name: {word: counts[f"{name} {word}"] for word in ("there", "found", "missed", "false")}
                for name in KINDS
            }
        named = {"detector": self._detector.name, "threshold": THRESHOLD}
        return {**named, "frames": self._examined, "every": EVERY, **by_side}

    def _note(self, side: str, seen: Detections) -> None:
        self._counts[side].update(seen.names[int(number)] for number in seen.classes)
        self._draw[side] = lambda picture: draw_detections(picture, seen)
        self._labels[side] = f"{side}: {len(seen)} boxes"

    def _judge(self, side: str, seen: Detections, truth: DriveTruth) -> None:
        marks: list[tuple[np.ndarray, tuple[int, int, int], str]] = []
        sums: Counter[str] = Counter()
        for name, (kind, classes) in KINDS.items():
            of_kind = np.array([each == kind for each in truth.kinds], bool)
            boxes, counts = truth.boxes[of_kind], truth.counts[of_kind]
            answers = suppress(seen.of(*classes), THRESHOLD, across=True)
            verdict = judge(boxes, counts, answers)
            found, there, false = int(verdict.found.sum()), int(counts.sum()), int(verdict.false.sum())
            tally = {"there": there, "found": found, "missed": there - found, "false": false}
            sums.update(tally)
            self._counts[side].update({f"{name} {word}": count for word, count in tally.items()})
            marks += [(box, MISSED, "missed") for box in boxes[counts & ~verdict.found]]
            for box, score, number, is_false in zip(
                answers.boxes, answers.scores, answers.classes, verdict.false, strict=True
            ):
                marks.append((box, FALSE if is_false else FOUND, f"{answers.names[int(number)]} {score:.2f}"))

        def draw(picture: np.ndarray) -> np.ndarray:
            copy = np.array(picture, order="C")
            for box, colour, text in marks:
                draw_box(copy, box, colour, text)
            return copy

        self._draw[side] = draw
        self._labels[side] = f"{side}: {sums['found']} of {sums['there']} found, {sums['false']} false"


def in_words(report: Mapping[str, Any]) -> list[str]:
    """Return the lines for people of what `Examination.report` has."""
    named, frames, least = (report[key] for key in ("detector", "frames", "threshold"))
    lines = [f"What {named} sees, with a score of {least} or more, in the {frames} frames that it looked at:"]
    for side in SIDES:
        for name, tally in report[side].items():
            if name == "boxes":
                counts = ", ".join(f"{count} x {kind}" for kind, count in sorted(tally.items())) or "nothing"
                lines.append(f"  {side:<16} {counts}")
            else:
                words = f"{tally['found']} of {tally['there']} found, {tally['missed']} missed, {tally['false']} false"
                lines.append(f"  {name + ', ' + side:<16} {words}")
    return lines
