"""`illumigan benchmark`: what a frame costs on this machine, next to copying it, to CLAHE and to Zero-DCE++.

The contenders take turns on the same frames, in a new order each time, so that whatever else the machine does meets
them alike and nobody always comes after the same other; ratios are taken turn by turn. Figures are medians over the
turns. Only Zero-DCE++ comes by itself, afterwards: torch's threads keep the cores busy for a while after each frame,
which would slow down whoever comes next.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, TypeVar

import cv2
import numpy as np
import typer

from illumigan_model.errors import FrameError
from illumigan_ros.command_line import parse_size, progress_bar, require_positive
from illumigan_ros.measure.baselines import Contender, clahe, copier, zero_dce

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

SIZES = ["352x288", "640x360", "1280x720", "1920x1080"]
FRAMES = 4
FEWEST_TURNS = 3
OURS, PLAIN, SINGLE = "illumigan", "without denoising", "on one thread"
COPY, CLAHE, ZERO_DCE = "copy", "CLAHE on L", "Zero-DCE++"
PACKAGES = ("illumigan", "numpy", "opencv-python", "onnxruntime", "numba", "torch")

Frame = TypeVar("Frame")
Clock = Callable[[Callable[[Frame], object], Frame], float]
"""Lets somebody work on a frame and returns the milliseconds that it took."""


@dataclass(frozen=True)
class Wish:
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


def benchmark(wish: Wish, advance: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Measure everything and return it as plain numbers and texts, ready for JSON."""
    from illumigan_model.enhancer import Enhancer
    from illumigan_model.frames.kernels import kernel_reason
    from illumigan_ros.measure.benchmark_start import measure_start

    cv2.setNumThreads(wish.threads)
    with ExitStack() as stack:

        def enhancer(denoise: float, threads: int) -> Enhancer:
            made = Enhancer(wish.model, wish.runtime, denoise=denoise, threads=threads, daylight_gate=False)
            return stack.enter_context(made)

        enhancers = {OURS: enhancer(1, wish.threads), PLAIN: enhancer(0, wish.threads)}
        if wish.threads > 1:
            enhancers[SINGLE] = enhancer(1, 1)
        sizes = []
        for size in wish.sizes:
            sizes.append(measure_size(size, enhancers, wish))
            advance()
        runtime = enhancers[OURS].runtime
    start = None
    if wish.start:
        largest = max(wish.sizes, key=lambda size: size[0] * size[1])
        start = measure_start(largest, wish.model, wish.runtime, wish.threads)
        advance()
    return {
        "machine": describe_machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | installed_versions(),
        "model": wish.model,
        "runtime": runtime,
        "kernels": kernel_reason() or "compiled",
        "picture": str(wish.image) if wish.image else "rendered night drive",
        "threads": wish.threads,
        "sizes": sizes,
        "start": start,
        "growth": growth(sizes),
    }


def measure_size(size: tuple[int, int], enhancers: dict[str, Enhancer], wish: Wish) -> dict[str, Any]:
    """Measure all contenders on frames of one size."""
    frames = get_frames(size, wish.image)
    stages: list[dict[str, float]] = []

    def ours(frame: np.ndarray) -> None:
        stages.append(enhancers[OURS].enhance(frame).report.stages_ms)

    contenders: dict[str, Contender] = {COPY: copier(frames[0].shape), CLAHE: clahe(), OURS: ours}
    contenders |= {name: enhancer.enhance for name, enhancer in enhancers.items() if name != OURS}
    times = take_turns(contenders, frames, wish.seconds)
    peer = zero_dce(wish.threads)
    if peer is not None:
        times |= take_turns({ZERO_DCE: peer}, frames, wish.seconds / 4)
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


def stopwatch(work: Callable[[Frame], object], frame: Frame) -> float:
    """Return the milliseconds that a piece of work takes."""
    begin = time.perf_counter()
    work(frame)
    return (time.perf_counter() - begin) * 1e3


def take_turns(
    contenders: Mapping[str, Callable[[Frame], object]],
    frames: Sequence[Frame],
    seconds: float,
    clock: Clock[Frame] = stopwatch,
) -> dict[str, np.ndarray]:
    """Let the contenders take turns until the time is up; returns the milliseconds of each, turn by turn."""
    for work in contenders.values():
        work(frames[0])
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = np.random.default_rng(0)
    end = time.perf_counter() + seconds
    turn = 0
    while turn < FEWEST_TURNS or time.perf_counter() < end:
        frame = frames[turn % len(frames)]
        for name in order.permutation(list(contenders)):
            times[name].append(clock(contenders[name], frame))
        turn += 1
    return {name: np.array(took) for name, took in times.items()}


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
    return {"processor": processor_name(), "cores": len(os.sched_getaffinity(0)), "system": platform.platform()}


def processor_name() -> str:
    """Return what the processor calls itself, or its architecture where it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that matter here and are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def command(
    *,
    size: Annotated[list[str], typer.Option(help="Frame size to measure; may be repeated.")] = SIZES,
    image: Annotated[Optional[Path], typer.Option(help="Measure on this picture, not on the rendered drive.")] = None,  # noqa: UP045
    threads: Annotated[Optional[int], typer.Option(help="CPU threads; by default all, at most 4.", min=1)] = None,  # noqa: UP045
    seconds: Annotated[float, typer.Option(help="How long each size is measured.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    plot: Annotated[Optional[Path], typer.Option(help="Draw cost against pixels into this PNG.")] = None,  # noqa: UP045
    start: Annotated[bool, typer.Option(help="Measure the start of a fresh process, too.")] = True,
    model: Annotated[str, typer.Option(help="Name of shipped weights, or a path to a file.")] = "curve_grid",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
) -> None:
    """Measure what a frame costs here: stages, threads, memory; next to CLAHE, Zero-DCE++ and a plain copy."""
    from illumigan_ros.measure import benchmark_report

    require_positive("--seconds", seconds)
    cores = len(os.sched_getaffinity(0))
    if threads is not None and threads > cores:
        raise FrameError(f"--threads must be at most {cores}, the number of cores here, not {threads}.")
    sizes = list(dict.fromkeys(parse_size(text) for text in size))
    if plot is not None:
        benchmark_report.require_plottable(plot, len(sizes))
    wish = Wish(sizes, image, threads or min(cores, 4), seconds, model, runtime, start)
    if image is not None:
        get_frames(sizes[0], image)  # says now if it cannot be read
    with progress_bar("measuring", len(sizes) + start) as advance:
        result = benchmark(wish, advance)
    if plot is not None:
        benchmark_report.draw(result, plot)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        benchmark_report.show(result)
