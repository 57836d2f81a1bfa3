"""`illumigan evaluate`: models on photos, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import cv2
import typer
from rich.box import SIMPLE
from rich.console import Console, JustifyMethod
from rich.table import Table

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.system.files import make_folder, require_other_place, require_writable, write_bytes
from illumigan_ros.commands.command_line import Runtime, Verbose, list_left_out, progress_bar
from illumigan_ros.recordings.sheets import contact_sheet

if TYPE_CHECKING:
    from illumigan_training.evaluation.images import EvaluatedPhoto, Evaluation

LONGEST_TITLE = 28


def command(
    data: Annotated[Path, typer.Option(help="Folder of photos, or one with the folders low and high in it.")],
    *,
    truth: Annotated[Optional[Path], typer.Option(help="The same photos well lit, under the same names.")] = None,
    model: Annotated[
        Optional[list[str]], typer.Option(help="Shipped weights or a file; may be repeated. Without: curve_grid.")
    ] = None,
    runs: Annotated[
        Optional[list[Path]], typer.Option("--run", help="A training run to compare by its settings; may be repeated.")
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Measure auto-gamma and CLAHE, too.")] = True,
    daylight_gate: Annotated[bool, typer.Option(help="Let bright photos pass the models unchanged.")] = True,
    runtime: Runtime = "auto",
    vgg: Annotated[Optional[Path], typer.Option(help="VGG-16 weights; measures the feature distance, too.")] = None,
    out: Annotated[Optional[Path], typer.Option(help="Folder for table.md, table.csv and contact_sheet.jpg.")] = None,
    verbose: Verbose = False,
) -> None:
    """Measure models on photos: PSNR, SSIM, NIQE, luminance, change and time, next to classical baselines."""
    try:
        from illumigan_training.evaluation.images import evaluate, find_photos, open_contenders
        from illumigan_training.losses.features import open_features
    except ModuleNotFoundError as error:
        raise IllumiganError(f"{error.name} is missing; install it with: pip install 'illumigan[train]'.") from error

    photos, unpaired = find_photos(data, truth)
    if out is not None:
        prepare(out, photos)
    features = open_features("vgg16", vgg) if vgg is not None else None
    models = model or ([] if runs else ["curve_grid"])
    how = {"baselines": baselines, "daylight_gate": daylight_gate}
    with (
        open_contenders(models, runs or [], runtime=runtime, **how) as contenders,
        progress_bar("evaluating", len(photos)) as advance,
    ):
        evaluation = evaluate(photos, contenders, features, advance)
    if out is not None:
        write(evaluation, out)
    show(evaluation, unpaired, verbose)
    if out is not None:
        print(f"The tables and the contact sheet are in {out}")
    conclude(evaluation)


def prepare(out: Path, photos: Sequence[EvaluatedPhoto]) -> None:
    """Make the folder for the files; raises FrameError if that is not possible or it is one of the photos' own."""
    for folder in {path.parent for photo in photos for path in (photo.path, photo.truth) if path is not None}:
        require_other_place(out, folder)
    make_folder(out)
    require_writable(out / "table.md")


def show(evaluation: Evaluation, unpaired: Sequence[Path], verbose: bool) -> None:
    """Print the table, its legend and what was left out; `unpaired` are the photos that have no partner."""
    from illumigan_training.evaluation.report import legend, setting_names, table

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
    if unpaired:
        print(f"{len(unpaired)} photos have no partner of the same name, such as {unpaired[0]}")
    list_left_out("left out", evaluation.left_out, verbose)


def write(evaluation: Evaluation, out: Path) -> None:
    """Write table.md, table.csv and contact_sheet.jpg; raises FrameError if that is not possible."""
    from illumigan_training.evaluation.images import INPUT, SHEET_WIDTH, TRUTH
    from illumigan_training.evaluation.report import as_csv, markdown

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
