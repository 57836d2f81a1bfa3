"""The benchmark's plot: the cost of a frame against its pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from illumigan_model.system.files import write_bytes
from illumigan_ros.measure.benchmark import CLAHE, OURS, PLAIN

LINES = {CLAHE: "tab:blue", OURS: "tab:red", PLAIN: "tab:orange"}


def draw(result: dict[str, Any], plot: Path) -> None:
    """Draw the median cost of a frame against its pixels as a PNG; a thin line is the straight one that fits best."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    sizes = sorted(result["sizes"], key=lambda size: size["megapixels"])
    pixels = np.array([size["megapixels"] for size in sizes])
    costs = {name: np.array([size["contenders"][name]["p50_ms"] for size in sizes]) for name in LINES}
    slope, base = np.polyfit(pixels, costs[OURS], 1)
    figure, axis = pyplot.subplots(figsize=(9.6, 6), layout="constrained")
    axis.plot([0, pixels[-1]], [base, base + slope * pixels[-1]], LINES[OURS], linewidth=0.8)
    for name, cost in costs.items():
        axis.plot(pixels, cost, LINES[name], marker="o", label=name)
    axis.set_xticks(pixels, [size["size"] for size in sizes], rotation=45, ha="right")
    axis.set(xlim=(0, None), ylim=(0, None), ylabel="ms a frame, median")
    axis.set_xlabel(
        f"size of a frame, to scale in pixels; {result['machine']['processor']}, {result['threads']} threads"
    )
    axis.grid(alpha=0.4)
    axis.legend()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100)
    pyplot.close(figure)
    write_bytes(plot, picture.getvalue())
