"""Measure models on a video, next to the input and classical baselines: what they do from frame to frame.

Each model is there three times: as it runs on video, without denoising over time, and without any. Where the same
frames are known without noise, each method is compared with what it makes of those, itself without denoising: so the
brightness that a method chooses counts for nothing, and what noise does to it is all that does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import FrameError
from illumigan_model.frames.baselines import auto_gamma, clahe
from illumigan_model.report import require_enhanced
from illumigan_training.data.night_camera import expose
from illumigan_training.evaluation.flicker import flicker, places
from illumigan_training.evaluation.images import BASELINES, INPUT, short_names
from illumigan_training.evaluation.video_metrics import guide, measure_frame, see_motion, warped_error
from illumigan_training.night_drive.drive import CAMERA, drive_radiance

OF_ONE_FRAME, NOT_DENOISED = "not over time", "not denoised"
DRIVE_FPS = 30
SMALLEST = 16

Method = Callable[[np.ndarray, float], np.ndarray]


class VideoFrame(NamedTuple):
    """A frame, uint8 BGR H x W x 3, its time in seconds and, where it is known, the same without noise."""

    bgr: np.ndarray
    stamp: float
    clean: np.ndarray | None = None


@dataclass(frozen=True)
class VideoContender:
    """A method that is measured: from a frame and its time to the result.

    `of_clean` makes of frames without noise what `method` should make of those with it; several may share one, which is
    then called once a frame.
    """

    name: str
    method: Method
    of_clean: Method
    runtime: str = ""


@dataclass
class VideoEvaluation:
    """What came out: the stamps of the frames, and by method a list of N values for each measure.

    Those of `measure_frame`, "flicker", "warped_error" and "ms"; NaN where a frame has none. `moments` are numbers of
    frames with pictures: the input, and what each model made of it.
    """

    contenders: Sequence[VideoContender]
    stamps: list[float] = field(default_factory=list)
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    moments: list[tuple[int, list[np.ndarray]]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_paired(self) -> bool:
        """Whether the frames without noise were known."""
        return "ssim" in self.values[INPUT]


def drive_frames(width: int, height: int, seconds: float, noise: float, *, still: bool) -> Iterator[VideoFrame]:
    """Yield the rendered night drive as its camera sees it, with and without noise.

    Args:
        width: in pixels, at least 16.
        height: likewise.
        seconds: length of the drive.
        noise: standard deviation of the noise, in those of the drive's own camera.
        still: stand still in the street, so that nothing but the noise changes.

    Raises:
        ValueError: the picture is too small.
    """
    noisy = replace(CAMERA, shot=CAMERA.shot * noise**2, read=CAMERA.read * noise)
    clean = replace(CAMERA, shot=0.0, read=0.0)
    rng = np.random.default_rng(0)
    drive = drive_radiance(width, height, DRIVE_FPS, seconds)
    first: np.ndarray | None = None
    for number, (night, _) in enumerate(drive):
        first = night if first is None else first
        light = first if still else night
        yield VideoFrame(expose(light, noisy, rng), number / DRIVE_FPS, expose(light, clean, rng))


@contextmanager
def open_video_contenders(models: Sequence[str], *, baselines: bool, runtime: str) -> Iterator[list[VideoContender]]:
    """Load what is to be compared: the input, the baselines, and each model three times.

    Args:
        models: names of shipped models or paths of weights files.
        baselines: have auto-gamma and CLAHE on L among them.
        runtime: what runs the models.

    Raises:
        ModelError: a model cannot be loaded.
    """
    names = short_names(models, [])
    plain: dict[str, Callable[[np.ndarray], np.ndarray]] = {INPUT: np.copy}
    if baselines:
        plain |= dict(zip(BASELINES, (auto_gamma, clahe), strict=True))
    contenders = [VideoContender(name, without_time(of), without_time(of)) for name, of in plain.items()]
    with ExitStack() as stack:
        for model in dict.fromkeys(models):
            enhancer = stack.enter_context(Enhancer(model, runtime))
            how = f"{enhancer.describe()}, {enhancer.threads} threads"
            of_clean = film(enhancer, denoise=0.0)
            for suffix, settings in (
                ("", {}),
                (f", {OF_ONE_FRAME}", {"denoise_over_time": 0.0}),
                (f", {NOT_DENOISED}", {"denoise": 0.0}),
            ):
                contenders.append(VideoContender(names[model] + suffix, film(enhancer, **settings), of_clean, how))
        yield contenders


def without_time(method: Callable[[np.ndarray], np.ndarray]) -> Method:
    """Return a function of a picture as one of a frame and its time."""
    return lambda bgr, _stamp: method(bgr)


def film(enhancer: Enhancer, **settings: float) -> Method:
    """Return an Enhancer for one video as a function of a frame and its time; it raises ModelError where that fails."""
    own = enhancer.for_another_camera()
    for name, value in settings.items():
        setattr(own, name, value)
    return lambda bgr, stamp: require_enhanced(own.enhance(bgr, stamp)).image


def evaluate_video(
    frames: Iterable[VideoFrame],
    contenders: Sequence[VideoContender],
    shown: Sequence[int] = (),
    advance: Callable[[], None] = lambda: None,
) -> VideoEvaluation:
    """Measure every contender on every frame.

    Where the size of the frames changes, nothing is said about the change from one to the next.

    Args:
        frames: in their order.
        contenders: what `open_video_contenders` opened.
        shown: numbers of the frames that are kept as pictures.
        advance: called after each frame.

    Raises:
        FrameError: there are no frames, one is too small, or a frame without noise is not of its size.
        ModelError: a model cannot enhance one.
    """
    evaluation = VideoEvaluation(contenders, values={contender.name: {} for contender in contenders})
    seen_before: np.ndarray | None = None
    made_before: dict[str, np.ndarray] = {}
    for number, frame in enumerate(frames):
        require_fit(frame, number)
        seen = guide(frame.bgr if frame.clean is None else frame.clean)
        follows = seen_before is not None and seen_before.shape == seen.shape
        motion = see_motion(seen_before, seen) if follows and seen_before is not None else None
        made: dict[str, np.ndarray] = {}
        clean: dict[Method, np.ndarray] = {}
        for contender in contenders:
            begin = time.perf_counter()
            made[contender.name] = contender.method(frame.bgr, frame.stamp)
            spent = (time.perf_counter() - begin) * 1e3
            if frame.clean is not None and contender.of_clean not in clean:
                clean[contender.of_clean] = contender.of_clean(frame.clean, frame.stamp)
            values = {
                "ms": spent,
                **measure_frame(frame.bgr, made[contender.name], clean.get(contender.of_clean)),
            }
            before = made_before.get(contender.name)
            values |= {"warped_error": math.nan, "flicker": math.nan}
            if motion is not None and before is not None:
                now = made[contender.name]
                values["warped_error"] = warped_error(before, now, motion)
                values["flicker"] = flicker(places(before), places(now))
            for name, value in values.items():
                evaluation.values[contender.name].setdefault(name, []).append(value)
        evaluation.stamps.append(frame.stamp)
        evaluation.sizes.append((frame.bgr.shape[1], frame.bgr.shape[0]))
        if number in shown:
            models = [made[contender.name] for contender in contenders if contender.runtime]
            evaluation.moments.append((number, [frame.bgr, *models]))
        seen_before, made_before = seen, made
        advance()
    if not evaluation.stamps:
        raise FrameError("There are no frames to measure.")
    return evaluation


def require_fit(frame: VideoFrame, number: int) -> None:
    """Raise FrameError if a frame cannot be measured."""
    height, width = frame.bgr.shape[:2]
    if min(height, width) < SMALLEST:
        raise FrameError(f"Frame {number} has {width}x{height} pixels; at least {SMALLEST}x{SMALLEST} are needed.")
    if frame.clean is not None and frame.clean.shape != frame.bgr.shape:
        raise FrameError(
            f"Frame {number} has {width}x{height} pixels and {frame.clean.shape[1]}x{frame.clean.shape[0]} without "
            "noise; both must show the same view."
        )
