"""`illumigan compare`: footage before and after, as a page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import FrameError, Incomplete
from illumigan_model.system.files import require_other_place, require_writable
from illumigan_ros.commands.command_line import (
    Runtime,
    progress_bar,
    refuse_given,
    require_modules,
    require_positive,
    warn,
)
from illumigan_ros.commands.signals import if_stopped


def command(
    context: typer.Context,
    footage: Annotated[
        Optional[list[Path]],
        typer.Argument(help="Bags, videos, folders of pictures or pictures; without, the rendered night drive."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="The page: one .html file that needs nothing else.")],
    model: Annotated[list[str], typer.Option(help="Shipped weights or a file; may be repeated.")] = ["curve_grid"],  # noqa: B006
    baselines: Annotated[bool, typer.Option(help="Have auto-gamma and CLAHE among the methods.")] = True,
    runtime: Runtime = "auto",
    detector: Annotated[
        str, typer.Option(help="Shipped detector or an ONNX file, which looks at each result; 'none' for none.")
    ] = "yolox_nano",
    truth: Annotated[
        Optional[Path],
        typer.Option(
            help="CSV of what is there: image (the picture's name, or the frame's number from 0 on), x0, y0, x1, y1 "
            "as shares of the picture, and class, without which the boxes are number plates."
        ),
    ] = None,
    topic: Annotated[Optional[str], typer.Option(help="Image topic of the bags, where they have several.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each footage to measure at most, evenly spread.")] = 200,
    moments: Annotated[int, typer.Option(min=1, help="Frames to show at most, all footage together.")] = 24,
    width: Annotated[int, typer.Option(min=64, help="Width of the pictures at most, in pixels.")] = 960,
    megabytes: Annotated[float, typer.Option(help="Size of the page at most, in MB.")] = 20.0,
) -> None:
    """Compare raw frames, classical baselines and models on your own footage, on a page to look at and pass on."""
    from illumigan_model.detectors.detector import Detector
    from illumigan_model.weights import find_detector
    from illumigan_ros.compare.comparison import Wishes, compare, open_sources
    from illumigan_ros.compare.methods import open_methods

    require_positive("--megabytes", megabytes)
    if truth is not None or not footage:
        require_modules("pycocotools", "skimage", "safetensors")
    for path in footage or []:
        require_other_place(out, path)
    require_writable(out)
    wishes = Wishes(footage or [], out, topic, truth, frames, moments, width, megabytes)
    sources = open_sources(wishes)
    if not footage or all(source.is_still for source in sources):
        refuse_given(context, ("topic",), "No bag is compared")
    looker = None if detector == "none" else Detector(find_detector(detector))
    with (
        if_stopped(f"{out} was not written; run it again."),
        open_methods(model, runtime, baselines=baselines) as methods,
    ):
        done = compare(wishes, sources, methods, looker, progress_bar)
    measured = sum(len(each.frames) for each in done.footages)
    print(f"{measured} frames measured, {done.moments} moments shown in {out} ({out.stat().st_size / 1e6:.1f} MB)")
    for sentence in done.sampling:
        print(f"note: {sentence}")
    warn(done.notes)
    left_out = sum(len(each.left_out) for each in done.footages)
    if left_out:
        raise FrameError(f"{left_out} frames could not be read, see the warnings; the others are compared.")
    if any(each.losses for each in done.footages):
        raise Incomplete(f"The source is not complete, see the warnings above; {out} has all that can be read.")
