"""The demo: a night drive goes over DDS through the node, and what came out is recorded and shown.

Player, node and recorder are three processes, as on a robot. Everything in the report is measured on what they
exchanged: the recorded bag, the times of publishing and of reception.
"""

from __future__ import annotations

import importlib.util
import math
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.command_line import parse_size, progress_bar, require_positive
from illumigan_ros.demo.processes import Crew
from illumigan_ros.demo.report import Recording, bag_files, draw_contact_sheet, measure, write_side_by_side
from illumigan_ros.environment import ros_environment
from illumigan_ros.output_files import make_folder, unwritable, write_json
from illumigan_ros.recordings.bags import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, BagWriter, camera_info_cdr, image_cdr
from illumigan_ros.recordings.footage import NANOSECONDS, Footage
from illumigan_ros.recordings.video import load_av

FPS = 30
FIRST_STAMP_NS = 1_700_000_000 * NANOSECONDS
START_SECONDS = 90.0  # the first run compiles the kernels
SETTLE_SECONDS = 1.5  # the last frame leaves the node, the last diagnostics come


@dataclass(frozen=True)
class Wish:
    """What the demo shall show: whose footage, how much of it, enhanced by what, and where the result goes."""

    out: Path
    source: Path | None
    topic: str | None
    size: tuple[int, int]
    seconds: float
    model: str
    runtime: str


def render_drive(bag: Path, size: tuple[int, int], seconds: float) -> None:
    """Render the built-in night drive into a bag, as a camera with CameraInfo would have recorded it."""
    from illumigan_training.night_drive.drive import night_drive

    width, height = size
    with BagWriter(bag) as writer, progress_bar("rendering a night drive", round(seconds * FPS)) as advance:
        writer.add_topic("/camera/image_raw", IMAGE)
        writer.add_topic("/camera/camera_info", CAMERA_INFO)
        for index, frame in enumerate(night_drive(width, height, fps=FPS, seconds=seconds)):
            stamp = FIRST_STAMP_NS + round(index * NANOSECONDS / FPS)
            writer.write("/camera/image_raw", stamp, image_cdr(frame, stamp))
            writer.write("/camera/camera_info", stamp, camera_info_cdr(width, height, stamp))
            advance()


def run_live(wish: Wish, source: Path, recording: Recording) -> None:
    """Play the footage through the node into the recorder; raises IllumiganError if one of the three fails."""
    with Footage(source, wish.topic) as footage:
        compressed = footage.image_type == COMPRESSED_IMAGE
    parameters = {
        "model": wish.model,
        "runtime": wish.runtime,
        "input_transport": "compressed" if compressed else "raw",
        "input_reliability": "reliable",  # which play_bag is; so there is nothing to find out while frames already come
        "diagnostics_period": "0.5",
    }
    ros_args = ["--ros-args", *(word for name, value in parameters.items() for word in ("-p", f"{name}:={value}"))]
    topics = ["enhanced/image", "attention/image", "enhanced/camera_info", "/diagnostics"]
    play = [str(source), "--wait-for-subscribers", "1", "--seconds", str(wish.seconds)]
    play += ["--report", str(recording.played)] + (["--topic", wish.topic] if wish.topic else [])
    with Crew(ros_environment(), recording.logs) as crew:
        node = crew.start("enhance_node", "illumigan_ros.node.enhance_node", ros_args)
        recorder = crew.start(
            "record_bag",
            "illumigan_ros.recordings.recorder",
            [str(recording.bag), *topics, "--report", str(recording.received)],
        )
        ready = "recording " + str(len(topics))
        with progress_bar("starting node and recorder", 1) as advance:
            crew.wait_until(lambda: ready in recorder.printed(), START_SECONDS, "The node's start")
            advance()
        player = crew.start("play_bag", "illumigan_ros.recordings.player", play)
        crew.wait_until(lambda: "playing" in player.printed(), START_SECONDS, "The first frame")
        with progress_bar("playing it, seconds", math.ceil(wish.seconds)) as advance:
            for _ in range(math.ceil(wish.seconds)):
                crew.wait_for(1.0, unless=player.ended)
                advance()
            crew.wait_until(player.ended, wish.seconds + 60, "The end of the footage")
        with progress_bar("finishing the recording", 1) as advance:
            crew.wait_for(SETTLE_SECONDS)
            recorder.interrupt()
            crew.wait_until(recorder.ended, 120, "The end of the recording")
            advance()
        node.stop()


def show(wish: Wish) -> None:
    """Run the whole demo and leave its results in the folder `wish.out`."""
    if importlib.util.find_spec("rclpy") is None:
        raise IllumiganError("The demo needs ROS 2: source your distribution, or pip install 'illumigan[ros]'.")
    if load_av() is None:
        raise IllumiganError("The demo needs PyAV to write its video: pip install 'illumigan[video]'")
    if wish.source is not None:
        Footage(wish.source, wish.topic).close()
    # Learns now whether the model works here, and leaves compiled kernels for the node to find.
    from illumigan_model.enhancer import Enhancer

    Enhancer(wish.model, wish.runtime).close()
    recording = Recording(wish.out)
    drive = wish.out / "night_drive"
    _clear(recording, drive, wish.source)
    if wish.source is None:
        render_drive(drive, wish.size, wish.seconds)
    source = wish.source or drive
    run_live(wish, source, recording)
    measured = measure(recording)
    with progress_bar("drawing the pictures", measured.frames_in) as advance, Footage(source, wish.topic) as footage:
        lumas = write_side_by_side(recording, measured, footage, wish.seconds, advance)
    draw_contact_sheet(recording, measured.played[0][0], lumas.moments)
    report = {"footage": source.name, "seconds": wish.seconds, **measured.report(), **lumas.report()}
    write_json(recording.report, report)
    for name, value in report.items():
        if not isinstance(value, dict):
            print(f"  {name.replace('_', ' '):<16} {'unknown' if value is None else value}")
    print(f"Open {recording.video} (input | enhanced) and {recording.sheet}; the bag is {recording.bag}.")


def _clear(recording: Recording, drive: Path, source: Path | None) -> None:
    """Make the output folder and remove what an earlier demo left there, by its own list of what it wrote.

    Raises FrameError, before anything is removed, where a file of somebody else's is in the way.
    """
    out = recording.out.resolve()
    if source is not None and (source.resolve() == out or out in source.resolve().parents):
        raise FrameError(f"{source} lies in the output folder {recording.out}, which is cleared; choose another --out.")
    make_folder(recording.out)
    files = recording.files + bag_files(drive)
    try:
        theirs = _not_ours(recording, drive, files)
        if theirs:
            raise FrameError(f"{theirs[0]} is not from an earlier demo; choose another --out.")
        for file in files:
            file.unlink(missing_ok=True)
        for folder in (recording.bag, drive):
            if folder.exists():
                folder.rmdir()
    except OSError as error:
        raise unwritable(recording.out, error) from error
    recording.mark(recording.files + (bag_files(drive) if source is None else []))
    make_folder(recording.logs)


def _not_ours(recording: Recording, drive: Path, files: list[Path]) -> list[Path]:
    """Return what is in the way of `files` and not on the list that an earlier demo left."""
    written = recording.written()
    found = [file for file in files if file.exists() and str(file.relative_to(recording.out)) not in written]
    for folder in (recording.bag, drive):
        if folder.is_dir() and not folder.is_symlink():
            found += [entry for entry in folder.iterdir() if entry not in files]
        elif os.path.lexists(folder):
            found.append(folder)
    return found


def command(
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; those of an earlier demo there are replaced.")
    ] = Path("demo_out"),
    bag: Annotated[Optional[Path], typer.Option(help="Use this bag instead of the built-in night drive.")] = None,
    video: Annotated[Optional[Path], typer.Option(help="Use this video instead of the built-in night drive.")] = None,
    topic: Annotated[Optional[str], typer.Option(help="Image topic of the bag; needed if it has several.")] = None,
    size: Annotated[str, typer.Option(help="Size of the built-in drive.")] = "640x360",
    seconds: Annotated[float, typer.Option(help="How much footage to play.", min=0.5)] = 10.0,
    model: Annotated[str, typer.Option(help="Name of shipped weights, or a path to a file.")] = "curve_grid",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
) -> None:
    """Show it working: a night drive is played over DDS through the node, recorded, and drawn side by side."""
    if bag is not None and video is not None:
        raise FrameError("Choose one of --bag and --video.")
    require_positive("--seconds", seconds)
    # Without this, a polite `kill` would leave the three processes to the kernel and half a bag on the disk.
    signal.signal(signal.SIGTERM, _leave)
    show(Wish(out, bag or video, topic, parse_size(size), seconds, model, runtime))


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
