"""An evaluation of a video as tables for people (Markdown) and programs (CSV), and drawn over time."""

from __future__ import annotations

import csv
import io

import matplotlib
import numpy as np

from illumigan_training.evaluation.images import INPUT
from illumigan_training.evaluation.report import Metric
from illumigan_training.evaluation.videos import NOT_DENOISED, OF_ONE_FRAME, VideoEvaluation

METRICS = {
    "psnr": Metric(
        "PSNR dB", 2, "PSNR, SSIM: to what the method, itself not denoising, makes of the frame without noise."
    ),
    "ssim": Metric("SSIM", 3, ""),
    "warped_error": Metric(
        "warped error", 2, "warped error: to the frame before, moved by optical flow (Lai et al. 2018), RMS in levels."
    ),
    "flicker": Metric(
        "flicker %",
        2,
        "flicker: change of the brightness of 16 x 9 places from frame to frame; motion counts, too.",
    ),
    "noise_gain": Metric("noise gain", 2, "noise gain: noise in the result's darker half over that in the input's."),
    "blocks": Metric("blocks", 2, "blocks: steps at edges of 8 x 8 blocks over other steps, where the input is dark."),
    "luma": Metric("luma", 3, "luma: mean luminance, 0 to 1."),
    "ms": Metric("ms", 1, "ms: median time of a frame."),
}
"""The columns of the table by the name of their number, in their order."""

NOT_OF_INPUT = ("ms", "noise_gain")
DRAWN = ("luma", "warped_error", "ssim", "noise_gain", "ms")


def summarise(name: str, column: list[float]) -> float:
    """Return what stands for a measure's values: the mean of those there are, for "ms" the median; NaN if none are."""
    there = np.array(column)[np.isfinite(column)]
    if not len(there):
        return float("nan")
    return float(np.median(there) if name == "ms" else there.mean())


def means(evaluation: VideoEvaluation) -> dict[str, dict[str, float]]:
    """Return the numbers of each method over all frames; what the input cannot have is left out."""
    answer = {}
    for method, values in evaluation.values.items():
        numbers = {name: summarise(name, values[name]) for name in METRICS if name in values}
        if method == INPUT:
            numbers = {name: number for name, number in numbers.items() if name not in NOT_OF_INPUT}
        answer[method] = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return answer


def table(evaluation: VideoEvaluation) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table as text; what was not measured stays empty."""
    numbers = means(evaluation)
    columns = [name for name in METRICS if any(name in values for values in numbers.values())]
    rows = []
    for method, values in numbers.items():
        rows.append(
            [method, *(f"{values[name]:.{METRICS[name].digits}f}" if name in values else "" for name in columns)]
        )
    return ["method", *(METRICS[name].head for name in columns)], rows


def legend(evaluation: VideoEvaluation) -> list[str]:
    """Return sentences that say what was measured, and how."""
    heads = set(table(evaluation)[0])
    sizes = ", ".join(f"{width} x {height}" for width, height in dict.fromkeys(evaluation.sizes))
    models = [
        one for one in evaluation.contenders if one.runtime and not one.name.endswith((OF_ONE_FRAME, NOT_DENOISED))
    ]
    ran = "; ".join(f"{model.name} on {model.runtime}" for model in models)
    sentences = [metric.legend for metric in METRICS.values() if metric.head in heads and metric.legend]
    return [
        f"One clip of {len(evaluation.stamps)} frames, of {sizes} pixels: no interval can be given.",
        *sentences,
        *([f"Runtimes: {ran}."] if ran else []),
    ]


def markdown(evaluation: VideoEvaluation) -> str:
    """Return the table with its legend as Markdown."""
    head, rows = table(evaluation)
    rule = ["---", *("---:" for _ in head[1:])]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in (head, rule, *rows)]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in legend(evaluation)), ""])


def as_csv(evaluation: VideoEvaluation) -> str:
    """Return a row for each method and frame, under the names of METRICS; what was not measured stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "frame", "stamp", *METRICS])
    for method, values in evaluation.values.items():
        for number, stamp in enumerate(evaluation.stamps):
            cells = [values[name][number] if name in values else float("nan") for name in METRICS]
            writer.writerow(
                [method, number, f"{stamp:.6f}", *(f"{one:.5f}" if np.isfinite(one) else "" for one in cells)]
            )
    return text.getvalue()


def plot(evaluation: VideoEvaluation) -> bytes:
    """Return a PNG with the measures over time, a line for each method."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    drawn = [
        name for name in DRAWN if any(np.isfinite(of.get(name, [np.nan])).any() for of in evaluation.values.values())
    ]
    figure, axes = pyplot.subplots(len(drawn), 1, figsize=(9.6, 2.2 * len(drawn)), sharex=True, layout="constrained")
    times = np.array(evaluation.stamps) - evaluation.stamps[0]
    for axis, name in zip(np.atleast_1d(axes), drawn, strict=True):
        lines = {method: np.array(of[name]) for method, of in evaluation.values.items() if name in of}
        if name in NOT_OF_INPUT:
            del lines[INPUT]
        for method, line in lines.items():
            axis.plot(times, line, f"C{list(evaluation.values).index(method)}", label=method, linewidth=1)
        axis.set(ylabel=METRICS[name].head, xlim=(times.min(), max(times.max(), times.min() + 1e-3)))
        if name != "ssim":
            highest = np.nanpercentile(np.stack(list(lines.values())), 98)  # a first call may take much longer
            axis.set_ylim(0, 1.1 * highest if highest > 0 else 1)
        axis.grid(alpha=0.4)
    np.atleast_1d(axes)[0].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    np.atleast_1d(axes)[-1].set_xlabel("seconds")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100)
    pyplot.close(figure)
    return picture.getvalue()
