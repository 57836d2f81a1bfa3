"""What was annotated: number plates, or whole objects with their class, as a CSV with one row a box."""

from __future__ import annotations

import csv
import os.path
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_training.data.folders import names_where, read_column

CORNERS = ("x0", "y0", "x1", "y1")
VEHICLES = ("car", "bus", "truck")


@dataclass(frozen=True)
class AnnotatedFrame:
    """A picture and what is annotated in it.

    `boxes` is float N x 4: left, top, right and bottom as shares of width and height; None where nothing is annotated
    and the detector itself, looking at the picture by day, is to say what is there. `counts` (bool N) says which boxes
    are of a class that is looked for; the others neither help nor harm. `fold` is the part of a cross-validation that
    the picture belongs to, such as its ride.
    """

    path: Path
    boxes: np.ndarray | None
    counts: np.ndarray
    fold: str = ""


@dataclass(frozen=True)
class Truth:
    """A table of boxes: by name of picture the corners (N x 4) and classes (N); `whole` says that it has classes.

    Boxes with a class are those of whole objects, boxes without are number plates.
    """

    boxes: dict[str, np.ndarray]
    classes: dict[str, list[str]]
    whole: bool


def read_truth(file: Path, images: Path = Path()) -> Truth:
    """Return the annotated boxes of a CSV with the columns image, x0, y0, x1, y1 and, for whole objects, class.

    Args:
        file: the CSV.
        images: folder that its names of pictures start from; `Truth` has each as `name_in` has it.

    Raises:
        IllumiganError: the file cannot be read, lacks a column, or a row has no box that can be, no picture or no
            class.
    """
    boxes: dict[str, list[list[float]]] = {}
    classes: dict[str, list[str]] = {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            table = csv.DictReader(opened)
            columns = [column.strip().lower() for column in table.fieldnames or []]
            table.fieldnames = columns
            lacking = [column for column in ("image", *CORNERS) if column not in columns]
            if lacking:
                raise IllumiganError(f"{file} lacks the column {lacking[0]}; it needs image, {', '.join(CORNERS)}.")
            for row in table:
                place = f"{file}, line {table.line_num}"
                corners = read_corners(row, place)
                name = name_in(images, read_word(row, "image", place))
                boxes.setdefault(name, []).append(corners)
                classes.setdefault(name, []).append(read_word(row, "class", place) if "class" in columns else "")
    except UnicodeDecodeError as error:
        raise IllumiganError(f"{file} is no text in UTF-8; give a table of boxes, saved as a CSV in UTF-8.") from error
    except (OSError, csv.Error) as error:
        raise IllumiganError(f"{file} cannot be read as a CSV ({error}); give a table of boxes.") from error
    if not boxes:
        raise IllumiganError(f"{file} holds no boxes; give a table with a row for each.")
    return Truth({name: np.array(corners) for name, corners in boxes.items()}, classes, "class" in columns)


def read_word(row: dict[str, str | None], column: str, place: str) -> str:
    """Return what a row has in a column; raises IllumiganError, naming the place, if that is nothing."""
    word = (row[column] or "").strip()
    if not word:
        raise IllumiganError(f"{place} has nothing in the column {column}; fill it in, or leave out the row.")
    return word


def name_in(images: Path, name: str) -> str:
    """Return the name of a picture as seen from a folder, a.png for ./a.png: of all paths to one place the same."""
    path = images / name
    return os.path.relpath(path.parent.resolve() / path.name, images.resolve())


def read_corners(row: dict[str, str | None], place: str) -> list[float]:
    """Return left, top, right and bottom of a box; raises IllumiganError, naming the place, if they make none."""
    try:
        left, top, right, bottom = (float(row[corner] or "") for corner in CORNERS)
    except ValueError:
        left = top = right = bottom = np.nan
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise IllumiganError(f"{place} is no box; x0 < x1 and y0 < y1 must be shares of width and height, 0 to 1.")
    return [left, top, right, bottom]


def is_there(path: Path) -> bool:
    """Return whether a path is that of a file; no file has a name that is too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def annotated_frames(
    images: Path, truth: Truth | None, frames: Path | None = None, where: str = "", fold: str = ""
) -> tuple[list[AnnotatedFrame], list[str]]:
    """Return the frames to look at, and the names of those pictures of the truth that are missing.

    Args:
        images: folder of pictures.
        truth: what `read_truth` read of these images; None takes every picture of the folder, with nothing annotated.
        frames: CSV with a column image and others to choose by; None takes all.
        where: which of its rows to take, as `names_where` reads it.
        fold: its column that says which part of a cross-validation a picture belongs to.

    Raises:
        IllumiganError: a table or the folder cannot be used, or nothing is left.
    """
    if not images.is_dir():
        raise FrameError(f"There is no folder {images}.")
    if frames is None and (where or fold):
        raise IllumiganError("--where and --fold choose rows of a table; name it, such as --frames frames.csv.")
    names = sorted(truth.boxes) if truth else sorted(path.name for path in images.iterdir() if path.is_file())
    if frames is not None and where:
        chosen = {name_in(images, name) for name in names_where(frames, where)}
        names = [name for name in names if name in chosen]
        if not names:
            raise IllumiganError(f"No annotated picture has {where} in {frames}; choose other frames.")
    parts = read_column(frames, fold) if frames is not None and fold else {}
    folds = {name_in(images, name): part for name, part in parts.items()}
    missing = [name for name in names if not is_there(images / name)]
    there = [name for name in names if name not in set(missing)]
    if not names:
        raise FrameError(f"{images} holds no pictures.")
    if not there:
        raise FrameError(f"{images} holds none of the {len(names)} annotated pictures, such as {names[0]}.")
    found = [annotated(images, name, truth, folds.get(name, "")) for name in there]
    if not any(frame.counts.any() or frame.boxes is None for frame in found):
        known = sorted({label for labels in truth.classes.values() for label in labels}) if truth else []
        raise IllumiganError(f"No box is of a class {', '.join(VEHICLES)}; the truth has {', '.join(known)}.")
    return found, missing


def annotated(images: Path, name: str, truth: Truth | None, fold: str) -> AnnotatedFrame:
    """Return one frame with its boxes; `name` is that in the truth, which may lead into a folder of `images`."""
    if truth is None:
        return AnnotatedFrame(images / name, None, np.zeros(0, bool), fold)
    labels: Iterable[str] = truth.classes[name]
    counts = [label.lower() in VEHICLES if truth.whole else True for label in labels]
    return AnnotatedFrame(images / name, truth.boxes[name], np.array(counts), fold)
