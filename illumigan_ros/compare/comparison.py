"""A whole comparison: footage in, page out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from illumigan_model.detectors.detector import THRESHOLD, Detector
from illumigan_model.errors import IllumiganError
from illumigan_ros.compare.drive import DriveSource
from illumigan_ros.compare.measuring import MeasuredFootage, measure
from illumigan_ros.compare.methods import Method
from illumigan_ros.compare.page import Page, Shown, write_page
from illumigan_ros.compare.sources import RUN_UP, Source, choose_measured, open_source
from illumigan_ros.compare.verdicts import look
from illumigan_training.evaluation.truth import VEHICLES, Truth, read_truth

LOWEST = 0.01  # score of the detections that average precision still looks at
MOST_NOTES = 6

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
"""Shows how some work comes along, given its name and number of steps; gives a function to call after each step."""


@dataclass(frozen=True)
class Wishes:
    """What is to be compared and shown; see the options of `illumigan compare`."""

    footage: Sequence[Path]
    out: Path
    topic: str | None = None
    truth: Path | None = None
    frames: int = 200
    moments: int = 24
    width: int = 960
    megabytes: float = 20.0


@dataclass(frozen=True)
class Compared:
    """What became of it: how many moments the page shows, what was measured, and what it says of that (see `Page`)."""

    moments: int
    footages: list[MeasuredFootage]
    notes: list[str]
    sampling: list[str]


def open_sources(wishes: Wishes) -> list[Source]:
    """Open all footage, before anything is done, or the rendered drive; raises FrameError if some cannot be read."""
    return [open_source(path, wishes.topic) for path in wishes.footage] or [DriveSource()]


def compare(
    wishes: Wishes, sources: Sequence[Source], methods: Sequence[Method], detector: Detector | None, progress: Progress
) -> Compared:
    """Measure the footage and write the page.

    Args:
        wishes: what is wanted.
        sources: the opened footage.
        methods: raw first; the last one stands against raw on the page, until the reader chooses another one.
        detector: what looks at the results, if anything does.
        progress: shows how the work comes along.

    Raises:
        IllumiganError: a footage or the truth cannot be used, or the page cannot be written.
    """
    table = _read_truth(wishes, detector)
    shown: list[Shown] = []
    for source in sources:
        shown.append(_measure(wishes, source, methods, detector, table, progress))
    looked = "" if detector is None else f"{detector.name}, read as {detector.layout.name}"
    footages = [each.footage for each in shown]
    notes = [note for footage in footages for note in notes_on(footage)]
    sampling = [sentence for footage in footages for sentence in sampling_of(footage)]
    page = Page(shown, methods, methods[-1].name, looked, notes, sampling)
    moments = write_page(page, wishes.out, wishes.moments, wishes.megabytes)
    return Compared(moments, footages, page.notes, page.sampling)


def _read_truth(wishes: Wishes, detector: Detector | None) -> Truth | None:
    if wishes.truth is None:
        return None
    if detector is None:
        raise IllumiganError("--truth says what a detector should find; name one with --detector.")
    if len(wishes.footage) != 1:
        raise IllumiganError("--truth is of one footage; compare one at a time with it.")
    return read_truth(wishes.truth)


def _measure(
    wishes: Wishes,
    source: Source,
    methods: Sequence[Method],
    detector: Detector | None,
    table: Truth | None,
    progress: Progress,
) -> Shown:
    """Measure one footage, and judge its frames by the truth where there is one."""
    table = table or source.truth
    if table is None or detector is None:
        chosen = choose_measured(range(source.count), wishes.frames)
        with progress(f"measuring {source.name}", len(chosen)) as advance:
            footage = measure(source, chosen, methods, detector, width=wishes.width, lowest=THRESHOLD, advance=advance)
        return Shown(footage, [look(frame) for frame in footage.frames])
    from illumigan_ros.compare import truth

    detector.require_any(VEHICLES)
    chosen = choose_measured(truth.annotated_numbers(source, table), wishes.frames)
    with progress(f"measuring {source.name}", len(chosen)) as advance:
        footage = measure(source, chosen, methods, detector, width=wishes.width, lowest=LOWEST, advance=advance)
    names = [method.name for method in methods]
    observations = truth.observe(source, footage, table, detector)
    found = [truth.found_in(observation, detector, names) for observation in observations]
    verdicts = [look(*pair) for pair in zip(footage.frames, found, strict=True)]
    return Shown(footage, verdicts, truth.score(observations, table, detector, names))


def notes_on(footage: MeasuredFootage) -> list[str]:
    """Return sentences on what is missing of a footage, or was not enhanced."""
    notes = footage.left_out[:MOST_NOTES]
    if len(footage.left_out) > MOST_NOTES:
        notes.append(f"{footage.name}: {len(footage.left_out) - MOST_NOTES} more frames could not be read.")
    failed = {
        (name, side.unchanged)
        for frame in footage.frames
        for name, side in frame.sides.items()
        if side.unchanged not in ("", "daylight", "strength 0")
    }
    notes += [f"{name} left frames of {footage.name} as they came: {why}" for name, why in sorted(failed)]
    return notes + footage.losses


def sampling_of(footage: MeasuredFootage) -> list[str]:
    """Return a sentence on which frames were measured, if not all were."""
    measured = len(footage.frames)
    if measured + len(footage.left_out) >= footage.count:
        return []
    how = "" if footage.is_still else f"; methods that remember the past see {RUN_UP} frames before each of them"
    return [f"{footage.name} is sampled: {measured} of {footage.count} frames are measured, evenly spread{how}."]
