"""`illumigan bag-to-video`: the images of a bag as a video."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import FrameError
from illumigan_model.system.files import shown
from illumigan_ros.commands.command_line import (
    Denoise,
    Model,
    Runtime,
    Strength,
    Verbose,
    conclude,
    open_enhancer,
    progress_bar,
    refuse_given,
    warn,
)
from illumigan_ros.commands.signals import if_stopped


def command(
    context: typer.Context,
    bag: Annotated[Path, typer.Argument(metavar="BAG", help="rosbag2 folder, .mcap or .db3 file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new video (.mp4, .mkv or .mov; H.264).")],
    *,
    topic: Annotated[Optional[str], typer.Option(help="Image topic; needed if the bag has several.")] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Enhance the images, and show each left of its result.")
    ] = False,
    show_time: Annotated[bool, typer.Option("--show-time", help="Write the stamp (UTC) into each frame.")] = False,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    denoise: Denoise = 1.0,
    verbose: Verbose = False,
) -> None:
    """Make a video of a bag's images; each is shown at the time of its stamp, so that pauses stay pauses."""
    from illumigan_ros.recordings.bag_files import is_bag
    from illumigan_ros.recordings.bag_video import write_video
    from illumigan_ros.recordings.footage import Footage

    if not side_by_side:
        refuse_given(context, ("model", "runtime", "strength", "denoise"), "Nothing is enhanced without --side-by-side")
    if bag.exists() and not is_bag(bag):
        raise FrameError(f"{shown(bag)} is no bag; enhance-video takes videos.")
    with if_stopped(f"{out} was not finished and has been removed; run it again."), ExitStack() as stack:
        footage = stack.enter_context(Footage(bag, topic))
        warn(footage.notes)
        enhancer = None
        if side_by_side:
            enhancer = stack.enter_context(open_enhancer(model, runtime, strength=strength, denoise=denoise))
        advance = stack.enter_context(progress_bar("writing", footage.frame_count))
        result = write_video(footage, out, advance, enhancer, show_time=show_time)
    conclude(result, "images", out, verbose, "enhanced" if side_by_side else "written")
