"""`illumigan evaluate-detection`: what detectors find, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.system.files import make_folder, require_other_place, require_writable, write_bytes
from illumigan_ros.commands.command_line import Verbose, list_left_out, progress_bar, require_modules

if TYPE_CHECKING:
    from illumigan_training.evaluation.detection import Watched
    from illumigan_training.evaluation.detection_scores import Row

METHOD_WIDTH = 10  # the baselines' names stay in one line


def command(
    images: Annotated[Path, typer.Option(help="Folder of pictures.")],
    detector: Annotated[list[str], typer.Option(help="Shipped detector or an ONNX file; may be repeated.")],
    *,
    truth: Annotated[
        Optional[Path],
        typer.Option(
            help="CSV of number plates: image, x0, y0, x1, y1 as shares of the picture; of whole vehicles with a "
            "column class. Without it, what the detector is sure of in the pictures by day is taken for true."
        ),
    ] = None,
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    frames: Annotated[Optional[Path], typer.Option(help="CSV with a row for each picture, to choose by.")] = None,
    where: Annotated[
        str, typer.Option(metavar="COLUMN=VALUE", help="Which rows of --frames; also !=, several with commas.")
    ] = "",
    fold: Annotated[str, typer.Option(help="Column of --frames by which weights are cross-validated.")] = "",
    held_out: Annotated[
        Optional[list[str]],
        typer.Option(metavar="FOLD=MODEL", help="Weights made without the frames of a fold; for each fold."),
    ] = None,
    night: Annotated[
        Optional[int], typer.Option(min=0, help="Put each picture into a night of the camera model, with this seed.")
    ] = None,
    views: Annotated[
        int,
        typer.Option(
            min=1, max=6, help="Show each frame so many times, also mirrored and moved: less is left to chance."
        ),
    ] = 1,
    out: Annotated[Optional[Path], typer.Option(help="Folder for the table and for sheets of what changed.")] = None,
    verbose: Verbose = False,
) -> None:
    """Compare what detectors find of annotated vehicles: raw, after classical baselines, and after models."""
    require_modules("torch", "skimage", "pycocotools")
    from illumigan_model.weights import find_detector
    from illumigan_training.evaluation import detection
    from illumigan_training.evaluation.detection_scores import summarise
    from illumigan_training.evaluation.images import open_contenders
    from illumigan_training.evaluation.truth import annotated_frames, read_truth

    if out is not None:
        require_other_place(out, images)
        make_folder(out)
        require_writable(out / "table.md")
    boxes = None if truth is None else read_truth(truth, images)
    folds = parse_folds(held_out or [])
    if bool(fold) != bool(folds):
        raise IllumiganError("--fold names the folds, and --held-out the weights of each; give both or neither.")
    if frames is not None and not (where or fold):
        raise IllumiganError("--frames is a table to choose rows of; say which with --where, or leave it out.")
    chosen, missing = annotated_frames(images, boxes, frames, where, fold)
    networks = detection.open_detectors([find_detector(each) for each in detector])
    with (
        open_contenders(model, of_stream=True) as contenders,
        open_contenders(list(folds.values()), baselines=False, of_stream=True) as makers,
    ):
        made_by = {name: makers[1 + list(dict.fromkeys(folds.values())).index(of)].method for name, of in folds.items()}
        methods = detection.as_methods(contenders, chosen, made_by)
        plates = boxes is not None and not boxes.whole
        with progress_bar("detecting", len(chosen)) as advance:
            seen = detection.watch(chosen, methods, networks, plates=plates, night=night, views=views, advance=advance)
        rows = summarise(seen)
        if out is not None:
            write(seen, rows, out)
        show(seen, rows, missing, verbose)
        if out is not None:
            print(f"The tables and the sheets are in {out}")
    conclude(seen, missing)


def show(watched: Watched, rows: Sequence[Row], missing: Sequence[str], verbose: bool) -> None:
    """Print the table, its legend and what was left out; `missing` are the annotated pictures that are not there."""
    from illumigan_training.evaluation.detection_report import cells, header, legend, with_first

    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    for title in header(watched, rows):
        printed.add_column(title, min_width=METHOD_WIDTH if title == "method" else None)
    last = list(watched.methods)[-1]
    for row, first in with_first(rows):
        printed.add_row(*cells(row, first), end_section=row.method == last)
    Console().print(printed)
    print("\n".join(legend(watched)))
    if missing:
        print(f"left out: annotated pictures that are missing: {len(missing)}, such as {missing[0]}")
    list_left_out("left out", watched.left_out, verbose)


def write(watched: Watched, rows: Sequence[Row], out: Path) -> None:
    """Write the tables and the sheets of what changed; raises FrameError if that is not possible."""
    from illumigan_training.evaluation.detection_report import report_files

    for name, content in report_files(watched, rows):
        write_bytes(out / name, content)


def conclude(watched: Watched, missing: Sequence[str]) -> None:
    """Raise FrameError, saying which, if pictures or detectors were left out; everything else is done by then."""
    lost, counted = len(missing) + len(watched.left_out), len(watched.frames)
    if lost:
        raise FrameError(f"{lost} of {lost + counted} pictures were left out; the numbers are of the other {counted}.")
    if watched.blind:
        blind, others = (", ".join(names) for names in (watched.blind, watched.detectors))
        raise FrameError(f"{blind}, sure of nothing in the pictures, was left out; the numbers are of {others}.")


def parse_folds(folds: Sequence[str]) -> dict[str, str]:
    """Return fold -> model of options FOLD=MODEL; raises IllumiganError if one is none."""
    pairs = [text.partition("=") for text in folds]
    for name, sign, model in pairs:
        if not (name and sign and model):
            raise IllumiganError(f"--held-out must look like ride1=weights.onnx, not {name}{sign}{model}.")
    models = {name: model for name, _, model in pairs}
    if len(models) < len(pairs):
        raise IllumiganError("--held-out names a fold twice; give each fold one model.")
    return models
