"""`illumigan benchmark`: what a frame costs on this machine, next to copying it, to CLAHE and to Zero-DCE++.

The contenders take turns on the same frames, in a new order each time, so that whatever else the machine does meets
them alike and nobody always comes after the same other; ratios are taken turn by turn. Figures are medians over the
turns. Only Zero-DCE++ comes by itself, afterwards: torch's threads keep the cores busy for a while after each frame,
which would slow down whoever comes next.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from illumigan_model.frames.baselines import clahe
from illumigan_model.report import require_enhanced
from illumigan_model.system.machine import cores, processor_name
from illumigan_model.version import installed_version
from illumigan_ros.measure.baselines import Contender, copier, zero_dce
from illumigan_ros.measure.turns import take_turns

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

FRAMES = 4
OURS, STILL, PLAIN, SINGLE = "illumigan", "without denoising over time", "without denoising", "on one thread"
COPY, CLAHE, ZERO_DCE = "copy", "CLAHE on L", "Zero-DCE++"
PACKAGES = ("illumigan", "numpy", "opencv-python", "onnxruntime", "numba", "torch")


@dataclass(frozen=True)
class BenchmarkOptions:
    """What shall be measured: `sizes` (width, height), on how many threads, for how many seconds a size.

    `start` tells whether the start of a fresh process is measured, too.
    """

    sizes: list[tuple[int, int]]
    image: Path | None
    threads: int
    seconds: float
    model: str
    runtime: str
    start: bool = True


def benchmark(options: BenchmarkOptions, advance: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Measure everything and return it as plain numbers and texts, ready for JSON."""
    from illumigan_model.enhancer import Enhancer
    from illumigan_model.frames.kernels import kernel_reason
    from illumigan_ros.measure.benchmark_start import measure_start

    cv2.setNumThreads(options.threads)
    with ExitStack() as stack:

        def enhancer(denoise: float, over_time: float, threads: int) -> Enhancer:
            made = Enhancer(options.model, options.runtime, denoise=denoise, threads=threads, daylight_gate=False)
            made.denoise_over_time = over_time
            return stack.enter_context(made)

        enhancers = {
            OURS: enhancer(1, 1, options.threads),
            STILL: enhancer(1, 0, options.threads),
            PLAIN: enhancer(0, 0, options.threads),
        }
        if options.threads > 1:
            enhancers[SINGLE] = enhancer(1, 1, 1)
        sizes = []
        for size in options.sizes:
            sizes.append(measure_size(size, enhancers, options))
            advance()
        runtime = enhancers[OURS].runtime
    start = None
    if options.start:
        largest = max(options.sizes, key=lambda size: size[0] * size[1])
        start = measure_start(largest, options.model, options.runtime, options.threads)
        advance()
    return {
        "machine": describe_machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | installed_versions(),
        "model": options.model,
        "runtime": runtime,
        "kernels": kernel_reason() or "compiled",
        "picture": str(options.image) if options.image else "rendered night drive",
        "threads": options.threads,
        "sizes": sizes,
        "start": start,
        "growth": growth(sizes),
    }


def measure_size(size: tuple[int, int], enhancers: dict[str, Enhancer], options: BenchmarkOptions) -> dict[str, Any]:
    """Measure all contenders on frames of one size."""
    frames = get_frames(size, options.image)
    stages: list[dict[str, float]] = []

    def ours(frame: np.ndarray) -> None:
        stages.append(require_enhanced(enhancers[OURS].enhance(frame)).report.stages_ms)

    contenders: dict[str, Contender] = {COPY: copier(frames[0].shape), CLAHE: clahe, OURS: ours}
    contenders |= {name: enhancer.enhance for name, enhancer in enhancers.items() if name != OURS}
    times = take_turns(contenders, frames, options.seconds)
    peer = zero_dce(options.threads)
    if peer is not None:
        times |= take_turns({ZERO_DCE: peer}, frames, options.seconds / 4)
    del stages[0]  # the turn that warms up
    result: dict[str, Any] = {"size": "{}x{}".format(*size), "megapixels": size[0] * size[1] / 1e6}
    result["contenders"] = {name: summarise(took, times) for name, took in times.items()}
    result["stages_ms"] = {stage: float(np.median([turn[stage] for turn in stages])) for stage in stages[0]}
    if SINGLE in times:
        result["speedup"] = float(np.median(times[SINGLE] / times[OURS]))
    return result


def summarise(took: np.ndarray, times: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the figures of one contender's turns, next to those of CLAHE and of copying."""

    def relative(other: np.ndarray) -> float:
        is_paired = len(took) == len(other)
        return float(np.median(took / other) if is_paired else np.median(took) / np.median(other))

    return {
        "turns": len(took),
        "p50_ms": float(np.median(took)),
        "p95_ms": float(np.percentile(took, 95)),
        "least_ms": float(took.min()),
        "fps": float(1e3 / np.median(took)),
        "to_clahe": relative(times[CLAHE]),
        "copies": relative(times[COPY]),
    }


def get_frames(size: tuple[int, int], image: Path | None) -> list[np.ndarray]:
    """Return frames of a size: the picture, or successive moments of the rendered night drive."""
    if image is not None:
        from illumigan_model.photos import read_photo

        return [cv2.resize(read_photo(image), size, interpolation=cv2.INTER_AREA)]
    from illumigan_training.night_drive.drive import night_drive

    return list(night_drive(*size, fps=2, seconds=FRAMES / 2))


def growth(sizes: list[dict[str, Any]]) -> dict[str, float] | None:
    """Fit a straight line to the median cost of a frame over its size; None for fewer than three sizes."""
    pixels = np.array([size["megapixels"] for size in sizes])
    if len(set(pixels)) < 3:
        return None
    cost = np.array([size["contenders"][OURS]["p50_ms"] for size in sizes])
    slope, base = np.polyfit(pixels, cost, 1)
    unexplained = np.sum((cost - base - slope * pixels) ** 2) / np.sum((cost - cost.mean()) ** 2)
    return {"base_ms": float(base), "ms_per_megapixel": float(slope), "r2": float(1 - unexplained)}


def describe_machine() -> dict[str, Any]:
    """Return the processor's name and the number of cores that this process may use."""
    return {"processor": processor_name(), "cores": cores(), "system": platform.platform()}


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that matter here and are installed."""
    found = {name: installed_version(name) for name in PACKAGES}
    return {name: version for name, version in found.items() if version}
