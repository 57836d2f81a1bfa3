"""`illumigan gpu-check`: what both generators cost on this machine's NVIDIA GPU, and whether their answers are right.

First PyTorch's ways to run them (`gpu_variants`), from frame to frame and the core alone, with the frame in the GPU's
memory; then the product's own runtimes as the node uses them, with the frame in the computer's. What does not run is
named with its reason, and the next one follows. Wrong answers end the check with exit status 1, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.errors import ModelError, first_line
from illumigan_model.report import require_enhanced
from illumigan_model.system.child_process import unwatched
from illumigan_ros.measure.gpu_check_result import GpuCheckResult, RuntimeTiming
from illumigan_ros.measure.turns import take_turns

if TYPE_CHECKING:
    import torch

    from illumigan_model.generators.checkpoint import Generator
    from illumigan_ros.measure.gpu_variants import VariantTiming

MODELS = ("curve_grid", "attention_unet")
SCOPES = ("full", "core")
RUNTIMES = ("tensorrt", "torch", "onnxruntime")
PHOTOS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""Photos that scikit-image brings along; with the self-check's night picture they are eight."""


def check(
    sizes: Sequence[tuple[int, int]],
    seconds: float,
    device: torch.device,
    generators: dict[str, Generator],
    advance: Callable[[], None] = lambda: None,
) -> GpuCheckResult:
    """Measure everything on a device.

    Args:
        sizes: width and height of the frames.
        seconds: how long each way to run one is measured.
        device: "cuda", or "cpu" to see the check itself at work.
        generators: by name of the shipped model, in single precision on the CPU.
        advance: is called after each of the `steps`.

    Raises:
        ModelError: PyTorch cannot use the device at all.
    """
    from illumigan_ros.measure.gpu_machine import facts_of, machine_name
    from illumigan_ros.measure.gpu_variants import copy_bandwidth, measure, torch_reason

    result = GpuCheckResult(machine_name(device), facts_of(device), [], [], [])
    try:
        bandwidth = copy_bandwidth(device)
    except RuntimeError as error:
        raise ModelError(f"PyTorch cannot use the GPU: {torch_reason(error)}") from error
    result.facts["copy bandwidth"] = f"{bandwidth / 1e9:.0f} GB/s"
    frames = {size: night_frames(size) for size in sizes}
    for model, generator in generators.items():
        for scope, size in jobs(model, sizes):
            try:
                batches = batches_of(frames[size], model, scope)
                found, failures = measure(model, generator, scope, batches, bandwidth, seconds, device)
                result.variants.extend(found)
                result.notes.extend(failures)
            except RuntimeError as error:  # not one way to run it, but what they share
                result.notes.append(f"{model}, {scope}, {'x'.join(map(str, size))}: {torch_reason(error)}")
            advance()
    for model in generators:
        for name in RUNTIMES:
            runs, notes = run_product(model, name, frames, seconds)
            result.runtimes.extend(runs)
            result.notes.extend(notes)
            advance()
    return result


def jobs(model: str, sizes: Sequence[tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    """Return the scopes of a model and the sizes to run each at; a CurveGrid's core sees all sizes alike."""
    once = model == "curve_grid"
    return [(scope, size) for scope in SCOPES for size in (sizes[:1] if scope == "core" and once else sizes)]


def steps(sizes: Sequence[tuple[int, int]]) -> int:
    """Return how many steps a check of the shipped models has."""
    return sum(len(jobs(model, sizes)) + len(RUNTIMES) for model in MODELS)


def run_product(
    model: str, name: str, frames: dict[tuple[int, int], list[np.ndarray]], seconds: float
) -> tuple[list[RuntimeTiming], list[str]]:
    """Let a runtime enhance frames as the node does; returns what was measured, and what stands in the way."""
    from illumigan_model.enhancer import Enhancer

    runs, notes = [], []
    try:
        if name == "tensorrt":
            build_engine(model)
        with Enhancer(model, name, daylight_gate=False) as enhancer:  # opened, and checked on its night picture
            notes += [f"{model}: {note}" for note in enhancer.runtime_reasons]
            if not notes and "CPU" in enhancer.describe():
                notes.append(f"{model}: {name}: its build is without CUDA, so that it runs on the CPU.")
            method = {name: lambda frame: require_enhanced(enhancer.enhance(frame))}
            for size, pictures in frames.items():
                took = take_turns(method, pictures, seconds)[name]
                figures = float(np.median(took)), float(np.percentile(took, 95))
                runs.append(RuntimeTiming(model, "{}x{}".format(*size), enhancer.describe(), *figures))
    except Exception as error:  # a library that is missing or broken raises whatever it likes
        notes.append(f"{model}: {name}: {first_line(error).removeprefix(f'{name}: ')}.")
    return runs, notes


def build_engine(model: str) -> None:
    """Build the engine of a model's own graph in half precision, where the cache has none."""
    from illumigan_model.runtimes.graphs import find_graph
    from illumigan_model.tensorrt import engine_cache

    engine_cache.TENSORRT.facts()  # without TensorRT and a GPU no graph has to be made
    engine_cache.build(find_graph(model), "fp16", engine_cache.PATIENCE_S, unwatched, engine_cache.TENSORRT)


def night_frames(size: tuple[int, int]) -> list[np.ndarray]:
    """Return eight dark pictures, uint8 BGR: photos that the training's camera model darkens, and one that is dark.

    Raises:
        FrameError: scikit-image comes without one of them.
    """
    from skimage import data

    from illumigan_model.photos import read_photo
    from illumigan_model.runtimes.self_check import PICTURE
    from illumigan_training.data.night_camera import Camera, expose, underexpose

    frames = [cv2.resize(read_photo(PICTURE), size, interpolation=cv2.INTER_LINEAR)]
    for seed, name in enumerate(PHOTOS):
        photo = cv2.resize(read_photo(Path(data.__file__).with_name(name)), size, interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng(seed)
        camera = Camera.sample(rng)
        frames.append(expose(underexpose(photo, camera, rng).radiance, camera, rng))
    return frames


def batches_of(frames: Sequence[np.ndarray], model: str, scope: str) -> list[torch.Tensor]:
    """Return what a scope is given of each frame: the frame itself, or float RGB, a thumbnail for a CurveGrid."""
    import torch

    from illumigan_model.frames.curves import THUMBNAIL_WH

    if scope == "full":
        return [torch.from_numpy(frame)[None] for frame in frames]
    if model == "curve_grid":
        frames = [cv2.resize(frame, THUMBNAIL_WH, interpolation=cv2.INTER_AREA) for frame in frames]
    return [torch.from_numpy(frame[:, :, ::-1].copy()).permute(2, 0, 1)[None] / 255 for frame in frames]


def fault(measured: Sequence[VariantTiming]) -> str | None:
    """Return what is wrong with the answers in one sentence, None if they are right."""
    if not any(found.scope == "full" for found in measured):
        return "PyTorch takes no frame through a generator on this GPU; the lines above say why."
    wrong = [found for found in measured if not found.is_right]
    if not wrong:
        return None
    named = [f"{found.model} at {found.size} in {found.variant} by {found.worst:.3g}" for found in wrong]
    return f"Answers are off by too many levels of 255: {', '.join(named)}; 1 is allowed in fp32, 2 in fp16."
