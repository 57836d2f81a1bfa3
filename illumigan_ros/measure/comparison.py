"""docs/comparison.md, by `make comparison`: methods side by side on pictures that this repository may use.

Quality is measured on photographs that scikit-image ships, put into night by the camera model; detection and flicker on
the rendered drive; speed on its frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.detectors.detector import Detector
from illumigan_model.system.files import require_writable, write_bytes
from illumigan_model.system.machine import cores, processor_name
from illumigan_model.weights import find_detector
from illumigan_ros.compare import truth
from illumigan_ros.compare.charts import summary
from illumigan_ros.compare.comparison import Progress
from illumigan_ros.compare.drive import DriveSource
from illumigan_ros.compare.measuring import measure
from illumigan_ros.compare.methods import Function, Method, Model, open_methods
from illumigan_ros.compare.sources import SourceFrame, choose_measured
from illumigan_ros.measure.baselines import zero_dce
from illumigan_ros.measure.from_papers import lime_style, zero_dce_style
from illumigan_ros.measure.turns import take_turns
from illumigan_training.data.night_camera import as_night
from illumigan_training.evaluation import metrics
from illumigan_training.evaluation.detection_scores import Row, summarise
from illumigan_training.evaluation.intervals import Interval, draws, interval

PHOTOS, NIGHTS, PHOTO_WIDTH = ("astronaut", "chelsea", "coffee", "rocket"), 3, 384
SPEED_SIZE = (1280, 720)
QUALITY = {"psnr": 2, "ssim": 3, "psnr_gt_mean": 2, "niqe": 2}
"""Numbers of `metrics.measure` that are shown, and their digits."""
LIME, ZERO_DCE = "LIME-style", "Zero-DCE-style"
ON_LOL = {LIME: "12.9 / .51", ZERO_DCE: "15.36 / .568 (Zero-DCE++)"}
"""Method -> PSNR and SSIM on LOL v1's 15 test pairs, not aligned to the truth's mean: measured once beside each other,
with scikit-image, on what the authors released; of LIME with a guided filter in place of its solver."""
ENLIGHTENGAN = "EnlightenGAN's released pictures have 18.13 / .678 there"


@dataclass
class Compared:
    """What was measured of one method; intervals are over pictures or frames."""

    quality: dict[str, Interval] = field(default_factory=dict)
    flicker: float | None = None
    detection: Row | None = None
    ms: float | None = None


def measure_quality(methods: Sequence[Method], advance: Callable[[], None]) -> dict[str, dict[str, Interval]]:
    """Return PSNR, SSIM and NIQE of each method on photographs at night, by name of method and number."""
    from skimage import data

    values: dict[str, dict[str, list[float]]] = {method.name: {} for method in methods}
    for photo in PHOTOS:
        day = cv2.cvtColor(getattr(data, photo)(), cv2.COLOR_RGB2BGR)
        size = (PHOTO_WIDTH, round(day.shape[0] * PHOTO_WIDTH / day.shape[1]))
        day = np.asarray(cv2.resize(day, size, interpolation=cv2.INTER_AREA))
        for seed in range(NIGHTS):
            night = as_night(day, seed, photo)
            for method in methods:
                method.begin(is_still=True)
                made, _ = method.apply(SourceFrame(0, photo, 0.0, night, measured=True, follows=False))
                for name, value in metrics.measure(night, made, day).items():
                    if name in QUALITY:
                        values[method.name].setdefault(name, []).append(value)
            advance()
    times = draws(len(PHOTOS) * NIGHTS)
    return {
        method: {name: interval(float(np.mean(of)), times @ np.array(of) / len(of)) for name, of in numbers.items()}
        for method, numbers in values.items()
    }


def measure_speed(methods: Sequence[Method], seconds: float) -> dict[str, float]:
    """Return the median milliseconds of each method on frames of the drive; that of Zero-DCE++'s network by itself."""
    drive = DriveSource(SPEED_SIZE, seconds=0.2)
    frames = list(drive.frames(range(drive.count)))
    for method in methods:
        method.begin(is_still=False)
    at_work = {method.name: method.apply for method in methods[1:] if method.name != ZERO_DCE}
    taken = take_turns(at_work, frames, seconds)
    network = zero_dce(cores())
    if network is not None:
        taken |= take_turns({ZERO_DCE: network}, [frame.bgr for frame in frames], seconds / 3)
    return {name: float(np.median(of)) for name, of in taken.items()}


def measure_drive(
    methods: Sequence[Method], frames: int, advance: Callable[[], None]
) -> tuple[dict[str, float | None], dict[str, Row]]:
    """Return by method the mean flicker, and what the detector finds of the drive's vehicles."""
    drive, detector = DriveSource(), Detector(find_detector("yolox_nano"))
    chosen = choose_measured(range(drive.count), frames)
    measured = measure(drive, chosen, methods, detector, width=64, lowest=0.01, advance=advance)
    names = [method.name for method in methods]
    observations = truth.observe(drive, measured, drive.truth, detector)
    rows = summarise(truth.watched_of(observations, drive.truth, detector, names))
    found = {row.method: row for row in rows if row.group == "all"}
    return dict(zip(names, summary(measured, names)["flicker"], strict=True)), found


def table(compared: Mapping[str, Compared]) -> list[str]:
    """Return the table as lines of Markdown."""
    titles = ["method", "PSNR, dB", "SSIM", "PSNR, GT-mean", "NIQE", "AP50, %", "above raw", "false boxes a frame"]
    titles += ["flicker, %", "ms at 720p", "LOL eval15: PSNR / SSIM"]
    lines = ["| " + " | ".join(titles) + " |", "|---" + "|---:" * (len(titles) - 2) + "|---|"]
    for name, of in compared.items():
        row = of.detection
        cells = [name, *(shown(of.quality.get(key), digits) for key, digits in QUALITY.items())]
        cells += [shown(row.score if row else None, 1, 100), shown(row.gain if row else None, 1, 100, "+")]
        cells += [f"{row.more['false boxes a frame']:.2f}" if row else ""]
        cells += ["" if value is None else f"{value:.1f}" for value in (of.flicker, of.ms)]
        lines.append("| " + " | ".join([*cells, ON_LOL.get(name, "")]) + " |")
    return lines


def shown(value: Interval | None, digits: int, scale: float = 1, sign: str = "") -> str:
    """Return a number with its interval; a difference inside its interval is called equal."""
    if value is None:
        return ""
    number, low, high = (f"{scale * each:{sign}.{digits}f}" for each in (value.value, value.low, value.high))
    return f"{number} [{low}, {high}]{' equal' if sign and not value.decided else ''}"


def document(compared: Mapping[str, Compared], models: Sequence[Method], frames: int, load: float) -> str:
    """Return the document; `load` is how many processes wanted to run while the speed was measured."""
    photos = ", ".join(PHOTOS)
    return "\n".join(
        [
            "# Side by side",
            "",
            f"`make comparison`, {date.today().isoformat()}, {processor_name()}, {cores()} cores; all in one run.",
            "",
            *table(compared),
            "",
            f"- PSNR, SSIM, NIQE: scikit-image's photographs {photos}, {PHOTO_WIDTH} wide, each put into {NIGHTS} "
            "nights by the camera model (`training/data/night_camera.py`); the photograph is the truth. Our weights "
            "were trained on other photographs in nights of the same model, so this favours them. GT-mean: scaled to "
            "the truth's mean luminance.",
            f"- AP50, false boxes, flicker: {frames} frames of the rendered drive (640 x 360), whose cars are known; "
            "YOLOX-nano. Flicker: mean change of the brightness of 16 x 9 places between two frames, of which most is "
            "the drive's own motion: that of raw.",
            f"- ms at 720p: median, from uint8 to uint8. That of {ZERO_DCE} is the network of Zero-DCE++, with random "
            "weights, on which time does not depend. "
            f"While it was measured, {load:.1f} processes a core wanted to run: the more, the longer all of them take.",
            f"- {LIME}: a guided filter stands for the paper's solver. {ZERO_DCE}: the paper's curves and losses, "
            "fitted to each picture on its own, as the weights of its authors may not be used commercially.",
            "- In brackets: 95 % intervals, pictures or frames resampled; equal: 0 is inside. Frames of one drive "
            "resemble each other, so the truth is less certain still.",
            "- LOL eval15: what the authors released, on LOL v1's 15 test pairs, without alignment, measured once and "
            f"not in this run; not to be compared with the columns before. {ENLIGHTENGAN}. Ours are on the "
            "model cards.",
            *(f"- {model.name}: {model.how}." for model in models),
            "",
        ]
    )


def write_comparison(out: Path, frames: int, seconds: float, progress: Progress) -> None:
    """Measure everything and write the document.

    Args:
        out: the file.
        frames: of the drive.
        seconds: for measuring the speed.
        progress: shows how the work comes along.

    Raises:
        FrameError: the file cannot be written.
    """
    require_writable(out)
    with open_methods(["curve_grid", "curve_grid_detect"]) as opened:
        models = [method for method in opened if isinstance(method, Model)]
        papers = [Function(LIME, lime_style), Function(ZERO_DCE, zero_dce_style)]
        methods = [*opened[: -len(models)], *papers, *models]
        with progress("photographs at night", len(PHOTOS) * NIGHTS) as advance:
            quality = measure_quality(methods, advance)
        with progress("rendered drive", frames) as advance:
            flicker, found = measure_drive(methods, frames, advance)
        speed = measure_speed(methods, seconds)
        load = os.getloadavg()[0] / cores()
    compared = {
        name: Compared(quality[name], flicker[name], found.get(name), speed.get(name))
        for name in (method.name for method in methods)
    }
    write_bytes(out, document(compared, models, frames, load).encode())
