"""`illumigan view`: footage, or the topics of a running node, in the viewer Rerun."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from illumigan_model.system.files import require_other_place
from illumigan_ros.commands.command_line import (
    Model,
    Runtime,
    Strength,
    conclude,
    open_enhancer,
    progress_bar,
    refuse_given,
    require_positive,
    warn,
)
from illumigan_ros.commands.signals import if_stopped, stopping_on_signals

if TYPE_CHECKING:
    from illumigan_ros.view.recording import Recording


def command(
    context: typer.Context,
    footage: Annotated[Optional[Path], typer.Argument(help="A bag or a video; without, the live topics.")] = None,
    *,
    save: Annotated[Optional[Path], typer.Option(help="Write an .rrd file instead of opening the viewer.")] = None,
    tile: Annotated[str, typer.Option(metavar="COLUMN,ROW", help="Whose curves to show, 0,0 to 15,8.")] = "8,5",
    topic: Annotated[Optional[str], typer.Option(help="Image topic of the bag; needed if it has several.")] = None,
    seconds: Annotated[Optional[float], typer.Option(help="Only so many seconds of the footage.")] = None,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    camera: Annotated[str, typer.Option(help="Live: namespace of the camera, e.g. /front.")] = "",
    image: Annotated[str, typer.Option(help="Live: its image topic in there.")] = "image",
    compressed_in: Annotated[bool, typer.Option("--compressed-in", help="Live: take image/compressed.")] = False,
    wait: Annotated[float, typer.Option(help="Live: seconds to wait for the first frame.")] = 30.0,
    frames: Annotated[Optional[int], typer.Option(min=1, help="Live: stop after so many frames.")] = None,
) -> None:
    """Show images, attention, luminance, stage times and the curves of a tile on one timeline, in Rerun."""
    from illumigan_ros.recordings.footage import Footage
    from illumigan_ros.view.footage import view_footage
    from illumigan_ros.view.recording import recording_into_file, recording_into_viewer, require_tile

    require_positive("--seconds", seconds)
    require_positive("--wait", wait)
    chosen = require_tile(tile)
    if footage is None:
        of_footage = ("tile", "topic", "seconds", "model", "runtime", "strength")
        refuse_given(context, of_footage, "Without footage, the live topics are shown as they are")
    else:
        of_topics = ("camera", "image", "compressed_in", "wait", "frames")
        refuse_given(context, of_topics, "Footage was given, and no live topics are shown")
    if save is not None and footage is not None:
        require_other_place(save, footage)
    recorded = recording_into_viewer() if save is None else recording_into_file(save)
    if footage is None:
        with recorded as recording:
            show_live(context, recording, camera, image, compressed=compressed_in, wait=wait, frames=frames)
        return
    with if_stopped("what was to be shown is not complete."), ExitStack() as stack:
        source = stack.enter_context(Footage(footage, topic))
        enhancer = stack.enter_context(open_enhancer(model, runtime, strength=strength))
        recording = stack.enter_context(recorded)
        advance = stack.enter_context(progress_bar("logging", source.frame_count if seconds is None else None))
        result = view_footage(source, enhancer, recording, chosen, seconds, advance)
    conclude(result, "frames", save or Path("the viewer"))


def show_live(
    context: typer.Context,
    recording: Recording,
    camera: str,
    image: str,
    *,
    compressed: bool,
    wait: float,
    frames: int | None,
) -> None:
    """Log the topics of a running node until Ctrl-C, or so many enhanced frames."""
    from illumigan_ros.node.process import ros_node
    from illumigan_ros.view.live import LiveTopics, view_live

    with stopping_on_signals() as stop, ros_node("view", context.obj or []) as node:
        topics = LiveTopics(node, recording, camera, image, compressed=compressed)
        view_live(node, topics, stop, wait=wait, frames=frames)
    print(f"{topics.frames} enhanced frames shown")
    if topics.unreadable:
        warn([f"{topics.unreadable} images could not be read and are left out"])
