"""`illumigan build-engine`: the TensorRT engine of a model, ahead of time, and how it comes along."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Optional

import typer
from rich.console import Console

from illumigan_model.runtimes.graphs import find_graph
from illumigan_model.tensorrt import engine_cache
from illumigan_model.tensorrt.engine_cache import PATIENCE_S
from illumigan_ros.commands.command_line import Model, require_positive

LOG_PERIOD = 10.0  # seconds between two lines where there is no terminal


def command(
    *,
    model: Model = "curve_grid_detect",
    precision: Annotated[str, typer.Option(help="fp16 or fp32.")] = "fp16",
    size: Annotated[
        Optional[str], typer.Option(help="WIDTHxHEIGHT, to make the graph of weights that have none for it.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Minutes that it may take.")] = PATIENCE_S / 60,
) -> None:
    """Build the TensorRT engine of a model ahead of time; it is kept for this GPU and these versions only."""
    require_positive("--timeout", timeout)
    build_engine(model, precision, size, 60 * timeout)


def build_engine(model: str, precision: str, size: str | None, timeout_s: float) -> None:
    """Build the engine of a model and say where it is; one that is there already is left as it is.

    Args:
        model: name of shipped weights, or path of a weights file.
        precision: "fp32" or "fp16".
        size: WIDTHxHEIGHT of the graph to be made of a generator that sees whole frames; None takes the model's own.
        timeout_s: seconds that the building may take.

    Raises:
        ModelError: there is no TensorRT here, or the graph or the engine cannot be made; the message says why.
    """
    engine_cache.TENSORRT.facts()  # before minutes are spent on a graph that nothing here can run
    graph = find_graph(model, size=size, timeout_s=timeout_s)
    began = time.monotonic()
    with shown(f"{graph.name} ({precision})") as on_progress:
        engine = engine_cache.build(graph, precision, timeout_s, on_progress, engine_cache.TENSORRT)
    took, megabytes = time.monotonic() - began, engine.stat().st_size / 1e6
    print(f"The engine of {graph.name} ({precision}, {megabytes:.1f} MB) is there after {took:.0f} s: {engine}")
    runtime = "tensorrt" if precision == "fp16" else "tensorrt-fp32"
    print(f"It runs with: model {model if size is None else graph}, runtime {runtime}")


@contextmanager
def shown(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr how the building comes along; gives a function to call with its last line."""
    console = Console(stderr=True)
    began = printed = time.monotonic()
    with console.status(f"building the engine of {what}") as status:

        def on_progress(said: str) -> None:
            nonlocal printed
            now = time.monotonic()
            text = f"building the engine of {what} for {now - began:.0f} s: {said or 'starting'}"
            status.update(text)
            if not console.is_terminal and now - printed > LOG_PERIOD:
                printed = now
                console.print(text, markup=False, highlight=False)

        yield on_progress
