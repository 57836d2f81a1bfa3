"""Numbers over time as lines of an SVG, one line a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from illumigan_ros.compare.measuring import QUANTITIES, MeasuredFootage, Quantity

WIDTH, HEIGHT = 1000, 200  # units of the SVG, which is stretched to its place
HEADROOM = 1.06


@dataclass(frozen=True)
class Chart:
    """A drawing of one quantity: by number of method the path of its line; `top` is the value at the upper edge."""

    name: str
    quantity: Quantity
    paths: dict[int, str]
    top: str


def series(footage: MeasuredFootage, methods: Sequence[str]) -> dict[str, list[list[float | None]]]:
    """Return by name of a number its values, a list for each method, a value or None for each frame."""
    values = {
        name: [[frame.sides[method].values.get(name) for frame in footage.frames] for method in methods]
        for name in QUANTITIES
    }
    return {name: of for name, of in values.items() if any(value is not None for line in of for value in line)}


def places(footage: MeasuredFootage) -> list[float]:
    """Return where each frame is across the drawing, 0..WIDTH: by time, or by number where there is none."""
    times = np.array([frame.time for frame in footage.frames])
    span = float(np.ptp(times)) or 1.0
    return [round(float(place), 1) for place in (times - times[0]) / span * WIDTH]


def draw(footage: MeasuredFootage, methods: Sequence[str]) -> list[Chart]:
    """Return a chart for each quantity that was measured."""
    across, charts = places(footage), []
    for name, lines in series(footage, methods).items():
        quantity = QUANTITIES[name]
        top = HEADROOM * max((value for line in lines for value in line if value is not None), default=0.0) or 1.0
        paths = {number: path(across, line, top) for number, line in enumerate(lines)}
        text = f"{top / HEADROOM:.{quantity.digits}f}"
        charts.append(Chart(name, quantity, {number: line for number, line in paths.items() if line}, text))
    return charts


def path(across: Sequence[float], values: Sequence[float | None], top: float) -> str:
    """Return the path of a line from 0 at the lower edge to `top` at the upper one; it has gaps where values lack."""
    words, pen_is_up = [], True
    for x, value in zip(across, values, strict=True):
        if value is not None:
            words.append(f"{'M' if pen_is_up else 'L'}{x:g},{HEIGHT * (1 - value / top):.1f}")
        pen_is_up = value is None
    return "".join(words)


def summary(footage: MeasuredFootage, methods: Sequence[str]) -> dict[str, list[float | None]]:
    """Return by name of a number one value a method: the mean over the frames, of times the median; None for none."""
    means: dict[str, list[float | None]] = {}
    for name, lines in series(footage, methods).items():
        known = [[value for value in line if value is not None] for line in lines]
        average: Any = np.median if name == "ms" else np.mean
        means[name] = [float(average(line)) if line else None for line in known]
    return means
