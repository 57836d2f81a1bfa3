"""The Enhancer: one frame in, an enhanced frame and an attention map out. Everybody who has frames goes through it."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from illumigan_model.attention import attention_u8, mean_luma
from illumigan_model.errors import FrameError, IllumiganError, ModelError
from illumigan_model.frames import curves, noise
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.frames.exposure import expose, find_stops, to_eight_bits
from illumigan_model.frames.fused_pass import FusedPass
from illumigan_model.frames.given import as_planes, check_frame, number_of_threads, require_room, seconds, shown
from illumigan_model.frames.near_black import without_tint
from illumigan_model.frames.noise import Noise
from illumigan_model.frames.past_luminance import PastLuminance, Recall
from illumigan_model.frames.sky import mix, worth_lifting
from illumigan_model.frames.soundness import lights, require_curves, require_finite, require_light
from illumigan_model.frames.stabilizer import Stabilizer, night_share
from illumigan_model.frames.succession import Succession
from illumigan_model.frames.thumbnails import Reductions, Surroundings
from illumigan_model.report import FAILED, EnhancedFrame, Report, Stopwatch
from illumigan_model.runtimes import Runtime
from illumigan_model.runtimes.select import open_runtime
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.system.machine import cores
from illumigan_model.weights import available_models

INVISIBLE = 1 / 255


@dataclass
class _Shared:
    """What the Enhancers of several cameras have in common: the runtime, and the threads of the fused pass."""

    runtime: Runtime
    reasons: list[str]
    fused_pass: FusedPass
    is_closed: bool = False


class Enhancer:
    """Enhance the frames of one camera.

    `curves` are the tone curves that the last frame got, float32 25 x 9 x 16: for each of the tiles the knots of red,
    green and blue (8 each, see `frames.curves.IDENTITY`), and how far the colours move in unison; None if it got none.

    `strength` (0..1) scales the effect, `denoise` (0..1) the denoising, `daylight_gate` lets bright frames pass as they
    are, `temporal` smooths the effect over time, `denoise_over_time` (0..1) the frames, too, where nothing moves; with
    `keep_curves`, every second frame gets those of the one before, which saves time. All may be set at any time. Use
    one Enhancer for each camera, see `for_another_camera`; it may be called from any thread, one call at a time.

    Examples:
        >>> enhancer = Enhancer()
        >>> enhanced = enhancer.enhance(cv2.imread("night.png"))
        >>> cv2.imwrite("enhanced.png", enhanced.image)
    """

    def __init__(
        self,
        model: str | Path = "curve_grid",
        runtime: str = "auto",
        *,
        strength: float = 1.0,
        daylight_gate: bool = True,
        temporal: bool = True,
        denoise: float = 1.0,
        denoise_over_time: float = 1.0,
        threads: int | None = None,
        on_progress: OnProgress = unwatched,
        on_takeover: Callable[[str], object] = unwatched,
        live: bool = False,
    ) -> None:
        """Load a model and warm it up.

        Args:
            model: name of a shipped model (`weights.available_models`) or path of a weights file.
            runtime: "auto" or a name in `runtimes.select.RUNTIMES`.
            strength: 0 leaves the frame alone, 1 is what the model says.
            daylight_gate: pass frames on unchanged whose mean luminance is that of day.
            temporal: remember the frames before; for single pictures switch it off.
            denoise: 0 for none, 1 for what suits the frame's noise.
            denoise_over_time: how much the frames before help with that, 0 for not at all; only with `temporal`.
            threads: CPU threads to use, 1 or more; all of the machine's, but at most 4, unless given.
            on_progress: is called while a graph of the model is made, see `runtimes.select.open_runtime`.
            on_takeover: is told in one line when the runtime has failed on a frame and another one takes over.
            live: pass frames on unchanged while another runtime is opened, instead of letting them wait for it.

        Raises:
            ModelError: the model cannot be loaded in the runtime asked for.
            IllumiganError: `strength`, `denoise` or `denoise_over_time` is not within 0..1, `threads` is no number of
                threads, or what is to be called cannot be.
        """
        self.strength, self.daylight_gate, self.temporal = strength, daylight_gate, temporal
        self.denoise, self.denoise_over_time = denoise, denoise_over_time
        self._require_shares()
        self.keep_curves = False
        self.threads = min(cores(), 4) if threads is None else number_of_threads(threads)
        for name, function in (("on_progress", on_progress), ("on_takeover", on_takeover)):
            if not callable(function):
                raise IllumiganError(f"{name} must be a function that takes a line of text, not {function!r}.")
        if not isinstance(model, str | Path):
            raise ModelError(f"model must be one of {available_models()} or the path of a weights file, not {model!r}.")
        opened, reasons = open_runtime(str(model), runtime, self.threads, on_progress, on_takeover, live=live)
        self._shared = _Shared(opened, reasons, FusedPass(self.threads))
        self._planes = np.empty((1, 3, *THUMBNAIL_WH[::-1]), np.float32)
        self._remember_nothing()
        self._warm_up()

    def for_another_camera(self) -> Enhancer:
        """Return an Enhancer that remembers the frames of another camera, with the same runtime and threads.

        Only one of them may be called at a time; a change of runtime and `close` are for all.
        """
        other = copy.copy(self)
        other._remember_nothing()
        return other

    def _remember_nothing(self) -> None:
        """Make anew what belongs to the frames of one camera."""
        self._succession = Succession()
        self._stabilizer = Stabilizer(self._succession.restarts)
        self._past = PastLuminance(self._succession.restarts)
        self._reductions, self._deep_reductions = Reductions(), Reductions()
        self._kept_answer: np.ndarray | None = None
        self.curves: np.ndarray | None = None

    @property
    def _runtime(self) -> Runtime:
        return self._shared.runtime

    @property
    def runtime_reasons(self) -> list[str]:
        """Why no better runtime is used, one sentence for each."""
        return self._shared.reasons

    @property
    def runtime(self) -> str:
        """Name of the runtime in use."""
        return self._runtime.name

    def describe(self) -> str:
        """Return which runtime runs, on what device and at which precision."""
        return self._runtime.describe()

    def enhance(
        self,
        bgr: np.ndarray,
        stamp: float | None = None,
        arrived: float | None = None,
        into: np.ndarray | None = None,
    ) -> EnhancedFrame:
        """Enhance one frame.

        A frame that cannot be enhanced, or whose result would be black where the frame is not, comes back unchanged;
        its report says why.

        Args:
            bgr: uint8 H x W x 3, or uint16 with 65535 as white; H and W at least 16, any strides; it is not changed. A
                dark uint16 frame is exposed before it becomes eight bits (`frames.exposure`), so that its shadows
                keep their shades; the exposure follows `strength` and is smoothed over time like the rest.
            stamp: the camera's time of the frame in seconds, on whatever clock, in whatever order; None where there is
                none (nor is it one if it is not finite).
            arrived: when the frame came in, in seconds on a clock that only ever goes on, the same from call to call;
                the time of the call unless given. It counts where there is no stamp.
            into: memory for the enhanced frame, uint8 H x W x 3, C-contiguous; made anew where there is none.

        Returns:
            the enhanced frame, uint8; when it is bypassed, `image` is the very array that came in if that is uint8.

        Raises:
            FrameError: it is not an array of that shape and type, or `into` is none that the frame fits into.
            IllumiganError: `strength`, `denoise` or `denoise_over_time` was set to what is not within 0..1, a time is
                no number, or this Enhancer is closed.
        """
        if self._shared.is_closed:
            raise IllumiganError("This Enhancer is closed; make another one.")
        clock = Stopwatch()
        self.curves = None
        self._require_shares()
        stamp, arrived = seconds("stamp", stamp), seconds("arrived", arrived)
        if not isinstance(into, np.ndarray | None):
            raise FrameError(f"into must be a uint8 array, as large as the frame, or None, not {into!r}.")
        given = check_frame(bgr)
        require_room(into, given)
        frame = given if given.dtype == np.uint8 else to_eight_bits(given)
        unchanged = bgr if frame is given else frame
        self._reductions.begin(frame)
        thumbnail = self._reductions.thumbnail()
        luma_in = mean_luma(thumbnail)
        clock.stop("thumbnail")
        share = self.strength * self._gate(luma_in, thumbnail, stamp, time.monotonic() if arrived is None else arrived)
        if share < INVISIBLE:
            reason = "strength 0" if self.strength < INVISIBLE else "daylight"
            return self._pass_on(unchanged, clock, luma_in, reason)
        try:
            image, attention = self._enhance(given, frame, thumbnail, share, clock, into)
            light = self._look_at(image, thumbnail)
        except ModelError as error:
            return self._pass_on(unchanged, clock, luma_in, FAILED, str(error))
        return EnhancedFrame(image, attention, self._report(clock, None, luma_in, float(light.mean()) / 255))

    def reset(self) -> None:
        """Forget the past frames, after a seek or when another scene begins."""
        self._succession.reset()

    def memory(self) -> dict[str, np.ndarray]:
        """Return what is remembered of the frames so far, arrays by name, for `remember`; curves kept over are not."""
        return {f"{part}.{name}": array for part, one in self._remembering() for name, array in one.memory().items()}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on as if the frames of which `memory` was returned had been enhanced here, by the same model.

        Raises:
            IllumiganError: it is not what `memory` returned; what was remembered here stays.
        """
        before = self.memory()
        try:
            self._go_on_from(memory)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            self._go_on_from(before)
            what = type(memory).__name__
            raise IllumiganError(f"memory must be what Enhancer.memory returned, and not this {what}.") from None
        self._kept_answer = None

    def _go_on_from(self, memory: Mapping[str, np.ndarray]) -> None:
        for part, one in self._remembering():
            one.remember({name.partition(".")[2]: of for name, of in memory.items() if name.startswith(f"{part}.")})

    def _remembering(self) -> tuple[tuple[str, Succession | Stabilizer | PastLuminance], ...]:
        return ("succession", self._succession), ("stabilizer", self._stabilizer), ("past", self._past)

    def change_runtime(self, runtime: Runtime, reasons: list[str]) -> None:
        """Go on with another runtime of the same model, warm and verified; what was learned of the video is kept.

        `reasons` say why no better one is used, as those of `open_runtime` do. The runtime before is closed.

        Raises:
            ModelError: it is not what `open_runtime` returned, but its name, say.
        """
        if not isinstance(runtime, Runtime):
            raise ModelError(f"runtime must be what runtimes.select.open_runtime returned, not {runtime!r}.")
        before, self._shared.runtime, self._shared.reasons = self._runtime, runtime, reasons
        self._kept_answer = None
        before.close()

    def close(self) -> None:
        """Free the runtime and the threads; calling it twice is fine."""
        if not self._shared.is_closed:
            self._shared.is_closed = True
            self._shared.fused_pass.close()
            self._runtime.close()

    def __enter__(self) -> Enhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gate(self, luma: float, thumbnail: np.ndarray, stamp: float | None, arrived: float) -> float:
        """Return how much of the enhancement this frame gets, 0..1; tells what remembers of the frame."""
        share = night_share(luma) if self.daylight_gate else 1.0
        gap = self._succession.follow(thumbnail, stamp, arrived)
        self._stabilizer.begin(gap)
        self._past.begin(gap)
        if gap is None:
            self._kept_answer = None
        if not self.temporal:
            return share
        return float(self._stabilizer.smooth("gate", np.float32(share)))

    def _expose(self, given: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return a uint16 frame exposed for eight bits, as far as it is enhanced at all, and its thumbnail."""
        self._deep_reductions.begin(given)
        stops = np.float32(find_stops(self._deep_reductions))
        if self.temporal:
            stops = self._stabilizer.smooth("exposure", stops)
        frame = expose(given, share * float(stops))
        self._reductions.begin(frame)
        return frame, self._reductions.thumbnail()

    def _enhance(
        self,
        given: np.ndarray,
        plain: np.ndarray,
        thumbnail: np.ndarray,
        share: float,
        clock: Stopwatch,
        into: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the enhanced frame and its attention map; `plain` is it in eight bits, `thumbnail` its thumbnail."""
        frame = plain
        if given.dtype == np.uint16:
            frame, thumbnail = self._expose(given, share)
            clock.stop("exposure")
        if self._runtime.architecture == "curve_grid":
            image, attention = self._enhance_by_curves(frame, thumbnail, share, clock, into)
        else:
            image, attention = self._enhance_by_image(frame, thumbnail, share, clock, into)
        return image, attention if frame is plain else attention_u8(plain)

    def _enhance_by_curves(
        self, frame: np.ndarray, thumbnail: np.ndarray, share: float, clock: Stopwatch, into: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        over_time = self.denoise_over_time if self.temporal and self.denoise > 0 else 0.0

        def look() -> tuple[Noise, Surroundings | None, Recall | None]:
            seen = noise.estimate_noise(frame)
            surroundings = self._reductions.surroundings() if self.denoise > 0 else None
            chroma = 0.0 if surroundings is None else noise.estimate_chroma_noise(surroundings.mean)
            found, black = np.array([*seen[:3], chroma], np.float32), np.array([seen.whole, seen.doubt], np.float32)
            if self.temporal:
                found = self._stabilizer.smooth("noise", found)
                black = self._stabilizer.smooth("black", black, steadily=True)
            sigma, blocks, rounding, chroma = found.tolist()
            recall = None
            if over_time > 0:
                recall = self._past.recall(lights(thumbnail), frame.shape[:2], sigma, over_time)
            whole, doubt = np.clip(black, 0, 1).tolist()
            taken_out = Noise(sigma, blocks, rounding, whole, doubt, self.denoise * share, chroma)
            return taken_out, surroundings, recall

        lifting = worth_lifting(thumbnail)  # now, as beside the helpers each small step waits for Python's lock
        job = self._shared.fused_pass.begin(frame, look, into, keep_grain=not self.temporal)
        try:
            grid = self._answer(thumbnail)
            clock.stop("network")
            grid = self._calm(grid, lifting, share)
            self.curves = grid
            clock.stop("stabilize")
        except BaseException:
            job.abandon()
            raise
        enhanced = job.finish(grid)
        if over_time > 0:
            self._past.accept()
        clock.stop("apply")
        return enhanced

    def _answer(self, thumbnail: np.ndarray) -> np.ndarray:
        """Return the curves for a thumbnail, or those of the one before where they are to be kept."""
        if self._kept_answer is not None:
            answer, self._kept_answer = self._kept_answer, None
            return answer
        answer = self._runtime.infer(as_planes(thumbnail, self._planes))
        require_curves(answer)
        if self.keep_curves:
            self._kept_answer = answer.copy()
        return answer

    def _calm(self, answer: np.ndarray, lifting: np.ndarray, share: float) -> np.ndarray:
        """Return the curves to apply: smoothed over time, and in part those that change nothing."""
        grid = answer.copy()
        grid[:-1] = curves.IDENTITY + lifting * (grid[:-1] - curves.IDENTITY)
        if self.temporal:
            grid = self._stabilizer.smooth("grid", grid).copy()
        grid[:-1] = curves.IDENTITY + share * (grid[:-1] - curves.IDENTITY)
        try:
            require_curves(grid)
        except ModelError:  # the answer was right
            self._distrust()
            raise
        return grid

    def _enhance_by_image(
        self, frame: np.ndarray, thumbnail: np.ndarray, share: float, clock: Stopwatch, into: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        made = self._runtime.infer(as_planes(frame))
        require_finite(made)
        clock.stop("network")
        lifting = worth_lifting(thumbnail)
        if self.temporal:
            lifting = self._stabilizer.smooth("lifting", lifting)
        enhanced = np.clip(made[::-1].transpose(1, 2, 0) * 255 + 0.5, 0, 255).astype(np.uint8)
        image = mix(without_tint(enhanced, frame), frame, share * lifting, into)
        attention = attention_u8(frame)
        clock.stop("apply")
        return image, attention

    def _look_at(self, image: np.ndarray, thumbnail: np.ndarray) -> np.ndarray:
        """Return how light the places of a result are; raises ModelError if it is black where its frame is not."""
        light = lights(image)
        try:
            require_light(lights(thumbnail), light)
        except ModelError:
            self._distrust()
            raise
        return light

    def _distrust(self) -> None:
        """Forget the past frames, as what came of them is unusable."""
        self._stabilizer.distrust()
        self._past.forget()
        self._kept_answer = None

    def _pass_on(
        self, bgr: np.ndarray, clock: Stopwatch, luma: float, reason: str, failure: str | None = None
    ) -> EnhancedFrame:
        """Return a frame as it came, with its attention map."""
        self._kept_answer = None
        attention = attention_u8(bgr)
        clock.stop("attention")
        return EnhancedFrame(bgr, attention, self._report(clock, reason, luma, luma, failure))

    def _report(
        self, clock: Stopwatch, bypassed: str | None, luma_in: float, luma_out: float, failure: str | None = None
    ) -> Report:
        restarts = dict(self._succession.restarts)
        return Report(self.runtime, clock.finish(), bypassed, luma_in, luma_out, failure, restarts)

    def _require_shares(self) -> None:
        """Make floats of the shares, which may be set to any kind of number; raise IllumiganError if one is none."""
        for name in ("strength", "denoise", "denoise_over_time"):
            value = getattr(self, name)
            is_number = isinstance(value, Real)  # a fraction, say; its own comparison never overflows
            if not (is_number and 0 <= value <= 1):
                raise IllumiganError(f"{name} must be a number from 0 to 1, not {shown(value)}.")
            setattr(self, name, float(value))

    def _warm_up(self) -> None:
        """Run on a dark ramp what a frame goes through beside the network, so that kernels get compiled now."""
        if self._runtime.architecture != "curve_grid":
            return
        ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (64, 64, 3))
        frame = np.ascontiguousarray(ramp)
        self._reductions.begin(frame)
        as_planes(self._reductions.thumbnail(), self._planes)
        noise.estimate_noise(frame)
        grid = np.zeros((3 * curves.KNOTS + 1, *curves.GRID_WH[::-1]), np.float32)
        grid[:-1] = curves.IDENTITY
        recall = PastLuminance(Counter()).recall(lights(frame), frame.shape[:2], 1.0, 1.0)
        for found, past in ((noise.NONE, None), (Noise(1.0, 1.0, 1.0), None), (Noise(1.0, 1.0, 1.0), recall)):

            def look(found: Noise = found, past: Recall | None = past) -> tuple[Noise, Surroundings, Recall | None]:
                return found, self._reductions.surroundings(), past

            self._shared.fused_pass.begin(frame, look).finish(grid)
            job = self._shared.fused_pass.begin(frame, look)
            job.prepare()  # the other way of a block, which has a kernel of its own
            job.finish(grid)
