"""Does enhancement help a detector? How many annotated plates lie in a vehicle it finds, raw and enhanced.

The measure is recall by centre: a plate counts as found if its centre lies in a box of a car, bus or truck. Frames are
told apart by how dark they are. Intervals hold 95 % of what a bootstrap over frames gives (Efron 1979), for the plates
of one frame are found or lost together; frames of one ride resemble each other as well, which makes the truth a little
less certain still. What a method changes is measured on the same frames, pair by pair.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from illumigan_model.attention import mean_luma
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.photos import read_photo
from illumigan_training.data.folders import names_where
from illumigan_training.evaluation.detector import BUS, CAR, PERSON, TRUCK, Detections, Detector
from illumigan_training.evaluation.images import INPUT, Contender, Method

RAW = "raw"
VEHICLES = (CAR, BUS, TRUCK)
CLASSES = {"car": CAR, "bus": BUS, "truck": TRUCK, "person": PERSON}
BANDS = {"dark": (0.0, 0.25), "mid": (0.25, 0.35), "bright": (0.35, np.inf), "all": (0.0, np.inf)}
"""Name -> range of a frame's mean luminance in [0, 1], the upper end left out."""
CORNERS = ("x0", "y0", "x1", "y1")
RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One method on the frames of one band.

    `share` is the share of plates found; `gain` what it is above that of raw (None for raw itself). `boxes` counts
    the boxes per frame of each of `CLASSES`, `scores` are their mean scores (NaN where there is no box).
    """

    band: str
    frames: int
    plates: int
    method: str
    share: Interval
    gain: Interval | None
    boxes: dict[str, float]
    scores: dict[str, float]


@dataclass(frozen=True)
class Frame:
    """A picture and its annotated plates: float N x 4, left, top, right and bottom as shares of width and height."""

    path: Path
    plates: np.ndarray


@dataclass(frozen=True)
class Observation:
    """A frame, its mean luminance in [0, 1], and by method what the detector sees and which plates are found (N)."""

    frame: Frame
    luma: float
    seen: dict[str, Detections]
    found: dict[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """What came out: what the methods did, frame by frame and in sum; a sentence for each picture left out.

    `detector` is the name of the detector's file.
    """

    detector: str
    methods: dict[str, Method]
    observations: list[Observation]
    rows: list[Row]
    left_out: list[str]


def evaluate_detection(
    frames: Sequence[Frame],
    contenders: Sequence[Contender],
    detector: Detector,
    advance: Callable[[], None] = lambda: None,
) -> Comparison:
    """Let a detector look at every frame through every contender.

    Args:
        frames: what `annotated_frames` found.
        contenders: what `open_contenders` opened; the input itself is called raw here.
        detector: tells which plates are found.
        advance: called after each frame.

    Raises:
        FrameError: no frame can be read.
    """
    methods = {RAW if contender.name == INPUT else contender.name: contender.method for contender in contenders}
    observations, left_out = [], []
    for frame in frames:
        try:
            observations.append(observe(frame, methods, detector))
        except FrameError as error:
            left_out.append(str(error))
        advance()
    if not observations:
        raise FrameError(f"None of the {len(frames)} pictures with plates can be read: {left_out[0]}")
    return Comparison(detector.name, methods, observations, summarise(observations), left_out)


def read_plates(truth: Path) -> dict[str, np.ndarray]:
    """Return the annotated plates by name of picture, each N x 4.

    Raises:
        IllumiganError: the file cannot be read, lacks a column or holds a box that cannot be.
    """
    plates: dict[str, list[list[float]]] = {}
    try:
        with truth.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            lacking = [column for column in ("image", *CORNERS) if column not in (table.fieldnames or [])]
            if lacking:
                raise IllumiganError(f"{truth} lacks the column {lacking[0]}; it needs image, {', '.join(CORNERS)}.")
            for row in table:
                plates.setdefault(row["image"], []).append(read_corners(row, f"{truth}, line {table.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise IllumiganError(f"{truth} cannot be read as a CSV ({error}); give a table of plates.") from error
    if not plates:
        raise IllumiganError(f"{truth} holds no plates; give a table with a row for each.")
    return {name: np.array(boxes) for name, boxes in plates.items()}


def read_corners(row: dict[str, str], place: str) -> list[float]:
    """Return left, top, right and bottom of a plate; raises IllumiganError, naming the place, if they make no box."""
    try:
        left, top, right, bottom = (float(row[corner]) for corner in CORNERS)
    except (TypeError, ValueError):
        left = top = right = bottom = np.nan
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise IllumiganError(f"{place} is no box; x0 < x1 and y0 < y1 must be shares of width and height, 0 to 1.")
    return [left, top, right, bottom]


def annotated_frames(images: Path, truth: Path, frames: Path | None, where: str) -> tuple[list[Frame], list[str]]:
    """Return the frames that have plates, and the names of those pictures with plates that are missing.

    Args:
        images: folder of pictures.
        truth: CSV with the columns image, x0, y0, x1, y1: one row a plate, corners as shares of width and height.
        frames: CSV with a column image and others to choose by; None takes all.
        where: column=value, which of its rows to take.

    Raises:
        IllumiganError: a table or the folder cannot be used, or nothing is left.
    """
    plates = read_plates(truth)
    if frames is not None or where:
        if frames is None or "=" not in where:
            raise IllumiganError("--frames and --where go together, such as --frames frames.csv --where split=test.")
        names = names_where(frames, where)
        plates = {name: boxes for name, boxes in plates.items() if name in names}
        if not plates:
            raise IllumiganError(f"No picture with {where} in {frames} has a plate in {truth}; choose other frames.")
    if not images.is_dir():
        raise FrameError(f"There is no folder {images}.")
    paths = {name: images / name for name in sorted(plates)}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if len(missing) == len(paths):
        raise FrameError(f"{images} holds none of the {len(paths)} pictures with plates, such as {missing[0]}.")
    return [Frame(path, plates[name]) for name, path in paths.items() if name not in missing], missing


def observe(frame: Frame, methods: dict[str, Method], detector: Detector) -> Observation:
    """Look at a frame through every method; raises FrameError if it cannot be read."""
    bgr = read_photo(frame.path)
    size = np.array([bgr.shape[1], bgr.shape[0]])
    centres = (frame.plates[:, :2] + frame.plates[:, 2:]) / 2 * size
    seen = {name: detector.detect(method(bgr)).of(*CLASSES.values()) for name, method in methods.items()}
    found = {name: are_inside(centres, detections.of(*VEHICLES).boxes) for name, detections in seen.items()}
    return Observation(frame, mean_luma(bgr), seen, found)


def are_inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each point (N x 2) whether it lies in one of the boxes (M x 4)."""
    after = points[:, None] >= boxes[None, :, :2]
    before = points[:, None] <= boxes[None, :, 2:]
    return np.any(np.all(after & before, axis=2), axis=1)


def summarise(observations: Sequence[Observation]) -> list[Row]:
    """Return a row for each band that has frames and each method."""
    rows = []
    for band, (low, high) in BANDS.items():
        inside = [observation for observation in observations if low <= observation.luma < high]
        if inside:
            rows += summarise_band(band, inside)
    return rows


def summarise_band(band: str, observations: Sequence[Observation]) -> list[Row]:
    """Return a row for each method; raw comes first."""
    methods = list(observations[0].seen)
    plates = np.array([len(observation.frame.plates) for observation in observations])
    found = np.array([[observation.found[method].sum() for observation in observations] for method in methods])
    shares, resampled = found.sum(1) / plates.sum(), resample(found, plates)
    rows = []
    for index, method in enumerate(methods):
        gain = interval(shares[index] - shares[0], resampled[:, index] - resampled[:, 0]) if index else None
        boxes, scores = {}, {}
        for name, number in CLASSES.items():
            of_class = np.concatenate([observation.seen[method].of(number).scores for observation in observations])
            boxes[name] = len(of_class) / len(observations)
            scores[name] = float(of_class.mean()) if len(of_class) else np.nan
        share = interval(shares[index], resampled[:, index])
        rows.append(Row(band, len(observations), int(plates.sum()), method, share, gain, boxes, scores))
    return rows


def resample(found: np.ndarray, plates: np.ndarray) -> np.ndarray:
    """Return the shares of plates found when the frames are drawn anew, with replacement.

    Args:
        found: methods x frames, how many plates each method finds in each frame.
        plates: frames, how many plates there are; at least one in each.

    Returns:
        `RESAMPLES` x methods; in one row all methods have the same frames.
    """
    frames = len(plates)
    times = np.random.default_rng(0).multinomial(frames, np.full(frames, 1 / frames), RESAMPLES).astype(float)
    return (times @ found.T) / (times @ plates)[:, None]


def interval(value: float, resampled: np.ndarray) -> Interval:
    """Return a value with the range that holds the middle 95 % of its resampled values."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))
