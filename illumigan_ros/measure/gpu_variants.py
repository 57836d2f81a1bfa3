"""The ways in which PyTorch can run a generator on a GPU: measured, and compared with single precision on the CPU.

    eager fp32   as it comes, but without TF32, which rounds what is multiplied to 10 bits
    eager fp16   weights and images in half precision, channels last; batch norms stay in single precision
    CUDA graph fp16   the same, captured as a CUDA graph and replayed

On a processor there is no CUDA graph, its own clock counts, and memory is not told; all else is the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from illumigan_model.errors import first_line
from illumigan_model.generators.checkpoint import Generator
from illumigan_model.generators.scopes import Core, Full, swap_red_and_blue
from illumigan_ros.measure.gpu_check_result import CUDA_GRAPH_FP16, EAGER_FP16, EAGER_FP32, VariantTiming
from illumigan_ros.measure.turns import Clock, stopwatch, take_turns

WARM_UP = 3  # runs before a capture, as many as PyTorch's own make_graphed_callables makes
COPIED_BYTES = 256 << 20
COPY_SECONDS = 1.0

Work = Callable[[Tensor], tuple[Tensor, ...]]
"""Takes a batch on the device and returns the answers there; a replay overwrites those of the last one."""


class Variant(NamedTuple):
    """A way to run a graph: what it took at most in megabytes, the bytes it reads and writes, how far it is off."""

    work: Work
    memory: float | None
    moved: int
    worst: float
    mean: float


@torch.inference_mode()
def measure(
    model: str,
    generator: Generator,
    scope: str,
    batches: Sequence[Tensor],
    bandwidth: float,
    seconds: float,
    device: torch.device,
) -> tuple[list[VariantTiming], list[str]]:
    """Measure every way to run a generator, in turns.

    Args:
        model: its name.
        generator: in single precision, on the CPU; it stays as it is.
        scope: "core" or "full", see `illumigan_model.generators.scopes`.
        batches: what that is given, one picture each, on the CPU.
        bandwidth: bytes that the device can read and write in a second, together.
        seconds: how long to measure.
        device: where the generator shall run.

    Returns:
        the figures of what runs, and a sentence for each way that does not.
    """
    height, width = batches[0].shape[1:3] if scope == "full" else batches[0].shape[2:4]
    size = f"{width}x{height}"
    exact = [exact_answers(generator, scope, batch) for batch in batches]
    with without_tf32():
        frames = [batch.to(device) for batch in batches]
        variants, complaints = open_variants(generator, scope, frames, exact)
        works = {name: variant.work for name, variant in variants.items()}
        times = take_turns(works, frames, seconds, clock_of(device)) if works else {}
    baseline = times.get(EAGER_FP32)
    found = []
    for name, took in times.items():
        variant, p50 = variants[name], float(np.median(took))
        faster = None if baseline is None else float(np.median(baseline / took))
        share = 1e3 * variant.moved / bandwidth / p50
        figures = (p50, float(np.percentile(took, 95)), faster, share, variant.memory, variant.worst, variant.mean)
        found.append(VariantTiming(model, scope, size, name, *figures))
    failures = [f"{model}, {scope}, {size}, {name}: {complaint}" for name, complaint in complaints.items()]
    return found, failures


def open_variants(
    generator: Generator, scope: str, frames: Sequence[Tensor], exact: Sequence[tuple[Tensor, ...]]
) -> tuple[dict[str, Variant], dict[str, str]]:
    """Return every way that works, after it has seen all frames, and for each of the others why it does not."""
    device = frames[0].device
    makers: dict[str, Callable[[], Work]] = {
        EAGER_FP32: lambda: eager(generator, scope, torch.float32, device),
        EAGER_FP16: lambda: eager(generator, scope, torch.float16, device),
    }
    if device.type == "cuda":
        makers[CUDA_GRAPH_FP16] = lambda: captured(eager(generator, scope, torch.float16, device), frames[0])
    variants, complaints = {}, {}
    for name, make in makers.items():
        try:
            work, memory = watched(make, frames[0])
            moved = sum(part.nbytes for part in (frames[0], *work(frames[0])))
            variants[name] = Variant(work, memory, moved, *difference(work, frames, exact))
        except RuntimeError as error:
            complaints[name] = torch_reason(error)
    return variants, complaints


@contextmanager
def without_tf32() -> Iterator[None]:
    """Let the GPU compute convolutions and matrix products in single precision as they are."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def eager(generator: Generator, scope: str, precision: torch.dtype, device: torch.device) -> Work:
    """Return a copy of a generator at work on a device, as a graph's module has it."""
    moved = copy.deepcopy(generator).to(device)
    is_half = precision == torch.float16
    if is_half:
        for layer in moved.modules():
            if isinstance(layer, nn.Conv2d):
                layer.half()
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    module = Full(moved, precision) if scope == "full" else Core(moved)

    def work(batch: Tensor) -> tuple[Tensor, ...]:
        # it brings together what is half and what is not; its cache would outlive a capture
        with torch.autocast(device.type, torch.float16, enabled=is_half, cache_enabled=False):
            answer = module(batch if scope == "full" else batch.to(precision))
        return answer if isinstance(answer, tuple) else (answer,)

    return work


def captured(work: Work, sample: Tensor) -> Work:
    """Return some work as a CUDA graph, captured as PyTorch's notes on CUDA semantics say: warmed up aside first."""
    still = sample.clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            work(still)
    torch.cuda.current_stream().wait_stream(aside)
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording):
        answers = work(still)

    def replay(batch: Tensor) -> tuple[Tensor, ...]:
        still.copy_(batch)
        recording.replay()
        return answers

    return replay


def watched(make: Callable[[], Work], sample: Tensor) -> tuple[Work, float | None]:
    """Return some work after its first run, and the memory that it took at most, in megabytes; None on a processor."""
    if sample.device.type != "cuda":
        work = make()
        work(sample)
        return work, None
    torch.cuda.empty_cache()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work = make()
    work(sample)
    torch.cuda.synchronize()
    return work, (torch.cuda.max_memory_allocated() - before) / 1e6


def exact_answers(generator: Generator, scope: str, batch: Tensor) -> tuple[Tensor, ...]:
    """Return the answers in single precision on the CPU, in levels of 255, not rounded."""
    if scope == "core":
        return (255 * Core(generator)(batch),)
    image, dark = generator(swap_red_and_blue(batch.permute(0, 3, 1, 2) / 255))
    return tuple(255 * part.clamp(0.0, 1.0).permute(0, 2, 3, 1) for part in (swap_red_and_blue(image), dark))


def difference(work: Work, frames: Sequence[Tensor], exact: Sequence[tuple[Tensor, ...]]) -> tuple[float, float]:
    """Return the largest and the mean difference to the exact answers, in levels; rounding is half a level of it."""
    worst, means = [], []
    for frame, wanted in zip(frames, exact, strict=True):
        for answer, right in zip(work(frame), wanted, strict=True):
            levels = answer.cpu().float() * (1 if answer.dtype == torch.uint8 else 255)
            off = (levels - right).abs()
            worst.append(off.max())
            means.append(off.mean())
    return float(torch.stack(worst).max()), float(torch.stack(means).mean())


def copy_bandwidth(device: torch.device) -> float:
    """Return the bytes that a device reads and writes in a second, together, when it copies many of them."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    took = take_turns({"copy": target.copy_}, [source], COPY_SECONDS, clock_of(device))["copy"]
    return 2 * COPIED_BYTES / (float(np.median(took)) / 1e3)


def clock_of(device: torch.device) -> Clock[Tensor]:
    """Return what measures a piece of work on a device: events on a GPU, which does its work later."""
    return by_events if device.type == "cuda" else stopwatch


def by_events(work: Callable[[Tensor], object], frame: Tensor) -> float:
    """Return the milliseconds between the events around a piece of work on the GPU, after it is done."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work(frame)
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def torch_reason(error: RuntimeError) -> str:
    """Return a sentence of what PyTorch says."""
    text = first_line(error)
    is_memory = isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in text or "allocate memory" in text
    return "it takes more memory than there is." if is_memory else f"PyTorch fails: {text}."
