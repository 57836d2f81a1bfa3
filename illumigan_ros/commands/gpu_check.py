"""`illumigan gpu-check`: what both generators cost on this machine's NVIDIA GPU, on the terminal and in a file."""

from __future__ import annotations

import os
import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_model.system.machine import has_gpu
from illumigan_ros.commands.command_line import parse_size, progress_bar, require_modules, require_positive
from illumigan_ros.measure.gpu_check_report import (
    FIGURES,
    RUNTIME_HEADINGS,
    facts_line,
    figures_of,
    runtime_cells,
    write,
)
from illumigan_ros.measure.gpu_check_result import GpuCheckResult

SIZES = ["1280x720", "1920x1080"]
OUT = Path("docs/gpu")


def command(
    *,
    size: Annotated[list[str], typer.Option(help="Frame size to measure; may be repeated.")] = SIZES,
    seconds: Annotated[float, typer.Option(help="How long each way to run a generator is measured.")] = 5.0,
    out: Annotated[Path, typer.Option(help="Folder that gets the Markdown file of this machine.")] = OUT,
) -> None:
    """Measure both generators on this machine's NVIDIA GPU and check their answers; missing engines are built."""
    require_positive("--seconds", seconds)
    sizes = list(dict.fromkeys(parse_size(text) for text in size))
    if not (out.is_dir() and os.access(out, os.W_OK)):
        raise FrameError(
            f"{out} is no folder to write to; run this in a clone of the repository, or name one with --out."
        )
    if not has_gpu():
        fail("There is no NVIDIA GPU on this machine, or no driver for it; nothing was measured.")
    require_modules("torch", "onnx", "safetensors", "skimage")
    import torch

    from illumigan_model.generators.checkpoint import load_checkpoint
    from illumigan_model.weights import find_weights
    from illumigan_ros.measure.gpu_check import MODELS, check, fault, steps
    from illumigan_ros.measure.gpu_machine import no_gpu

    if why := no_gpu():
        fail(why)
    generators = {model: load_checkpoint(find_weights(model, (".safetensors",))) for model in MODELS}
    with progress_bar("measuring", steps(sizes)) as advance:
        result = check(sizes, seconds, torch.device("cuda"), generators, advance)
    wrong = fault(result.variants)
    file = None if wrong else write(result, out)
    show(result)
    if wrong:
        fail(wrong)
    print(f"The figures of this machine are in {file}")


def fail(sentence: str) -> NoReturn:
    """End the command with exit status 1."""
    print(f"error: {sentence}", file=sys.stderr)
    raise typer.Exit(1)


def show(result: GpuCheckResult) -> None:
    """Print everything as tables."""
    console = Console()
    console.print(result.machine, highlight=False)
    console.print(facts_line(result), highlight=False)
    for what, ways in groupby(result.variants, lambda one: f"{one.model}, {one.scope}, {one.size}"):
        table = Table(what, *FIGURES)
        for way in ways:
            table.add_row(way.variant, *figures_of(way))
        console.print(table)
    table = Table(*RUNTIME_HEADINGS)
    for run in result.runtimes:
        table.add_row(*runtime_cells(run))
    console.print(table)
    for note in result.notes:
        console.print(f"- {note}", markup=False, highlight=False)
