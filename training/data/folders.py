"""Folders of photos: which files a source means, which of them can be used, and a manifest that says so.

A source is a folder, optionally narrowed by a CSV with one row an image (`csv`, `where: column=value`) and by a range
of mean luminance (`luma: [low, high]`, in [0, 1]); so one folder of mixed frames serves as both dark and normal
photos. `origin` and `licence` say where its photos come from and what may be done with them; the manifest keeps both
with each photo's sha256.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from illumigan_model.attention import mean_luma
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.photos import PHOTO_SUFFIXES, read_photo
from illumigan_model.system.files import whole_file
from illumigan_model.weights import sha256

SMALLEST_SIDE = 32
NAMED = 5  # files of a folder that are named one by one where they are left out


@dataclass(frozen=True)
class Photo:
    """One photo in memory: its file's name in the root folder, and its pixels, uint8 BGR H x W x 3."""

    name: str
    pixels: np.ndarray


@dataclass(frozen=True)
class Entry:
    """One line of a manifest; `left_out` says why a photo is not used, "" where it is.

    `group` is the list of the config that named it (normal, dark, paired); `luma` its mean luminance in [0, 1].
    """

    group: str
    file: str
    sha256: str
    width: int
    height: int
    luma: float
    origin: str
    licence: str
    left_out: str


def list_images(source: dict[str, Any], root: Path) -> list[Path]:
    """Return the image files of one source, sorted; its folder and CSV lie in the root folder.

    Raises:
        IllumiganError: the folder is missing, its CSV cannot be used, or nothing in it matches.
    """
    folder = root / source["folder"]
    if not folder.is_dir():
        raise IllumiganError(f"{folder} is not a folder; set root, and the folders of the training config in it.")
    chosen = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    if "csv" in source:
        names = names_where(root / source["csv"], source.get("where", ""))
        chosen = [path for path in chosen if path.name in names]
    if not chosen:
        raise IllumiganError(f"No image in {folder} matches {source}; look at the source's csv, where and folder.")
    return chosen


def names_where(table: Path, where: str) -> set[str]:
    """Return the `image` column of those rows of a CSV that meet some conditions.

    Args:
        table: the CSV.
        where: "column=value" or "column!=value", several of them with commas between.

    Raises:
        IllumiganError: the file cannot be read or lacks a column, or a condition is none.
    """
    chosen: set[str] | None = None
    for condition in where.split(","):
        column, sign, value = condition.partition("=")
        if not sign:
            raise IllumiganError(f"{condition!r} is no condition; write column=value or column!=value.")
        values = read_column(table, column.removesuffix("!").strip())
        differs = column.endswith("!")
        names = {name for name, there in values.items() if (there != value.strip()) == differs}
        chosen = names if chosen is None else chosen & names
    return chosen or set()


def read_column(table: Path, column: str) -> dict[str, str]:
    """Return one column of a CSV by its column `image`; raises IllumiganError if it cannot be read or lacks one."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            lacking = {"image", column} - set(rows.fieldnames or ())
            if not lacking:
                return {(row["image"] or "").strip(): (row[column] or "").strip() for row in rows}
    except (OSError, ValueError, csv.Error) as error:
        raise IllumiganError(f"{table} cannot be read as a CSV ({error}).") from error
    raise IllumiganError(f"{table} lacks the column {' and '.join(sorted(lacking))}; it needs image and that of where.")


def load_photos(
    sources: Iterable[dict[str, Any]], root: Path, group: str, smallest_wh: tuple[int, int], unique: bool = True
) -> tuple[list[Photo], list[Entry]]:
    """Load the photos of several sources, each at least as large as the crop and at most twice that.

    What is unreadable, tiny or a duplicate of an earlier photo is left out, and the first of each folder are named on
    standard output; what is too dark or bright (see `luma`) is left out silently. Grey, 16-bit and transparent photos
    become 8-bit colour, and EXIF orientation is applied.

    Args:
        sources: folders as the config names them.
        root: the folder they are in.
        group: what the photos are for; goes into the manifest.
        smallest_wh: width and height of the crop.
        unique: leave duplicates out; one half of a pair may well be that of another pair, too.

    Returns:
        the photos, and one manifest entry for every file that was looked at.

    Raises:
        IllumiganError: no photo is left.
    """
    photos: list[Photo] = []
    entries: list[Entry] = []
    seen: dict[str, str] = {}
    for source in sources:
        low, high = source.get("luma", (0.0, 1.0))
        paths, before, faults = list_images(source, root), len(photos), 0
        where = Console(stderr=True)
        for path in track(paths, description=f"reading {source['folder']}", transient=True, console=where):
            name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
            pixels, entry = look_at(path, name, group, source)
            if unique and not entry.left_out and entry.sha256 in seen:
                entry = left_out(entry, f"duplicate of {seen[entry.sha256]}")
            if entry.left_out:
                faults += 1
                if faults <= NAMED:
                    print(f"left out: {path}: {entry.left_out.removesuffix('.')}")
            elif not low <= entry.luma <= high:
                entry = left_out(entry, f"mean luminance not within {low} to {high}")
            elif pixels is not None:
                seen[entry.sha256] = name
                photos.append(Photo(name, fit(pixels, smallest_wh)))
            entries.append(entry)
        if faults > NAMED:
            print(f"left out: {faults - NAMED} more of {source['folder']}, named in the manifest")
        print(f"{source['folder']}: {len(photos) - before} of {len(paths)} photos, mean luminance {low} to {high}")
    if not photos:
        raise IllumiganError(
            f"No photo is left for {group} after the rules of the training config; widen its luma or add folders."
        )
    return photos, entries


def look_at(path: Path, name: str, group: str, source: dict[str, Any]) -> tuple[np.ndarray | None, Entry]:
    """Read one photo and describe it; the pixels are None where it cannot be used."""
    origin, licence = str(source.get("origin", "")), str(source.get("licence", "unknown"))
    try:
        pixels = read_photo(path)
    except FrameError as error:
        return None, Entry(group, name, "", 0, 0, 0.0, origin, licence, str(error).removeprefix(f"{path} "))
    height, width = pixels.shape[:2]
    luma = round(mean_luma(pixels), 4)
    entry = Entry(group, name, sha256(path), width, height, luma, origin, licence, "")
    if min(height, width) < SMALLEST_SIDE:
        return None, left_out(entry, f"smaller than {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels")
    return pixels, entry


def left_out(entry: Entry, why: str) -> Entry:
    """Return the entry of a photo that is not used."""
    return Entry(**{**asdict(entry), "left_out": why})


def fit(photo: np.ndarray, smallest_wh: tuple[int, int]) -> np.ndarray:
    """Scale a photo so that the crop fits inside it once, at most twice."""
    width, height = smallest_wh
    scale = max(width / photo.shape[1], height / photo.shape[0])
    scale = min(1.0, 2 * scale) if scale < 1 else scale
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def write_manifest(entries: Iterable[Entry], path: Path) -> None:
    """Write a manifest as CSV, whole or not at all; raises OSError where that is not possible."""
    with whole_file(path) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Entry)])
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in entries)
