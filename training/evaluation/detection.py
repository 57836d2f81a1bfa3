"""Does enhancement help a detector? What detectors find in annotated frames, raw and enhanced.

The truth is either number plates or the boxes of whole vehicles. A plate counts as found if its centre lies in a box of
a car, bus or truck; the measure is the share found. Boxes of vehicles are measured by COCO's average precision. Boxes
of different vehicle classes over one object count as one vehicle. Frames are told apart by how dark they are, boxes by
their size. What a method changes is measured on the same frames, pair by pair (`intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.attention import mean_luma
from illumigan_model.detectors.detections import Detections, suppress
from illumigan_model.detectors.detector import THRESHOLD, Detector
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.photos import read_photo
from illumigan_training.data.night_camera import as_night
from illumigan_training.evaluation.images import INPUT, Contender, Method, naming
from illumigan_training.evaluation.truth import VEHICLES, AnnotatedFrame

RAW = "raw"
LOWEST = 0.01  # score of the detections that average precision still looks at
CERTAIN = 0.5  # score from which on a detector is believed where nothing is annotated
BANDS = {"dark": (0.0, 0.25), "mid": (0.25, 0.35), "bright": (0.35, np.inf), "all": (0.0, np.inf)}
"""Name -> range of a frame's mean luminance in [0, 1], the upper end left out."""

VIEWS = (
    (False, 0.0, 0.0),
    (True, 0.0, 0.0),
    (False, 0.06, 0.03),
    (True, 0.06, 0.03),
    (False, 0.03, 0.06),
    (True, 0.03, 0.06),
)
"""What the views of a frame are: whether it is mirrored, and the border left of it and above it as shares of its sides.

Whether a vehicle on the edge of the threshold is found hangs on how it falls on the detector's grid; over several views
that evens out, where one view is a throw of dice for each of a few dozen vehicles.
"""
BORDER = (114, 114, 114)  # YOLOX's padding

FrameMethod = Callable[[AnnotatedFrame, np.ndarray], np.ndarray]
"""A method that may depend on which frame it is: a cross-validated one does."""


@dataclass(frozen=True)
class Observation:
    """A view of a frame, the frame's mean luminance in [0, 1] and size (width, height), and what is seen in it.

    `view` is its place in `VIEWS`, 0 the frame as it is; all boxes are in pixels of the frame as it is. `seen` are the
    vehicles by detector and method, of a score of at least `LOWEST`; `there` by detector the boxes (N x 4), and
    `counts` which of them are to be found (N).
    """

    frame: AnnotatedFrame
    luma: float
    size: tuple[int, int]
    seen: dict[tuple[str, str], Detections]
    there: dict[str, np.ndarray]
    counts: dict[str, np.ndarray]
    view: int = 0

    def found(self, detector: str, method: str) -> np.ndarray:
        """Return which of the boxes have their centre in a vehicle of a score of at least `THRESHOLD`, bool N."""
        boxes = self.there[detector]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        return are_inside(centres, self.seen[detector, method].above(THRESHOLD).boxes)


@dataclass(frozen=True)
class Watched:
    """All that was observed: the names of detectors and methods in order, the observations, what was left out.

    The observations of a frame's first `views` views follow one another, the frame as it is first. `plates` says that
    the truth is plates, not whole vehicles; `left_out` has a sentence for each picture that could not be used. `blind`
    are further detectors, by name: with nothing annotated, they are sure of nothing that could be taken for true, and
    nothing is measured with them.
    """

    detectors: dict[str, str]
    methods: dict[str, FrameMethod]
    observations: list[Observation]
    plates: bool
    night: int | None
    left_out: list[str]
    views: int = 1
    blind: Sequence[str] = ()

    @property
    def frames(self) -> list[Observation]:
        """The observations of frames as they are."""
        return self.observations[:: self.views]


def open_detectors(paths: Sequence[Path]) -> list[Detector]:
    """Load detectors of vehicles.

    Raises:
        IllumiganError: two share a file name.
        ModelError: one cannot be loaded, or knows no vehicles.
    """
    if len({path.name for path in paths}) < len(paths):
        raise IllumiganError("Two detectors have the same file name; give each a name of its own.")
    detectors = [Detector(path) for path in paths]
    for detector in detectors:
        detector.require_any(VEHICLES)
    return detectors


def watch(
    frames: Sequence[AnnotatedFrame],
    methods: dict[str, FrameMethod],
    detectors: Sequence[Detector],
    *,
    plates: bool,
    night: int | None = None,
    views: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> Watched:
    """Let detectors look at every frame through every method.

    Args:
        frames: what `annotated_frames` found.
        methods: what `as_methods` made; the first is the frame as it is.
        detectors: what `open_detectors` loaded.
        plates: the truth is plates, not whole vehicles.
        night: seed of a night that the pictures are put into; None leaves them as they are.
        views: how many of `VIEWS` detectors see of every frame.
        advance: called after each frame.

    Raises:
        FrameError: no frame can be read, or there is nothing to be found in them.
        ModelError: a detector's answer says nothing.
    """
    observations: list[Observation] = []
    left_out = []
    for frame in frames:
        try:
            observations += observe(frame, methods, detectors, night, views)
        except FrameError as error:
            left_out.append(naming(frame.path, error))
        advance()
    if not observations:
        raise FrameError(f"None of the {len(frames)} annotated pictures can be read: {left_out[0]}")
    sighted = {
        detector.name: detector.layout.name
        for detector in detectors
        if any(each.counts[detector.name].any() for each in observations)
    }
    blind = [detector.name for detector in detectors if detector.name not in sighted]
    if not sighted:
        raise FrameError(why_nothing(blind, left_out, annotated=observations[0].frame.boxes is not None))
    return Watched(sighted, methods, observations, plates, night, left_out, views, blind)


def why_nothing(blind: Sequence[str], left_out: Sequence[str], *, annotated: bool) -> str:
    """Return a sentence that says why there is nothing to be found for any of some detectors."""
    if annotated:
        return f"No picture with a box of a class {', '.join(VEHICLES)} can be read: {left_out[0]}"
    surest = f"{', '.join(blind)} {'is' if len(blind) == 1 else 'are'} sure of no {', '.join(VEHICLES)}"
    return f"{surest} in the pictures, so nothing can be taken for true; give a table of boxes, or other pictures."


def as_methods(
    contenders: Sequence[Contender], frames: Sequence[AnnotatedFrame] = (), folds: dict[str, Method] | None = None
) -> dict[str, FrameMethod]:
    """Return contenders as methods, the input under the name raw, and "held out" where there are folds.

    Args:
        contenders: what `open_contenders` opened.
        frames: those that the methods will see.
        folds: fold -> the method that was made without its frames.

    Raises:
        IllumiganError: a frame is of a fold that has no method.
    """

    def always(method: Method) -> FrameMethod:
        return lambda _, bgr: method(bgr)

    methods = {RAW if each.name == INPUT else each.name: always(each.method) for each in contenders}
    if not folds:
        return methods
    for frame in frames:
        if frame.fold not in folds:
            raise IllumiganError(f"{frame.path} is of the fold {frame.fold!r}, for which no weights were given.")
    return {**methods, "held out": lambda frame, bgr: folds[frame.fold](bgr)}


def observe(
    frame: AnnotatedFrame,
    methods: dict[str, FrameMethod],
    detectors: Sequence[Detector],
    night: int | None = None,
    views: int = 1,
) -> list[Observation]:
    """Look at a frame through every method, in its first so many `VIEWS`; raises FrameError if it cannot be read."""
    given = read_photo(frame.path)
    size = (given.shape[1], given.shape[0])
    there, counts = {}, {}
    for detector in detectors:
        if frame.boxes is None:
            there[detector.name] = vehicles(detector, given).above(CERTAIN).boxes.astype(float)
            counts[detector.name] = np.ones(len(there[detector.name]), bool)
        else:
            there[detector.name], counts[detector.name] = frame.boxes * np.tile(size, 2), frame.counts
    bgr = given if night is None else as_night(given, night, frame.path.name)
    made = {name: method(frame, bgr) for name, method in methods.items()}
    luma = mean_luma(bgr)
    return [
        Observation(
            frame,
            luma,
            size,
            {(one.name, name): vehicles(one, picture, view) for name, picture in made.items() for one in detectors},
            there,
            counts,
            view,
        )
        for view in range(views)
    ]


def vehicles(detector: Detector, bgr: np.ndarray, view: int = 0) -> Detections:
    """Return the vehicles in a picture that one of `VIEWS` shows, one box each, as one class, in the picture's pixels.

    Enhancement comes before the view: a frame is enhanced as it is.
    """
    mirrored, left, top = VIEWS[view]
    height, width = bgr.shape[:2]
    above, beside = round(top * height), round(left * width)
    shown = np.ascontiguousarray(bgr[:, ::-1]) if mirrored else bgr
    if above or beside:
        shown = cv2.copyMakeBorder(shown, above, 0, beside, 0, cv2.BORDER_CONSTANT, value=BORDER)
    seen = detector.detect(shown, LOWEST)
    boxes = seen.boxes - np.array([beside, above, beside, above], np.float32)
    if mirrored:
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return as_vehicles(replace(seen, boxes=boxes))


def as_vehicles(seen: Detections) -> Detections:
    """Return the vehicles among what is seen, one box each, as one class."""
    vehicles = seen.of(*VEHICLES)
    return suppress(replace(vehicles, classes=np.zeros(len(vehicles), int), names=("vehicle",)), LOWEST)


def are_inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each point (N x 2) whether it lies in one of the boxes (M x 4)."""
    after = points[:, None] >= boxes[None, :, :2]
    before = points[:, None] <= boxes[None, :, 2:]
    return np.any(np.all(after & before, axis=2), axis=1)
