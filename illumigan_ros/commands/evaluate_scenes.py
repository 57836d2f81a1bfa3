"""`illumigan evaluate-scenes`: what models do wrong on scenes made to show it, on the terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_ros.commands.command_line import Runtime, progress_bar, require_modules

LEGEND = """\
In levels, 0 to 255. bands: how far grey ramps fall, enhanced, where they rise; tint: how far their colours lie apart.
unlit: luminance of a dark wall; lamp lit: of the same part of it, once a lamp is there that does not reach it.
drive / 8, ...: luminance of a frame of the rendered night drive, divided."""


def command(
    *,
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    baselines: Annotated[bool, typer.Option(help="Measure auto-gamma and CLAHE, too.")] = True,
    runtime: Runtime = "auto",
) -> None:
    """Measure what models do wrong on made scenes: bands and tints on grey, what a lamp darkens, how far they lift."""
    require_modules("torch", "skimage")
    from illumigan_training.evaluation.images import open_contenders
    from illumigan_training.evaluation.scenes import measure_scenes

    with (
        open_contenders(model, baselines=baselines, of_stream=True, runtime=runtime) as contenders,
        progress_bar("evaluating", len(contenders)) as advance,
    ):
        measured = {}
        for contender in contenders:
            measured[contender.name] = measure_scenes(contender.method)
            advance()
    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    printed.add_column("method", no_wrap=True)
    for title in next(iter(measured.values())):
        printed.add_column(title, justify="right")
    for name, numbers in measured.items():
        printed.add_row(name, *(f"{number:.1f}" for number in numbers.values()))
    Console().print(printed)
    print(LEGEND)
