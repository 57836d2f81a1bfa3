"""The comparison of detections as files for people: a table (Markdown and CSV), sheets of the frames that changed.

Plates are personal data: every annotated one is blurred beyond reading, and the sheets are too small to read others.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from illumigan_model.photos import read_photo
from illumigan_training.evaluation.detection import (
    BANDS,
    CLASSES,
    RAW,
    VEHICLES,
    Comparison,
    Interval,
    Observation,
    Row,
)
from illumigan_training.evaluation.detector import THRESHOLD

HEADER = ("band (frames, plates)", "method", "plates found, %", "points above raw", *CLASSES)
CELL_WIDTH, CAPTION_HEIGHT, TITLE_HEIGHT, MOST_ROWS = 480, 18, 30, 60
Colour = tuple[int, int, int]
GREEN, BLUE, YELLOW, WHITE, BLACK = (80, 220, 0), (255, 140, 0), (0, 220, 255), (255, 255, 255), (0, 0, 0)
MARGIN = 0.25  # of a plate's size, around it


def cells(row: Row) -> list[str]:
    """Return a row of the table as text, under `HEADER`."""
    band = f"{row.band} ({row.frames}, {row.plates})" if row.method == RAW else ""
    share = f"{100 * row.share.value:.1f} [{100 * row.share.low:.1f}, {100 * row.share.high:.1f}]"
    gain = f"{100 * row.gain.value:+.1f} [{100 * row.gain.low:+.1f}, {100 * row.gain.high:+.1f}]" if row.gain else ""
    seen = [f"{row.boxes[name]:.2f} x {row.scores[name]:.2f}" if row.boxes[name] else "none" for name in CLASSES]
    return [band, row.method, share, gain, *seen]


def legend(comparison: Comparison) -> list[str]:
    """Return sentences that say what the table means."""
    dark, mid = BANDS["dark"][1], BANDS["mid"][1]
    return [
        f"plates found: their centre lies in a box of a car, bus or truck to which {comparison.detector} gives a score "
        f"of {THRESHOLD:g} or more.",
        f"bands: mean luminance below {dark:g} is dark, below {mid:g} mid, else bright.",
        "in brackets: 95 % intervals, frames resampled; points above raw: on the same frames.",
        "classes: boxes per frame x mean score.",
    ]


def markdown(comparison: Comparison) -> str:
    """Return the table with its legend as Markdown."""
    rule = ["---", "---", *["---:"] * (len(HEADER) - 2)]
    lines = [f"| {' | '.join(line)} |" for line in (HEADER, rule, *map(cells, comparison.rows))]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in legend(comparison)), ""])


def as_csv(rows: Sequence[Row]) -> str:
    """Return the table as CSV: a line for each band and method; what there is none of stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    numbers = ("share", "share_low", "share_high", "gain", "gain_low", "gain_high")
    of_classes = [f"{name}_{what}" for name in CLASSES for what in ("boxes", "score")]
    writer.writerow(["band", "frames", "plates", "method", *numbers, *of_classes])
    for row in rows:
        numbers_of_row = [*in_order(row.share), *in_order(row.gain)]
        for name in CLASSES:
            numbers_of_row += [row.boxes[name], row.scores[name]]
        written = ["" if math.isnan(number) else f"{number:.5f}" for number in numbers_of_row]
        writer.writerow([row.band, row.frames, row.plates, row.method, *written])
    return text.getvalue()


def in_order(interval: Interval | None) -> tuple[float, float, float]:
    """Return value, low and high, NaN where there is no interval."""
    return (interval.value, interval.low, interval.high) if interval else (math.nan,) * 3


def report_files(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file: table.md, table.csv, and by method gained_METHOD.jpg and lost_METHOD.jpg."""
    yield "table.md", markdown(comparison).encode()
    yield "table.csv", as_csv(comparison.rows).encode()
    for method in comparison.methods:
        if method != RAW:
            name = re.sub(r"[^\w.-]+", "_", method).strip("_")
            yield f"gained_{name}.jpg", verdict_sheet(comparison, method, RAW, method)
            yield f"lost_{name}.jpg", verdict_sheet(comparison, method, method, RAW)


def verdict_sheet(comparison: Comparison, method: str, loser: str, finder: str) -> bytes:
    """Return a JPEG of the frames, darkest first, with a plate that one finds and the other does not: raw | method.

    Plates are green where they are found and blue where not, vehicles yellow with their score.
    """
    changed = [each for each in comparison.observations if (each.found[finder] & ~each.found[loser]).any()]
    changed.sort(key=lambda observation: observation.luma)
    shown = changed[:MOST_ROWS]
    which = f" (the darkest {len(shown)} shown)" if len(shown) < len(changed) else ""
    title = np.full((TITLE_HEIGHT, 2 * CELL_WIDTH, 3), 255, np.uint8)
    text = f"Frames with a plate that {loser} misses and {finder} finds: {len(changed)}{which}"
    rows = [write(title, text, (8, 20), 0.5, BLACK)]
    for observation in shown:
        bgr = read_photo(observation.frame.path)
        left = draw(bgr, observation, RAW, f"raw   {observation.frame.path.name}   luma {observation.luma:.2f}")
        right = draw(comparison.methods[method](bgr), observation, method, method)
        rows.append(np.hstack([left, right]))
    return cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def draw(bgr: np.ndarray, observation: Observation, method: str, caption: str) -> np.ndarray:
    """Return a frame at the sheet's width under its caption, its plates blurred, plates and vehicles framed."""
    scale = CELL_WIDTH / bgr.shape[1]
    size = (CELL_WIDTH, max(1, round(bgr.shape[0] * scale)))
    picture = cv2.resize(hide(bgr, observation.frame.plates), size, interpolation=cv2.INTER_AREA)
    vehicles = observation.seen[method].of(*VEHICLES)
    for box, score in zip(vehicles.boxes * scale, vehicles.scores, strict=True):
        left, top, right, bottom = box.round().astype(int).tolist()
        cv2.rectangle(picture, (left, top), (right, bottom), YELLOW, 1)
        write(picture, f"{score:.2f}", (left + 2, bottom - 3), 0.35, YELLOW)
    for plate, is_found in zip(observation.frame.plates, observation.found[method], strict=True):
        left, top, right, bottom = (plate * (*size, *size)).round().astype(int).tolist()
        cv2.rectangle(picture, (left - 2, top - 2), (right + 2, bottom + 2), GREEN if is_found else BLUE, 2)
    band = np.zeros((CAPTION_HEIGHT, CELL_WIDTH, 3), np.uint8)
    return np.vstack([write(band, caption, (4, 13), 0.4, WHITE), picture])


def write(picture: np.ndarray, text: str, origin: tuple[int, int], size: float, colour: Colour) -> np.ndarray:
    """Write a line of text into a picture and return it; `origin` is the lower left corner in pixels."""
    return cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def hide(bgr: np.ndarray, plates: np.ndarray) -> np.ndarray:
    """Return a copy of a frame (uint8 H x W x 3) in which of each plate (N x 4, shares) only three shades are left."""
    picture = bgr.copy()
    height, width = picture.shape[:2]
    for left, top, right, bottom in plates:
        wide, high = MARGIN * (right - left), MARGIN * (bottom - top)
        columns = slice(int(max(0, left - wide) * width), math.ceil(min(1, right + wide) * width))
        rows = slice(int(max(0, top - high) * height), math.ceil(min(1, bottom + high) * height))
        plate = picture[rows, columns]
        shades = cv2.resize(plate, (3, 1), interpolation=cv2.INTER_AREA)
        picture[rows, columns] = cv2.resize(shades, (plate.shape[1], plate.shape[0]), interpolation=cv2.INTER_LINEAR)
    return picture
