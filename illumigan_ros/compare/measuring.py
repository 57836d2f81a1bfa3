"""What each method makes of each frame, in numbers, boxes and small pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from illumigan_model.attention import attention_u8, mean_luma
from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.detector import THRESHOLD, Detector
from illumigan_model.errors import FrameError
from illumigan_model.frames.noise import estimate_noise
from illumigan_ros.compare.methods import Method, timed
from illumigan_ros.compare.sources import Source, SourceFrame
from illumigan_training.evaluation.flicker import flicker, places

JPEG_QUALITY = 82
ATTENTION_WIDTH, ATTENTION_QUALITY = 320, 70


@dataclass(frozen=True)
class Side:
    """What a method made of a frame.

    `values` are numbers by the names of `QUANTITIES`; `seen` is what the detector sees in it, None without one;
    `unchanged` says why it is the frame itself, "" if it is not; `jpeg` is the picture at the page's width.
    """

    values: dict[str, float]
    seen: Detections | None
    unchanged: str
    jpeg: bytes


@dataclass(frozen=True)
class MeasuredFrame:
    """A frame that counts, its size (width, height), what each method made of it, and its attention map as JPEG."""

    number: int
    name: str
    time: float
    size: tuple[int, int]
    sides: dict[str, Side]
    attention: bytes


@dataclass
class MeasuredFootage:
    """All that was measured of one footage.

    `count` is the number of its frames, `left_out` has a sentence for each that could not be used, `losses` one for
    each thing that the file lacks.
    """

    name: str
    is_still: bool
    count: int
    frames: list[MeasuredFrame] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Quantity:
    """A number that is drawn over time: its title, unit and digits, and what it means."""

    title: str
    unit: str
    digits: int
    meaning: str


QUANTITIES = {
    "luminance": Quantity("Luminance", "", 3, "Mean luminance of the frame, 0 is black and 1 white."),
    "noise": Quantity("Noise", "levels", 2, "Standard deviation of the noise in the darker half, in levels of 255."),
    "flicker": Quantity(
        "Flicker",
        "%",
        1,
        "By how much the brightness of 16 x 9 places changes from one frame to the next. What moves changes it, too: "
        "a method that adds no flicker has about what raw has.",
    ),
    "ms": Quantity("Time", "ms", 1, "What the method takes for a frame on this machine, without reading it."),
    "boxes": Quantity("Boxes", "", 0, f"What the detector sees with a score of {THRESHOLD:g} or more."),
}
"""Name of a number -> how it is shown."""


def measure(
    source: Source,
    chosen: Collection[int],
    methods: Sequence[Method],
    detector: Detector | None,
    *,
    width: int,
    lowest: float = THRESHOLD,
    advance: Callable[[], None] = lambda: None,
) -> MeasuredFootage:
    """Let each method see some frames of a footage.

    Args:
        source: the footage.
        chosen: numbers of the frames that are measured.
        methods: what sees them; the first is the frame as it is.
        detector: what looks at each result, if anything does.
        width: of the pictures that are kept, in pixels, at most.
        lowest: score of the detections that are kept.
        advance: called after each measured frame.

    Raises:
        FrameError: none of the frames can be used.
    """
    footage = MeasuredFootage(source.name, source.is_still, source.count)
    before: dict[str, np.ndarray] = {}
    is_warm = False
    for method in methods:
        method.begin(source.is_still)
    for frame in source.frames(chosen):
        if not frame.follows:
            before = {}
        counts = frame.measured or frame.number + 1 in chosen  # itself, or for the flicker of the next one
        try:
            if not is_warm:  # the first call of a library is no measure
                for method in methods:
                    method.apply(frame)
                is_warm = True
            at_work = [method for method in methods if counts or method.remembers]
            made = {method: timed(method, frame) for method in at_work}
        except FrameError as error:
            footage.left_out.append(f"{source.name}, frame {frame.number}: {error}")
            continue
        now = {method.name: places(image) for method, (image, _, _) in made.items()}
        if frame.measured:
            sides = {}
            for method, (image, unchanged, milliseconds) in made.items():
                seen = None if detector is None else detector.detect(image, lowest)
                values = {"luminance": mean_luma(image), "noise": estimate_noise(image).sigma}
                if method.name in before:
                    values["flicker"] = flicker(before[method.name], now[method.name])
                if method is not methods[0]:
                    values["ms"] = milliseconds
                if seen is not None:
                    values["boxes"] = float(len(seen.above(THRESHOLD)))
                sides[method.name] = Side(values, seen, unchanged, as_jpeg(image, width, JPEG_QUALITY))
            footage.frames.append(_as_measured(frame, sides))
            advance()
        before = now
    footage.count = source.count
    footage.left_out += source.left_out
    footage.losses += source.losses
    if not footage.frames:
        why = (footage.left_out or footage.losses or ["it is empty."])[0]
        raise FrameError(f"No frame of {source.name} could be compared: {why}")
    return footage


def as_jpeg(picture: np.ndarray, width: int, quality: int) -> bytes:
    """Return a picture (uint8 H x W or H x W x 3), shrunk to a width if it is wider, as JPEG."""
    if picture.shape[1] > width:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _as_measured(frame: SourceFrame, sides: dict[str, Side]) -> MeasuredFrame:
    size = (frame.bgr.shape[1], frame.bgr.shape[0])
    attention = cv2.applyColorMap(attention_u8(frame.bgr), cv2.COLORMAP_INFERNO)
    return MeasuredFrame(
        frame.number, frame.name, frame.time, size, sides, as_jpeg(attention, ATTENTION_WIDTH, ATTENTION_QUALITY)
    )
