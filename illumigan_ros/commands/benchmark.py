"""`illumigan benchmark`: what a frame costs here, as tables, JSON or a plot; --node: the live node, --bag: a bag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_model.system.machine import cores
from illumigan_ros.commands.benchmark_bag import benchmark_bag
from illumigan_ros.commands.benchmark_node import benchmark_node, require_plottable
from illumigan_ros.commands.command_line import (
    Model,
    Runtime,
    parse_size,
    progress_bar,
    refuse_given,
    require_modules,
    require_positive,
)
from illumigan_ros.measure.turns import in_short

SIZES = ["352x288", "640x360", "1280x720", "1920x1080"]


def command(
    context: typer.Context,
    *,
    size: Annotated[list[str], typer.Option(help="Frame size to measure; may be repeated.")] = SIZES,
    image: Annotated[Optional[Path], typer.Option(help="Measure on this picture, not on the rendered drive.")] = None,
    threads: Annotated[Optional[int], typer.Option(help="CPU threads; by default all, at most 4.", min=1)] = None,
    seconds: Annotated[float, typer.Option(help="How long each size is measured.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    plot: Annotated[Optional[Path], typer.Option(help="Draw cost against pixels into this PNG.")] = None,
    start: Annotated[bool, typer.Option(help="Measure the start of a fresh process, too.")] = True,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    node: Annotated[bool, typer.Option("--node", help="Measure the live node, with a camera and a listener.")] = False,
    scenario: Annotated[
        Optional[list[str]], typer.Option(help="With --node: what to measure, 1080p30, say; may be repeated.")
    ] = None,
    bag: Annotated[
        Optional[Path], typer.Option(help="Measure enhance-bag on a bag of 1080p at 30 Hz that is made in this folder.")
    ] = None,
) -> None:
    """Measure what a frame costs here: stages, threads, memory; next to CLAHE, Zero-DCE++ and a plain copy."""
    if node and bag is not None:
        raise FrameError("--node and --bag are measured one at a time; leave one out.")
    if node:
        names = ("size", "image", "threads", "start", "model", "runtime")
        refuse_given(context, names, "--node has scenarios of its own, with the node's own model")
        require_positive("--seconds", seconds)
        benchmark_node(scenario or [], seconds, plot, as_json)
        return
    if bag is not None:
        refuse_given(context, ("size", "image", "threads", "start", "scenario"), "--bag has a bag of its own")
        refuse_given(context, ("plot",), "The figures of --bag are not drawn")
        require_positive("--seconds", seconds)
        benchmark_bag(bag, seconds, model, runtime, as_json)
        return
    if scenario:
        raise FrameError("--scenario is for the live node: add --node.")
    from illumigan_ros.measure.benchmark import BenchmarkOptions, benchmark, get_frames

    require_positive("--seconds", seconds)
    most = cores()
    if threads is not None and threads > most:
        raise FrameError(f"--threads must be at most {most}, the number of cores here, not {threads}.")
    sizes = list(dict.fromkeys(parse_size(text) for text in size))
    if plot is not None:
        require_modules("matplotlib")
        require_plottable(plot)
        require_sizes(len(sizes))
    options = BenchmarkOptions(sizes, image, threads or min(most, 4), seconds, model, runtime, start)
    if image is not None:
        get_frames(sizes[0], image)  # says now if it cannot be read
    with progress_bar("measuring", len(sizes) + start) as advance:
        result = benchmark(options, advance)
    if plot is not None:
        from illumigan_ros.measure.benchmark_plot import draw

        draw(result, plot)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def require_sizes(sizes: int) -> None:
    """Raise FrameError, before anything is measured, if no plot can come of this."""
    if sizes < 2:
        raise FrameError("--plot needs at least two sizes; give --size twice or leave it out.")


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
    from illumigan_ros.measure.benchmark import ZERO_DCE

    console = Console()
    machine, start = result["machine"], result["start"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    console.print(f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {result['date']}")
    console.print(f"{versions}; {result['model']} by {result['runtime']} on {result['threads']} threads")
    console.print(f"frames: {result['picture']}; kernels: {result['kernels']}", highlight=False)
    for size in result["sizes"]:
        table = Table(size["size"], "turns", "ms p50", "ms p95", "FPS", "to CLAHE", "copies")
        for name, found in size["contenders"].items():
            keys = ("turns", "p50_ms", "p95_ms", "fps", "to_clahe", "copies")
            table.add_row(name, *(in_short(found[key]) for key in keys))
        console.print(table)
        if ZERO_DCE not in size["contenders"]:
            console.print(f"{ZERO_DCE} is left out, as PyTorch is not installed", highlight=False)
        stages = ", ".join(f"{stage} {took:.2f}" for stage, took in size["stages_ms"].items())
        console.print(f"stages in ms: {stages}", highlight=False)
        if "speedup" in size:
            console.print(f"{result['threads']} threads are {size['speedup']:.2f} times as fast as one")
    if start:
        console.print(
            f"a fresh process at {start['size']}: first frame after {start['total_s']:.2f} s "
            f"(import {start['import_s']:.2f}, load {start['load_s']:.2f}), {start['cold_total_s']:.1f} s if kernels "
            f"must be compiled; {start['peak_mb']:.0f} MB at most"
        )
    if result["growth"]:
        growth = result["growth"]
        console.print(
            f"cost: {growth['base_ms']:.2f} ms + {growth['ms_per_megapixel']:.2f} ms a megapixel, R2 {growth['r2']:.4f}"
        )
