"""`illumigan evaluate-video`: models on a video from frame to frame, on the terminal and in files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import cv2
import numpy as np
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError, Incomplete
from illumigan_model.system.files import make_folder, require_other_place, require_writable, write_bytes
from illumigan_ros.commands.command_line import (
    Runtime,
    parse_size,
    progress_bar,
    refuse_given,
    require_modules,
    require_positive,
    warn,
)
from illumigan_ros.recordings.cdr import CAMERA_INFO
from illumigan_ros.recordings.footage import NANOSECONDS, Footage, picture_of
from illumigan_ros.recordings.sheets import contact_sheet

if TYPE_CHECKING:
    from illumigan_training.evaluation.videos import VideoEvaluation, VideoFrame

MOMENTS, SHEET_WIDTH = 4, 480


def command(
    context: typer.Context,
    footage: Annotated[
        Optional[Path], typer.Argument(help="A video or a bag. Without: the rendered night drive.")
    ] = None,
    *,
    clean: Annotated[Optional[Path], typer.Option(help="The same frames without noise, a video or a bag.")] = None,
    topic: Annotated[Optional[str], typer.Option(help="Image topic of a bag that has several.")] = None,
    seconds: Annotated[float, typer.Option(help="Length that is measured.")] = 4.0,
    size: Annotated[str, typer.Option(help="Size of the rendered drive.")] = "640x360",
    noise: Annotated[float, typer.Option(help="Noise of the rendered drive, in that of its own camera.")] = 1.0,
    still: Annotated[bool, typer.Option("--still", help="Stand still in the rendered street.")] = False,
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    baselines: Annotated[bool, typer.Option(help="Measure auto-gamma and CLAHE, too.")] = True,
    runtime: Runtime = "auto",
    out: Annotated[
        Optional[Path], typer.Option(help="Folder for table.md, table.csv, over_time.png and contact_sheet.jpg.")
    ] = None,
) -> None:
    """Measure models on a video: noise, flicker, warped error, blocks, time; PSNR and SSIM to it without noise."""
    require_modules("skimage", "matplotlib")
    from illumigan_training.evaluation.videos import DRIVE_FPS, drive_frames, evaluate_video, open_video_contenders

    require_positive("--seconds", seconds)
    require_positive("--noise", noise)
    if footage is None:
        refuse_given(context, ("clean",), "The rendered drive knows its frames without noise itself")
        refuse_given(context, ("topic",), "The rendered drive has no topics")
    else:
        refuse_given(context, ("size", "noise", "still"), "Footage was given, and no drive is rendered")
    if out is not None:
        for source in filter(None, (footage, clean)):
            require_other_place(out, source)
        make_folder(out)
        require_writable(out / "table.md")
    losses: list[str] = []
    if footage is None:
        width, height = parse_size(size)
        total = max(round(seconds * DRIVE_FPS), 1)
        frames = drive_frames(width, height, total / DRIVE_FPS, noise, still=still)
    else:
        total = count_frames(footage, topic, seconds)
        frames = recorded_frames(footage, clean, topic, seconds, losses)
    shown = np.linspace(0, max(total - 1, 0), MOMENTS).round().astype(int).tolist() if total else [0]
    with (
        open_video_contenders(model, baselines=baselines, runtime=runtime) as contenders,
        progress_bar("evaluating", total) as advance,
    ):
        evaluation = evaluate_video(frames, contenders, shown, advance)
    show(evaluation)
    if out is not None:
        write(evaluation, out)
        print(f"The tables, the plot and the contact sheet are in {out}")
    if losses:
        warn(losses)
        raise Incomplete(f"The footage is not complete, see the warnings above; {len(evaluation.stamps)} frames count.")


def count_frames(path: Path, topic: str | None, seconds: float) -> int:
    """Return how many frames the first seconds of footage have, about; 0 if that is not known."""
    with Footage(path, topic) as source:
        first, last, count = 0.0, 0.0, 0
        for message in source.messages(min(seconds, 1.0)):
            if message.msgtype != CAMERA_INFO:
                first = message.time_ns if not count else first
                last, count = message.time_ns, count + 1
        rate = (count - 1) * NANOSECONDS / (last - first) if last > first else 0.0
        return min(round(rate * seconds), source.frame_count or round(rate * seconds))


def recorded_frames(
    path: Path, clean: Path | None, topic: str | None, seconds: float, losses: list[str]
) -> Iterator[VideoFrame]:
    """Yield the frames of footage, with those of another without noise beside them; what is missing goes to `losses`.

    Raises FrameError if a file cannot be read or one has fewer frames than the other.
    """
    from illumigan_training.evaluation.videos import VideoFrame

    with Footage(path, topic) as source:
        if clean is None:
            for picture, stamp in pictures(source, seconds):
                yield VideoFrame(picture, stamp)
        else:
            with Footage(clean, topic) as other:
                for number, (one, two) in enumerate(zip_longest(pictures(source, seconds), pictures(other, seconds))):
                    if one is None or two is None:
                        raise FrameError(f"{path if one is None else clean} has {number} frames, the other more.")
                    yield VideoFrame(one[0], one[1], two[0])
        losses += source.losses


def pictures(source: Footage, seconds: float) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the frames of footage, uint8 BGR, each with its time in seconds."""
    for message in source.messages(seconds):
        if message.msgtype != CAMERA_INFO:
            yield picture_of(message), message.time_ns / NANOSECONDS


def show(evaluation: VideoEvaluation) -> None:
    """Print the table and its legend."""
    from illumigan_training.evaluation.video_report import legend, table

    head, rows = table(evaluation)
    printed = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    for number, title in enumerate(head):
        printed.add_column(title.replace(" ", "\n"), justify="right" if number else "left")
    for row in rows:
        printed.add_row(*row)
    Console().print(printed)
    print("\n".join(legend(evaluation)))


def write(evaluation: VideoEvaluation, out: Path) -> None:
    """Write tables, plot and contact sheet; raises FrameError if that is not possible."""
    from illumigan_training.evaluation.images import INPUT, shrink
    from illumigan_training.evaluation.video_report import as_csv, markdown, plot

    write_bytes(out / "table.md", markdown(evaluation).encode())
    write_bytes(out / "table.csv", as_csv(evaluation).encode())
    write_bytes(out / "over_time.png", plot(evaluation))
    titles = [INPUT, *(model.name for model in evaluation.contenders if model.runtime)]
    rows = [(f"frame {number}", [shrink(picture) for picture in made]) for number, made in evaluation.moments]
    sheet = contact_sheet(rows, titles, SHEET_WIDTH)
    write_bytes(out / "contact_sheet.jpg", cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
