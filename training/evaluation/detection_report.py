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

from illumigan_model.detectors.detector import THRESHOLD
from illumigan_model.photos import read_photo
from illumigan_training.data.night_camera import as_night
from illumigan_training.evaluation.detection import BANDS, RAW, Observation, Watched
from illumigan_training.evaluation.detection_scores import CLAHE, MEAN, PLATE_WIDTHS, Row
from illumigan_training.evaluation.intervals import Interval
from illumigan_training.evaluation.truth import VEHICLES

CELL_WIDTH, CAPTION_HEIGHT, TITLE_HEIGHT, MOST_ROWS = 480, 18, 30, 60
Colour = tuple[int, int, int]
GREEN, BLUE, YELLOW, WHITE, BLACK = (80, 220, 0), (255, 140, 0), (0, 220, 255), (255, 255, 255), (0, 0, 0)
MARGIN = 0.25  # of a plate's size, around it


def header(watched: Watched, rows: Sequence[Row]) -> list[str]:
    """Return the titles of the table's columns."""
    score, things = ("plates found, %", "plates") if watched.plates else ("AP50, %", "vehicles")
    return ["detector", f"group (frames, {things})", "method", score, "above raw", f"above {CLAHE}", *rows[0].more]


def cells(row: Row, first: bool) -> list[str]:
    """Return a row of the table as text; only the first of a group names detector and group."""
    place = [row.detector, f"{row.group} ({row.frames}, {row.boxes})"] if first else ["", ""]
    numbers = [in_percent(row.score), in_percent(row.gain, "+"), in_percent(row.above_clahe, "+")]
    shares = ("AP50:95", "found")
    more = [f"{100 * value:.1f}" if title in shares else f"{value:.2f}" for title, value in row.more.items()]
    return [*place, row.method, *numbers, *more]


def in_percent(interval: Interval | None, sign: str = "") -> str:
    """Return a number with its interval in points; a difference inside its interval is called equal."""
    if interval is None:
        return ""
    value, low, high = (f"{100 * number:{sign}.1f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]{' equal' if sign and not interval.decided else ''}"


def legend(watched: Watched) -> list[str]:
    """Return sentences that say what the table means."""
    dark, mid = BANDS["dark"][1], BANDS["mid"][1]
    layouts = ", ".join(f"{name} as {layout}" for name, layout in watched.detectors.items())
    sentences = [f"detectors: {layouts}."]
    if watched.plates:
        sentences.append(
            f"plates found: their centre lies in a box of {', '.join(VEHICLES)} with a score of {THRESHOLD:g} or more; "
            f"far: plates narrower than {100 * PLATE_WIDTHS['far'][1]:g} % of the picture, near: the others."
        )
    else:
        sentences.append(
            f"AP50, AP50:95: average precision of {', '.join(VEHICLES)} as one class; found, false boxes: with a score "
            f"of {THRESHOLD:g} or more and half of the area shared; small, medium, large: as COCO has them."
        )
    if any(each.frame.boxes is None for each in watched.observations):
        sentences.append("nothing is annotated: what a detector is sure of in the pictures by day is taken for true.")
    if watched.blind:
        sentences.append(f"not in the table, as sure of nothing in the pictures: {', '.join(watched.blind)}.")
    if watched.night is not None:
        sentences.append(f"each picture is put into a night of the camera model, seed {watched.night}.")
    if watched.views > 1:
        sentences.append(f"each frame counts in {watched.views} views: as it is, mirrored, or moved by a border.")
    if len(watched.detectors) > 1:
        sentences.append(f"{MEAN}: mean of their scores, on the same draws of frames.")
    return [
        *sentences,
        f"bands: mean luminance below {dark:g} is dark, below {mid:g} mid, else bright.",
        "in brackets: 95 % intervals, frames resampled; above: on the same frames; equal: 0 is inside the interval.",
    ]


def markdown(watched: Watched, rows: Sequence[Row]) -> str:
    """Return the table with its legend as Markdown."""
    titles = header(watched, rows)
    rule = ["---", "---", "---", *["---:"] * (len(titles) - 3)]
    lines = [f"| {' | '.join(line)} |" for line in (titles, rule, *(cells(*pair) for pair in with_first(rows)))]
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in legend(watched)), ""])


def with_first(rows: Sequence[Row]) -> Iterator[tuple[Row, bool]]:
    """Yield each row and whether it is the first of its group: that of raw."""
    for row in rows:
        yield row, row.method == RAW


def as_csv(rows: Sequence[Row]) -> str:
    """Return the table as CSV: a line for each detector, group and method; what there is none of stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    numbers = [f"{name}{end}" for name in ("score", "gain", "above_clahe") for end in ("", "_low", "_high")]
    more = list(rows[0].more)
    writer.writerow(["detector", "group", "frames", "boxes", "method", *numbers, *more])
    for row in rows:
        values = [number for each in (row.score, row.gain, row.above_clahe) for number in in_order(each)]
        values += [row.more[title] for title in more]
        written = ["" if math.isnan(number) else f"{number:.5f}" for number in values]
        writer.writerow([row.detector, row.group, row.frames, row.boxes, row.method, *written])
    return text.getvalue()


def in_order(interval: Interval | None) -> tuple[float, float, float]:
    """Return value, low and high, NaN where there is no interval."""
    return (interval.value, interval.low, interval.high) if interval else (math.nan,) * 3


def report_files(watched: Watched, rows: Sequence[Row]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file: table.md, table.csv, and sheets of what the first detector gains and loses.

    The sheets are gained_METHOD.jpg and lost_METHOD.jpg for each method.
    """
    yield "table.md", markdown(watched, rows).encode()
    yield "table.csv", as_csv(rows).encode()
    for method in watched.methods:
        if method != RAW:
            name = re.sub(r"[^\w.-]+", "_", method).strip("_")
            yield f"gained_{name}.jpg", verdict_sheet(watched, method, RAW, method)
            yield f"lost_{name}.jpg", verdict_sheet(watched, method, method, RAW)


def verdict_sheet(watched: Watched, method: str, loser: str, finder: str) -> bytes:
    """Return a JPEG of the frames, darkest first, with a box that one finds and the other does not: raw | method.

    Annotated boxes are green where they are found and blue where not, vehicles yellow with their score.
    """
    detector = next(iter(watched.detectors))
    changed = [each for each in watched.frames if (each.found(detector, finder) & ~each.found(detector, loser)).any()]
    changed.sort(key=lambda observation: observation.luma)
    shown = changed[:MOST_ROWS]
    which = f" (the darkest {len(shown)} shown)" if len(shown) < len(changed) else ""
    title = np.full((TITLE_HEIGHT, 2 * CELL_WIDTH, 3), 255, np.uint8)
    text = f"Frames with a box that {loser} misses and {finder} finds with {detector}: {len(changed)}{which}"
    rows = [write(title, text, (8, 20), 0.5, BLACK)]
    for observation in shown:
        path = observation.frame.path
        bgr = read_photo(path) if watched.night is None else as_night(read_photo(path), watched.night, path.name)
        caption = f"raw   {path.name}   luma {observation.luma:.2f}"
        left = draw(bgr, watched, observation, RAW, caption)
        right = draw(watched.methods[method](observation.frame, bgr), watched, observation, method, method)
        rows.append(np.hstack([left, right]))
    return cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def draw(bgr: np.ndarray, watched: Watched, observation: Observation, method: str, caption: str) -> np.ndarray:
    """Return a frame at the sheet's width under its caption, its plates blurred, plates and vehicles framed."""
    detector = next(iter(watched.detectors))
    scale = CELL_WIDTH / bgr.shape[1]
    size = (CELL_WIDTH, max(1, round(bgr.shape[0] * scale)))
    plates = observation.frame.boxes if watched.plates and observation.frame.boxes is not None else np.zeros((0, 4))
    picture = cv2.resize(hide(bgr, plates), size, interpolation=cv2.INTER_AREA)
    seen = observation.seen[detector, method].above(THRESHOLD)
    for box, score in zip(seen.boxes * scale, seen.scores, strict=True):
        left, top, right, bottom = box.round().astype(int).tolist()
        cv2.rectangle(picture, (left, top), (right, bottom), YELLOW, 1)
        write(picture, f"{score:.2f}", (left + 2, bottom - 3), 0.35, YELLOW)
    for box, is_found in zip(observation.there[detector] * scale, observation.found(detector, method), strict=True):
        left, top, right, bottom = box.round().astype(int).tolist()
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
