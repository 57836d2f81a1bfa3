"""The plot of `illumigan benchmark --node`: how old frames are when they reach the listener."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from illumigan_model.system.files import write_bytes

BINS = 60


def draw(result: dict[str, Any], plot: Path) -> None:
    """Draw a histogram of the ages for each scenario that has a listener, all to the same scale, as a PNG."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    scenarios = [found for found in result["scenarios"] if found["ages_ms"]]
    oldest = max(found["age_max_ms"] for found in scenarios)
    figure, axes = pyplot.subplots(
        len(scenarios), 1, sharex=True, squeeze=False, figsize=(9.6, 1 + 1.5 * len(scenarios)), layout="constrained"
    )
    for axis, found in zip(axes[:, 0], scenarios, strict=True):
        axis.hist(found["ages_ms"], np.linspace(0, oldest, BINS), color="tab:red")
        for name, style in (("age_p50_ms", "-"), ("age_p95_ms", "--")):
            axis.axvline(found[name], color="black", linestyle=style, linewidth=0.8)
        axis.set_ylabel("frames")
        axis.set_title(
            f"{found['scenario']}: {found['rate']:.1f} frames/s, p50 {found['age_p50_ms']:.1f} ms, "
            f"p95 {found['age_p95_ms']:.1f} ms",
            loc="left",
            fontsize="medium",
        )
    where = f"{result['machine']['processor']}, {result['date'][:10]}"
    axes[-1, 0].set_xlabel(f"ms from the stamp to the listener; {where}")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100)
    pyplot.close(figure)
    write_bytes(plot, picture.getvalue())
