"""The Enhancer: one frame in, an enhanced frame and an attention map out. Everybody who has frames goes through it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from illumigan_model.attention import LUMA_RGB, attention_u8
from illumigan_model.errors import FrameError, ModelError
from illumigan_model.frames import curves, noise
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.kernels import as_rows, open_kernels
from illumigan_model.frames.noise import Noise
from illumigan_model.frames.sky import worth_lifting
from illumigan_model.frames.stabilizer import Stabilizer, night_share
from illumigan_model.frames.thumbnails import Reductions
from illumigan_model.runtimes import Runtime
from illumigan_model.runtimes.select import open_runtime
from illumigan_model.system.child_process import OnProgress, unwatched

SMALLEST_SIDE = 16
INVISIBLE = 1 / 255
SAMPLED_ROWS = 32


@dataclass(frozen=True)
class Report:
    """What happened to a frame.

    `runtime` ran the network; `stages_ms` are the milliseconds of each stage and their "total"; `bypassed` says why the
    frame was passed on unchanged (None: it was enhanced); `luma_in` and `luma_out` are mean luminances in [0, 1].
    """

    runtime: str
    stages_ms: dict[str, float]
    bypassed: str | None
    luma_in: float
    luma_out: float


@dataclass(frozen=True)
class EnhancedFrame:
    """An enhanced frame (uint8 BGR H x W x 3), its attention map (uint8 H x W) and the report.

    Both arrays are made for this frame alone: keep them or write into them as you like.
    """

    image: np.ndarray
    attention: np.ndarray
    report: Report


class Enhancer:
    """Enhance the frames of one camera.

    `strength` (0..1) scales the effect, `denoise` (0..1) the denoising, `daylight_gate` lets bright frames pass as they
    are, `temporal` smooths the effect over time; all four may be set at any time. Use one Enhancer for each camera;
    it may be called from any thread, one call at a time.

    Example:
        >>> enhancer = Enhancer()
        >>> enhanced = enhancer.enhance(cv2.imread("night.png"))
        >>> cv2.imwrite("enhanced.png", enhanced.image)
    """

    def __init__(
        self,
        model: str = "curve_grid",
        runtime: str = "auto",
        *,
        strength: float = 1.0,
        daylight_gate: bool = True,
        temporal: bool = True,
        denoise: float = 1.0,
        threads: int | None = None,
        on_progress: OnProgress = unwatched,
        on_takeover: Callable[[str], object] = unwatched,
    ) -> None:
        """Load a model and warm it up.

        Args:
            model: name of a shipped model (`weights.available_models`) or path of a weights file.
            runtime: "auto" or a name in `runtimes.select.RUNTIMES`.
            strength: 0 leaves the frame alone, 1 is what the model says.
            daylight_gate: pass frames on unchanged whose mean luminance is that of day.
            temporal: smooth the effect over time; for single pictures switch it off.
            denoise: 0 for none, 1 for what suits the frame's noise.
            threads: CPU threads to use; all of the machine's, but at most 4, unless given.
            on_progress: is called while a graph of the model is made, see `runtimes.select.open_runtime`.
            on_takeover: is told in one line when the runtime has failed on a frame and another one takes over.

        Raises:
            ModelError: the model cannot be loaded in the runtime asked for.
        """
        self.strength, self.daylight_gate, self.temporal, self.denoise = strength, daylight_gate, temporal, denoise
        self.threads = threads or min(len(os.sched_getaffinity(0)), 4)
        self._runtime, self.runtime_reasons = open_runtime(model, runtime, self.threads, on_progress, on_takeover)
        self._fused_pass = FusedPass(self.threads)
        self._stabilizer = Stabilizer()
        self._reductions = Reductions()
        self._planes = np.empty((1, 3, *THUMBNAIL_WH[::-1]), np.float32)
        self._is_closed = False
        self._warm_up()

    @property
    def runtime(self) -> str:
        """Name of the runtime in use."""
        return self._runtime.name

    def describe(self) -> str:
        """Return which runtime runs, on what device and at which precision."""
        return self._runtime.describe()

    def enhance(self, bgr: np.ndarray, stamp: float | None = None) -> EnhancedFrame:
        """Enhance one frame.

        Args:
            bgr: uint8 H x W x 3, H and W at least 16, any strides; it is not changed.
            stamp: the frame's time in seconds; the time of the call unless given.

        Returns:
            the enhanced frame; when the daylight gate bypasses it, `image` is the very array that came in.

        Raises:
            FrameError: it is not an array of that shape and type.
            ModelError: the runtime failed or answered with something that is not a number.
        """
        frame = check_frame(bgr)
        clock = Stopwatch()
        self._reductions.begin(frame)
        thumbnail = self._reductions.thumbnail()
        luma_in = mean_luma(thumbnail)
        clock.stop("thumbnail")
        share = self.strength * self._gate(luma_in, thumbnail, time.monotonic() if stamp is None else stamp)
        if share < INVISIBLE:
            attention = attention_u8(frame)
            clock.stop("attention")
            reason = "strength 0" if self.strength < INVISIBLE else "daylight"
            return EnhancedFrame(bgr, attention, self._report(clock, reason, luma_in, luma_in))
        if self._runtime.architecture == "curve_grid":
            image, attention = self._enhance_by_curves(frame, thumbnail, share, clock)
        else:
            image, attention = self._enhance_by_image(frame, share, clock)
        luma_out = mean_luma(image[:: max(len(image) // SAMPLED_ROWS, 1)])
        return EnhancedFrame(image, attention, self._report(clock, None, luma_in, luma_out))

    def reset(self) -> None:
        """Forget the past frames, after a seek or when another scene begins."""
        self._stabilizer.reset()

    def change_runtime(self, runtime: Runtime, reasons: list[str]) -> None:
        """Go on with another runtime of the same model, warm and verified; what was learned of the video is kept.

        `reasons` say why no better one is used, as those of `open_runtime` do. The runtime before is closed.
        """
        before, self._runtime, self.runtime_reasons = self._runtime, runtime, reasons
        before.close()

    def close(self) -> None:
        """Free the runtime and the threads; calling it twice is fine."""
        if not self._is_closed:
            self._is_closed = True
            self._fused_pass.close()
            self._runtime.close()

    def __enter__(self) -> Enhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gate(self, luma: float, thumbnail: np.ndarray, stamp: float) -> float:
        """Return how much of the enhancement this frame gets, 0..1; tells the stabilizer of the frame."""
        share = night_share(luma) if self.daylight_gate else 1.0
        if not self.temporal:
            return share
        self._stabilizer.observe(thumbnail, stamp)
        return float(self._stabilizer.smooth("gate", np.float32(share)))

    def _enhance_by_curves(
        self, frame: np.ndarray, thumbnail: np.ndarray, share: float, clock: Stopwatch
    ) -> tuple[np.ndarray, np.ndarray]:
        def look() -> tuple[Noise, np.ndarray]:
            found = np.array(noise.estimate_noise(frame) if self.denoise > 0 else noise.NONE, np.float32)
            if self.temporal:
                found = self._stabilizer.smooth("noise", found)
            return Noise(*(self.denoise * share * found).tolist()), self._reductions.surroundings()

        lifting = worth_lifting(thumbnail)  # now, as beside the helpers each small step waits for Python's lock
        job = self._fused_pass.begin(frame, look)
        try:
            grid = self._runtime.infer(as_planes(thumbnail, self._planes))
            check_finite(grid)
        except BaseException:
            job.abandon()
            raise
        clock.stop("network")
        grid = grid.copy()
        grid[:-1] = curves.IDENTITY + lifting * (grid[:-1] - curves.IDENTITY)
        if self.temporal:
            grid = self._stabilizer.smooth("grid", grid).copy()
        grid[:-1] = curves.IDENTITY + share * (grid[:-1] - curves.IDENTITY)
        clock.stop("stabilize")
        enhanced = job.finish(grid)
        clock.stop("apply")
        return enhanced

    def _enhance_by_image(self, frame: np.ndarray, share: float, clock: Stopwatch) -> tuple[np.ndarray, np.ndarray]:
        made = self._runtime.infer(as_planes(frame))
        check_finite(made)
        clock.stop("network")
        enhanced = np.clip(made[::-1].transpose(1, 2, 0) * 255 + 0.5, 0, 255).astype(np.uint8)
        image = cv2.addWeighted(enhanced, share, frame, 1 - share, 0)
        attention = attention_u8(frame)
        clock.stop("apply")
        return image, attention

    def _report(self, clock: Stopwatch, bypassed: str | None, luma_in: float, luma_out: float) -> Report:
        return Report(self.runtime, clock.finish(), bypassed, luma_in, luma_out)

    def _warm_up(self) -> None:
        """Run everything once on a dark ramp: kernels get compiled and a broken model is found out now."""
        ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (64, 64, 3))
        frame = np.ascontiguousarray(ramp)
        self._reductions.begin(frame)
        answer = self._runtime.infer(as_planes(self._reductions.thumbnail()))
        check_finite(answer)
        if self._runtime.architecture == "curve_grid":
            noise.estimate_noise(frame)
            for found in (noise.NONE, Noise(1.0, 1.0)):

                def look(found: Noise = found) -> tuple[Noise, np.ndarray]:
                    return found, self._reductions.surroundings()

                self._fused_pass.begin(frame, look).finish(answer)


class Stopwatch:
    """Milliseconds of successive stages."""

    def __init__(self) -> None:
        self._begin = self._last = time.perf_counter()
        self._stages: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """End a stage and begin the next one."""
        now = time.perf_counter()
        self._stages[stage] = (now - self._last) * 1e3
        self._last = now

    def finish(self) -> dict[str, float]:
        """Return the milliseconds by stage, with their "total"."""
        return {**self._stages, "total": (self._last - self._begin) * 1e3}


def check_frame(bgr: np.ndarray) -> np.ndarray:
    """Return the frame, contiguous.

    Raises:
        FrameError: it is not uint8 H x W x 3 with both sides at least 16.
    """
    if not isinstance(bgr, np.ndarray) or bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3:
        what = f"{bgr.dtype} {bgr.shape}" if isinstance(bgr, np.ndarray) else type(bgr).__name__
        raise FrameError(f"A frame must be a uint8 array of height x width x 3 (BGR), this one is {what}.")
    if min(bgr.shape[:2]) < SMALLEST_SIDE:
        raise FrameError(f"A frame must be at least 16 x 16 pixels, this one is {bgr.shape[1]} x {bgr.shape[0]}.")
    return np.ascontiguousarray(bgr)


def check_finite(answer: np.ndarray) -> None:
    """Raise ModelError if a network's answer holds something that is not a number."""
    if not np.isfinite(answer).all():
        raise ModelError("The network answered with something that is not a number; try another runtime.")


def mean_luma(bgr: np.ndarray) -> float:
    """Return the mean luminance in [0, 1] of a picture, uint8 BGR."""
    blue, green, red, _ = cv2.mean(np.ascontiguousarray(bgr))
    return (LUMA_RGB[0] * red + LUMA_RGB[1] * green + LUMA_RGB[2] * blue) / 255


def as_planes(bgr: np.ndarray, memory: np.ndarray | None = None) -> np.ndarray:
    """Turn a picture, uint8 BGR H x W x 3, into float32 RGB 1 x 3 x H x W in [0, 1]; in `memory` if that is given."""
    planes = np.empty((1, 3, *bgr.shape[:2]), np.float32) if memory is None else memory
    open_kernels().pictures.split(as_rows(bgr), planes[0])
    return planes
