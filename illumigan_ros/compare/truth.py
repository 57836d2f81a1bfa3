"""What a table of truth says of measured frames: which boxes each method finds, and how sure the numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import FrameError
from illumigan_ros.compare.measuring import MeasuredFootage
from illumigan_ros.compare.methods import RAW
from illumigan_ros.compare.sources import Source
from illumigan_ros.compare.verdicts import Truth
from illumigan_training.evaluation import detection_report
from illumigan_training.evaluation.detection import Observation, Watched, as_vehicles
from illumigan_training.evaluation.detection_scores import summarise
from illumigan_training.evaluation.truth import VEHICLES, annotated
from illumigan_training.evaluation.truth import Truth as TruthTable


@dataclass(frozen=True)
class Scores:
    """A table as text, with its legend: the titles of its columns, its rows."""

    titles: list[str]
    rows: list[list[str]]
    legend: list[str]


def annotated_numbers(source: Source, table: TruthTable) -> list[int]:
    """Return the numbers of a footage's frames that the table has boxes of; raises FrameError where there are none."""
    keys = source.keys()
    numbers = [number for number, key in enumerate(keys) if key in table.boxes]
    if not numbers:
        has, wants = next(iter(table.boxes)), f"{keys[0]} to {keys[-1]}"
        raise FrameError(f"The truth has no frame of {source.name}: its column image says {has}, not {wants}.")
    return numbers


def observe(source: Source, footage: MeasuredFootage, table: TruthTable, detector: Detector) -> list[Observation]:
    """Return what the detector sees in measured frames beside what is annotated, as `evaluate-detection` has it.

    Raises FrameError if nothing in them is to be found.
    """
    keys, observations = source.keys(), []
    for measured in footage.frames:
        frame = annotated(Path(), keys[measured.number], table, "")
        assert frame.boxes is not None
        there = frame.boxes * [*measured.size, *measured.size]
        seen = {
            (detector.name, name): as_vehicles(side.seen)
            for name, side in measured.sides.items()
            if side.seen is not None
        }
        luma = measured.sides[RAW].values["luminance"]
        name = detector.name
        observations.append(Observation(frame, luma, measured.size, seen, {name: there}, {name: frame.counts}))
    if not any(observation.counts[detector.name].any() for observation in observations):
        looked_for = ", ".join(VEHICLES)
        raise FrameError(f"The truth has no {looked_for} in the measured frames of {source.name}; choose one that has.")
    return observations


def found_in(observation: Observation, detector: Detector, methods: Sequence[str]) -> Truth:
    """Return which of the boxes that count each method finds in a frame."""
    counts = observation.counts[detector.name]
    assert observation.frame.boxes is not None
    found = {method: observation.found(detector.name, method)[counts] for method in methods}
    return Truth(observation.frame.boxes[counts], found)


def watched_of(
    observations: list[Observation], table: TruthTable, detector: Detector, methods: Sequence[str]
) -> Watched:
    """Return the observations as `detection_scores.summarise` takes them."""
    as_frames = {method: lambda _, bgr: bgr for method in methods}  # they have been applied
    names = {detector.name: detector.layout.name}
    return Watched(names, as_frames, observations, plates=not table.whole, night=None, left_out=[])


def score(observations: list[Observation], table: TruthTable, detector: Detector, methods: Sequence[str]) -> Scores:
    """Return how well each method's vehicles, or plates, are found, with 95 % intervals."""
    watched = watched_of(observations, table, detector, methods)
    rows = summarise(watched)
    cells = [detection_report.cells(*pair)[1:] for pair in detection_report.with_first(rows)]
    return Scores(detection_report.header(watched, rows)[1:], cells, detection_report.legend(watched))
