"""`illumigan enhance-bag`: a rosbag2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_ros.commands.command_line import (
    Denoise,
    Model,
    Runtime,
    Strength,
    Verbose,
    White16bit,
    conclude,
    open_enhancer,
    progress_bar,
    warn,
)
from illumigan_ros.commands.signals import if_stopped


def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="rosbag2 folder, .mcap or .db3 file, or a video.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new bag (mcap).")],
    *,
    topic: Annotated[Optional[str], typer.Option(help="Image topic; needed if the bag has several.")] = None,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    denoise: Denoise = 1.0,
    white_16bit: White16bit = 65535,
    verbose: Verbose = False,
) -> None:
    """Enhance every image of a bag into a new bag, without ROS and without skipping; headers stay untouched."""
    from illumigan_ros.recordings import offline
    from illumigan_ros.recordings.footage import Footage

    with (
        Footage(source, topic) as footage,
        open_enhancer(model, runtime, strength=strength, denoise=denoise) as enhancer,
        progress_bar("enhancing", footage.frame_count) as advance,
    ):
        warn(footage.notes)
        with if_stopped(f"{out} was not finished and has been removed; run it again."):
            result = offline.enhance_bag(footage, out, enhancer, advance, white_16bit)
    conclude(result, "images", out, verbose)
