"""An evaluation as tables for people (Markdown) and programs (CSV): a row for each method, means over all photos."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

import numpy as np

from illumigan_training.evaluation.images import TRUTH, Evaluation

MEAN = "mean"


class Metric(NamedTuple):
    """How a number of `Score.values` is shown: head of its column, digits, what the legend says of it."""

    head: str
    digits: int
    legend: str


METRICS = {
    "psnr": Metric("PSNR dB", 2, "PSNR, SSIM: scikit-image's to the truth, 8-bit RGB, 7 x 7 window, no alignment."),
    "ssim": Metric("SSIM", 3, ""),
    "psnr_gt_mean": Metric("PSNR-GT-mean dB", 2, "GT-mean: with the result scaled to the truth's mean luminance."),
    "ssim_gt_mean": Metric("SSIM-GT-mean", 3, ""),
    "niqe": Metric("NIQE", 2, "NIQE: without a reference, lower is better, photos from 192 x 192 on."),
    "vgg": Metric("VGG", 3, "VGG: distance to the truth, or else to the input, in instance-normalised relu5_1."),
    "luma_out": Metric("luma", 3, "luma: mean luminance, 0 to 1."),
    "change": Metric("change dB", 2, "change: PSNR of the result to its own input, over the photos that changed."),
    "unchanged": Metric("unchanged", 2, "unchanged: share of the photos that came out as they went in."),
    "ms": Metric("ms", 1, "ms: median time of a photo."),
}
"""The columns of the table by the name of their number, in their order."""


def means(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Return the numbers of each method over all photos: means; "ms": median; "change": of the photos that changed."""
    values: dict[str, dict[str, list[float]]] = {}
    for score in evaluation.scores:
        for name, value in score.values.items():
            values.setdefault(score.method, {}).setdefault(name, []).append(value)
    return {method: {name: summarise(name, column) for name, column in of.items()} for method, of in values.items()}


def summarise(name: str, column: list[float]) -> float:
    """Return what stands for a column of numbers."""
    if name == "ms":
        return float(np.median(column))
    if name == "change":
        column = [value for value in column if np.isfinite(value)] or column
    return float(np.mean(column))


def table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table as text; what was not measured stays empty.

    Settings in which compared runs differ stand between the method and its numbers.
    """
    numbers, columns = means(evaluation), shown(evaluation)
    settings = {contender.name: contender.settings for contender in evaluation.contenders}
    names = setting_names(evaluation)
    rows = []
    for method, values in numbers.items():
        chosen = [settings.get(method, {}).get(name, "") for name in names]
        cells = [f"{values[name]:.{METRICS[name].digits}f}" if name in values else "" for name in columns]
        rows.append([method, *chosen, *cells])
    return ["method", *names, *(METRICS[name].head for name in columns)], rows


def shown(evaluation: Evaluation) -> list[str]:
    """Return the names of the numbers that have a column: those measured, "unchanged" where anything is."""
    there = {name for score in evaluation.scores for name in score.values}
    if not any(score.values.get("unchanged") for score in evaluation.scores):
        there.discard("unchanged")
    return [name for name in METRICS if name in there]


def setting_names(evaluation: Evaluation) -> list[str]:
    """Return the names of the settings in which compared runs differ."""
    return list(dict.fromkeys(name for contender in evaluation.contenders for name in contender.settings))


def legend(evaluation: Evaluation) -> list[str]:
    """Return sentences that say what was measured, and how."""
    by_area = sorted(set(evaluation.sizes), key=lambda size: size[0] * size[1])
    sizes = " to ".join(f"{width} x {height}" for width, height in dict.fromkeys((by_area[0], by_area[-1])))
    is_paired = any(score.method == TRUTH for score in evaluation.scores)
    counted = f"{'Pairs' if is_paired else 'Photos'}: {len(evaluation.sizes)}, of {sizes} pixels"
    missing = f"; {len(evaluation.left_out)} more were left out" if evaluation.left_out else ""
    ran = "; ".join(f"{model.name} on {model.runtime}" for model in evaluation.models)
    sentences = [METRICS[name].legend for name in shown(evaluation)]
    return [f"{counted}{missing}.", *filter(None, sentences), *([f"Runtimes: {ran}."] if ran else [])]


def markdown(evaluation: Evaluation) -> str:
    """Return the table with its legend as Markdown."""
    head, rows = table(evaluation)
    rule = ["---", *("---" for _ in setting_names(evaluation)), *("---:" for _ in shown(evaluation))]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in (head, rule, *rows)]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in legend(evaluation)), ""])


def as_csv(evaluation: Evaluation) -> str:
    """Return a row for each method and photo, then one for each method with the means, under the names of METRICS.

    What was not measured stays empty; the change of a photo that did not change is inf.
    """
    text = io.StringIO()
    names = setting_names(evaluation)
    settings = {contender.name: contender.settings for contender in evaluation.contenders}
    columns = ["luma_in", *METRICS]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "photo", *names, *columns])
    lines = [(score.method, score.photo, score.values) for score in evaluation.scores]
    lines += [(method, MEAN, values) for method, values in means(evaluation).items()]
    for method, photo, values in lines:
        chosen = [settings.get(method, {}).get(name, "") for name in names]
        cells = [f"{values[name]:.5f}" if name in values else "" for name in columns]
        writer.writerow([method, photo, *chosen, *cells])
    return text.getvalue()
