"""Draws the pictures of docs/concepts.md, and the shipped models side by side (docs/models.jpg).

.venv/bin/python docs/making/pictures.py
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from skimage import data

from illumigan_model import Enhancer
from illumigan_model.frames.curves import GRID_WH, IDENTITY, KNOTS
from illumigan_model.frames.given import as_planes
from illumigan_model.frames.stabilizer import DAY_LUMA, NIGHT_LUMA, night_share
from illumigan_model.frames.thumbnails import Reductions
from illumigan_model.runtimes.select import open_runtime
from illumigan_model.system.files import write_bytes
from illumigan_ros.recordings.sheets import contact_sheet, labelled
from illumigan_training.data.night_camera import Camera, expose, underexpose
from illumigan_training.night_drive.drive import CAMERA, drive_radiance, night_drive

matplotlib.use("agg")
from matplotlib import pyplot

DOCS = Path(__file__).resolve().parents[1]
SIZE = 1280, 720
SMALL = 640, 360
TILES = ((3, 7), (7, 1))  # column and row of the tiles whose curves are drawn: dark road, the sky above a lamp
COLOURS = ("tab:red", "tab:green", "tab:blue")
STILL_FRAMES = 7  # more than the longest memory of denoising over time
NOISE = 3.0  # of the rendered drive's own camera
DETAIL = slice(90, 180), slice(30, 190)
PHOTO = 480, 320
MODELS = ("curve_grid", "curve_grid_detect", "curve_grid_lol", "attention_unet")


def draw_curves() -> bytes:
    """Draw a frame with its tiles, and the tone curves of two of them."""
    frame = next(night_drive(*SIZE))
    reductions = Reductions()
    reductions.begin(frame)
    runtime, _ = open_runtime("curve_grid", "auto", 1)
    answer = runtime.infer(as_planes(reductions.thumbnail()))
    runtime.close()
    figure, (left, *others) = pyplot.subplots(1, 3, figsize=(14, 4.2), layout="constrained", width_ratios=(2.1, 1, 1))
    left.imshow(frame[..., ::-1])
    left.set(title="the frame and its tiles", xticks=[], yticks=[])
    step = SIZE[0] / GRID_WH[0]
    for column in range(1, GRID_WH[0]):
        left.axvline(column * step, color="white", linewidth=0.4)
    for row in range(1, GRID_WH[1]):
        left.axhline(row * step, color="white", linewidth=0.4)
    shades = np.linspace(0, 1, 256)
    knots = np.arange(KNOTS) / (KNOTS - 1)
    for number, (axis, (column, row)) in enumerate(zip(others, TILES, strict=True), 1):
        square = pyplot.Rectangle((column * step, row * step), step, step, fill=False, color="yellow", linewidth=2)
        left.add_patch(square)
        left.text(column * step, row * step - 8, f"tile {number}", color="yellow", fontsize=12)
        for colour, values in zip(COLOURS, answer[:-1, row, column].reshape(3, KNOTS), strict=True):
            axis.plot(shades, np.interp(np.sqrt(shades), knots, values), color=colour)
        unchanged = np.interp(np.sqrt(shades), knots, IDENTITY[:KNOTS, 0, 0])
        axis.plot(shades, unchanged, color="grey", linestyle=":", label="no change")
        axis.set(title=f"tile {number}: a curve for each colour", xlabel="shade before", ylabel="shade after")
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    return png(figure)


def draw_gate() -> bytes:
    """Draw how much of the enhancement a frame gets, by its mean luminance."""
    figure, axis = pyplot.subplots(figsize=(8, 3), layout="constrained")
    luma = np.linspace(0, 1, 501)
    axis.plot(luma, [night_share(value) for value in luma], color="tab:red")
    axis.set_xticks([0, NIGHT_LUMA, DAY_LUMA, 1])
    axis.set(xlim=(0, 1), ylim=(-0.03, 1.05), xlabel="mean luminance of the frame", ylabel="share of the enhancement")
    axis.text(NIGHT_LUMA / 2, 0.5, "night: enhanced", ha="center")
    axis.text((DAY_LUMA + 1) / 2, 0.5, "day: passed on as it came", ha="center")
    axis.grid(alpha=0.3)
    return png(figure)


def draw_denoising() -> bytes:
    """Show a detail of a street in which only the noise moves: curves alone, denoised in space, and over time."""
    night, _ = next(drive_radiance(*SMALL))
    noisy = replace(CAMERA, shot=CAMERA.shot * NOISE**2, read=CAMERA.read * NOISE)
    chance = np.random.default_rng(0)
    frames = [expose(night, noisy, chance) for _ in range(STILL_FRAMES)]
    cells = [labelled(detail(frames[-1]), "input")]
    for text, denoise, over_time in (("curves alone", 0, 0), ("denoised in space", 1, 0), ("in space and time", 1, 1)):
        with Enhancer(denoise=denoise, denoise_over_time=over_time) as enhancer:
            for number, frame in enumerate(frames):
                last = enhancer.enhance(frame, stamp=number / 30).image
        cells.append(labelled(detail(last), text))
    sheet = np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])
    return cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def detail(picture: np.ndarray) -> np.ndarray:
    """Return the part of a frame that is shown, larger, its pixels as they are."""
    return cv2.resize(picture[DETAIL], None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)


def draw_models() -> bytes:
    """Show two photos that the camera model puts into too little light, and a night drive, through shipped models."""
    frames = {}
    for name, photo in (("astronaut", data.astronaut()), ("coffee", data.coffee())):
        view = cv2.resize(photo[: photo.shape[1] * 2 // 3, :, ::-1], PHOTO, interpolation=cv2.INTER_AREA)
        chance = np.random.default_rng(1)
        camera = Camera.sample(chance)
        frames[name] = expose(underexpose(view, camera, chance).radiance, camera, chance)
    frames["night drive"] = next(night_drive(*SMALL))
    columns: list[list[np.ndarray]] = [list(frames.values())]
    for model in MODELS:
        with Enhancer(model, "torch", daylight_gate=False, temporal=False) as enhancer:
            columns.append([enhancer.enhance(frame).image for frame in frames.values()])
    rows = list(zip(frames, zip(*columns, strict=True), strict=True))
    sheet = contact_sheet(rows, ["input", *MODELS], PHOTO[0])
    return cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def png(figure: Any) -> bytes:
    """Return a figure as a file."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=90)
    pyplot.close(figure)
    return picture.getvalue()


if __name__ == "__main__":
    write_bytes(DOCS / "concept_curves.png", draw_curves())
    write_bytes(DOCS / "concept_gate.png", draw_gate())
    write_bytes(DOCS / "concept_denoising.jpg", draw_denoising())
    write_bytes(DOCS / "models.jpg", draw_models())
