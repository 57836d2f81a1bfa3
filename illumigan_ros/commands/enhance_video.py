"""`illumigan enhance-video`: a video file."""

from __future__ import annotations

from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import (
    Model,
    Runtime,
    Strength,
    conclude,
    open_enhancer,
    progress_bar,
)
from illumigan_ros.commands.signals import if_stopped


def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new video (.mp4, .mkv or .mov; H.264).")],
    *,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="Show the input left of the result.")] = False,
    attention: Annotated[Optional[Path], typer.Option(help="Write a second video with the attention map.")] = None,
    display: Annotated[
        bool, typer.Option("--display", help="Show both sides in a window: q closes it, space holds it.")
    ] = False,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
) -> None:
    """Enhance a video: same frames, times, colour, orientation, sound and subtitles.

    A side of odd length grows by one repeated pixel.
    """
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.video import VideoReader
    from illumigan_ros.recordings.window import Window

    with if_stopped(f"{out} was not finished and has been removed; run it again."), ExitStack() as stack:
        window = stack.enter_context(closing(Window("IllumiGAN"))) if display else None
        frames = stack.enter_context(VideoReader(source))
        enhancer = stack.enter_context(open_enhancer(model, runtime, strength=strength))
        advance = stack.enter_context(progress_bar("enhancing", frames.frame_count))
        result = offline.enhance_video(
            frames, out, enhancer, advance, compare=side_by_side, attention=attention, window=window
        )
        rate = float(Fraction(frames.fps))
    conclude(result, f"frames ({rate:.4g} fps, {enhancer.runtime})", out)
