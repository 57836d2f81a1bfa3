"""`illumigan evaluate-detection`: what a detector finds, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError
from illumigan_model.system.files import make_folder, require_other_place, write_bytes
from illumigan_ros.commands.command_line import progress_bar, require_modules

if TYPE_CHECKING:
    from illumigan_training.evaluation.detection import Comparison

METHOD_WIDTH = 10  # the baselines' names stay in one line
MOST_FAILURES = 10


def command(
    images: Annotated[Path, typer.Option(help="Folder of pictures.")],
    truth: Annotated[Path, typer.Option(help="CSV of number plates: image, x0, y0, x1, y1 as shares of the picture.")],
    detector: Annotated[Path, typer.Option(help="ONNX file of a YOLOX trained on COCO.")],
    *,
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    frames: Annotated[Optional[Path], typer.Option(help="CSV with a row for each picture, to choose by.")] = None,
    where: Annotated[str, typer.Option(metavar="COLUMN=VALUE", help="Which rows of --frames to take.")] = "",
    out: Annotated[Optional[Path], typer.Option(help="Folder for the table and for sheets of what changed.")] = None,
) -> None:
    """Compare how many vehicles with annotated plates a detector finds: raw, classical baselines and models."""
    require_modules("torch", "skimage")
    from illumigan_training.evaluation import detection
    from illumigan_training.evaluation.detector import Detector
    from illumigan_training.evaluation.images import open_contenders

    if out is not None:
        require_other_place(out, images)
        make_folder(out)
    chosen, missing = detection.annotated_frames(images, truth, frames, where)
    network = Detector(detector)
    with open_contenders(model) as contenders:
        with progress_bar("detecting", len(chosen)) as advance:
            comparison = detection.evaluate_detection(chosen, contenders, network, advance)
        show(comparison, missing)
        if out is not None:
            write(comparison, out)
    conclude(comparison, missing)


def show(comparison: Comparison, missing: Sequence[str]) -> None:
    """Print the table, its legend and what was left out; `missing` are the pictures with plates that are not there."""
    from illumigan_training.evaluation.detection_report import HEADER, cells, legend

    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    for title in HEADER:
        printed.add_column(title, min_width=METHOD_WIDTH if title == "method" else None)
    for row in comparison.rows:
        printed.add_row(*cells(row), end_section=row.method == comparison.rows[-1].method)
    Console().print(printed)
    print("\n".join(legend(comparison)))
    if missing:
        print(f"left out: {len(missing)} pictures with plates are missing, such as {missing[0]}")
    for sentence in comparison.left_out[:MOST_FAILURES]:
        print(f"left out: {sentence}")


def write(comparison: Comparison, out: Path) -> None:
    """Write the tables and the sheets of what changed; raises FrameError if that is not possible."""
    from illumigan_training.evaluation.detection_report import report_files

    for name, content in report_files(comparison):
        write_bytes(out / name, content)
    print(f"The tables and the sheets are in {out}")


def conclude(comparison: Comparison, missing: Sequence[str]) -> None:
    """Raise FrameError, saying how many, if pictures were left out; everything else is done by then."""
    lost, counted = len(missing) + len(comparison.left_out), len(comparison.observations)
    if lost:
        raise FrameError(f"{lost} of {lost + counted} pictures were left out; the numbers are of the other {counted}.")
