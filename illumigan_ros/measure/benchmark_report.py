"""The benchmark's result for people: tables, and a plot of cost against pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_ros.measure.benchmark import CLAHE, OURS, PLAIN, ZERO_DCE
from illumigan_ros.output_files import write_png

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 50, 70
FONT = cv2.FONT_HERSHEY_SIMPLEX
BLACK, GREY = (0, 0, 0), (210, 210, 210)
LINES = {CLAHE: (160, 110, 0), OURS: (0, 60, 210), PLAIN: (60, 160, 250)}


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
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


def in_short(number: float) -> str:
    """Return a number with three digits, or all of its whole ones."""
    return f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


def require_plottable(plot: Path, sizes: int) -> None:
    """Raise FrameError, before anything is measured, if no plot can come of this."""
    if plot.suffix.lower() != ".png":
        raise FrameError(f"--plot must end in .png, not {plot.name}.")
    if not plot.parent.is_dir():
        raise FrameError(f"{plot} cannot be written: there is no folder {plot.parent}; make it first.")
    if sizes < 2:
        raise FrameError("--plot needs at least two sizes; give --size twice or leave it out.")


def draw(result: dict[str, Any], plot: Path) -> None:
    """Draw the median cost of a frame against its pixels; a thin line is the straight one that fits best."""
    sizes = sorted(result["sizes"], key=lambda size: size["megapixels"])
    pixels = np.array([size["megapixels"] for size in sizes])
    costs = {name: np.array([size["contenders"][name]["p50_ms"] for size in sizes]) for name in LINES}
    right, top = pixels[-1] * 1.05, max(cost.max() for cost in costs.values()) * 1.1
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)

    def place(x: float, y: float) -> tuple[int, int]:
        across = LEFT + x / right * (WIDTH - LEFT - RIGHT)
        return round(across), round(HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM))

    def write(text: str, at: tuple[int, int], colour: tuple[int, int, int] = BLACK) -> None:
        cv2.putText(canvas, text, at, FONT, 0.5, colour, 1, cv2.LINE_AA)

    for value in ticks(top):
        cv2.line(canvas, place(0, value), place(right, value), GREY)
        write(f"{value:g}", (LEFT - 45, place(0, value)[1] + 5))
    for index, (size, x) in enumerate(zip(sizes, pixels, strict=True)):
        cv2.line(canvas, place(x, 0), place(x, top), GREY)
        write(size["size"], (place(x, 0)[0] - 35, HEIGHT - BOTTOM + 18 + 16 * (index % 2)))  # small sizes lie close
    slope, base = np.polyfit(pixels, costs[OURS], 1)
    cv2.line(canvas, place(0, base), place(right, base + slope * right), LINES[OURS], 1, cv2.LINE_AA)
    for row, (name, cost) in enumerate(costs.items()):
        points = [place(x, y) for x, y in zip(pixels, cost, strict=True)]
        cv2.polylines(canvas, [np.array(points)], False, LINES[name], 2, cv2.LINE_AA)
        for point in points:
            cv2.circle(canvas, point, 4, LINES[name], cv2.FILLED, cv2.LINE_AA)
        write(name, (LEFT + 20, TOP + 20 + 20 * row), LINES[name])
    cv2.rectangle(canvas, place(0, 0), place(right, top), BLACK)
    write("ms a frame, median", (LEFT, TOP - 15))
    where = f"{result['machine']['processor']}, {result['threads']} threads"
    write(f"size of a frame, to scale in pixels; {where}", (LEFT, HEIGHT - 15))
    write_png(plot, canvas)


def ticks(top: float) -> list[float]:
    """Return four to nine round values from 0 up to `top`."""
    step = 10.0 ** np.floor(np.log10(top))
    step *= next(part for part in (0.1, 0.2, 0.5, 1.0) if top / (step * part) < 10)
    return [float(value) for value in np.arange(0, top, step).round(9)]
