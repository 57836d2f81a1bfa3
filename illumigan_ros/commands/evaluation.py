"""What `illumigan evaluate` found out, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from rich.box import SIMPLE
from rich.console import Console, JustifyMethod
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_ros.output_files import make_folder, require_other_place, write_bytes
from illumigan_ros.pictures import contact_sheet
from illumigan_training.evaluation.images import INPUT, SHEET_WIDTH, TRUTH
from illumigan_training.evaluation.report import as_csv, legend, markdown, setting_names, table

if TYPE_CHECKING:
    from illumigan_training.evaluation.images import Evaluation, Photo

LONGEST_TITLE = 28
MOST_FAILURES = 10


def prepare(out: Path, photos: Sequence[Photo]) -> None:
    """Make the folder for the files; raises FrameError if that is not possible or it is one of the photos' own."""
    for folder in {path.parent for photo in photos for path in (photo.path, photo.truth) if path is not None}:
        require_other_place(out, folder)
    make_folder(out)


def show(evaluation: Evaluation, alone: Sequence[Path]) -> None:
    """Print the table, its legend and what was left out; `alone` are the photos that have no partner."""
    head, rows = table(evaluation)
    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    for number, title in enumerate(head):
        side: JustifyMethod = "right" if number > len(setting_names(evaluation)) else "left"
        lines = title.replace("-GT", "-\nGT").replace(".", ".\n")  # eighty columns are few
        printed.add_column(lines, justify=side, no_wrap=not number, overflow="fold")
    for row in rows:
        printed.add_row(*row)
    Console().print(printed)
    print("\n".join(legend(evaluation)))
    if alone:
        print(f"{len(alone)} photos have no partner of the same name, such as {alone[0]}")
    for sentence in evaluation.left_out[:MOST_FAILURES]:
        print(f"left out: {sentence}")


def write(evaluation: Evaluation, out: Path) -> None:
    """Write table.md, table.csv and contact_sheet.jpg; raises FrameError if that is not possible."""
    write_bytes(out / "table.md", markdown(evaluation).encode())
    write_bytes(out / "table.csv", as_csv(evaluation).encode())
    titles = [INPUT, *(model.name for model in evaluation.models)]
    titles += [TRUTH] * (len(evaluation.pictures[0][1]) - len(titles))
    sheet = contact_sheet(evaluation.pictures, [elide(title) for title in titles], SHEET_WIDTH)
    jpeg = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    write_bytes(out / "contact_sheet.jpg", jpeg.tobytes())


def elide(title: str) -> str:
    """Return the end of a title that is too long for its column."""
    return title if len(title) <= LONGEST_TITLE else f"...{title[-LONGEST_TITLE + 3 :]}"


def conclude(evaluation: Evaluation) -> None:
    """Raise FrameError, saying how many, if photos were left out; everything else is done by then."""
    lost, counted = len(evaluation.left_out), len(evaluation.sizes)
    if lost:
        raise FrameError(f"{lost} of {lost + counted} photos were left out; the numbers are of the other {counted}.")
