"""The demo: a night drive goes over DDS through the node, and what came out is recorded and shown.

Player, node and recorder are three processes, as on a robot. Everything in the report is measured on what they
exchanged: the recorded bag, the times of publishing and of reception.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.system.files import make_folder, unwritable, write_json
from illumigan_model.weights import find_detector
from illumigan_ros.demo.examination import SHOWN, Examination
from illumigan_ros.demo.processes import Crew
from illumigan_ros.demo.report import Recording, bag_files, draw_contact_sheet, measure, write_side_by_side
from illumigan_ros.demo.ros_graph import ros_graph
from illumigan_ros.node.environment import ros_environment
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, camera_info_cdr, image_cdr
from illumigan_ros.recordings.footage import NANOSECONDS, Footage
from illumigan_ros.recordings.video import load_av

if TYPE_CHECKING:
    from illumigan_training.night_drive.truth import DriveTruth

FPS = 30
FIRST_STAMP_NS = 1_700_000_000 * NANOSECONDS
START_SECONDS = 90.0  # the first run compiles the kernels
TOPICS = ["/enhanced/image", "/attention/image", "/enhanced/camera_info", "/diagnostics"]
SETTLE_SECONDS = 1.5  # the last frame leaves the node, the last diagnostics come

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
"""Shows how some work comes along, given its name and number of steps; gives a function to call after each step."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo shows: whose footage, how much of it, enhanced and examined by what, and where the result goes."""

    out: Path
    source: Path | None
    topic: str | None
    size: tuple[int, int]
    seconds: float
    model: str
    runtime: str
    detector: str


def render_drive(bag: Path, size: tuple[int, int], seconds: float, progress: Progress) -> None:
    """Render the built-in night drive into a bag, as a camera with CameraInfo would have recorded it."""
    from illumigan_training.night_drive.drive import night_drive

    width, height = size
    with BagWriter(bag) as writer, progress("rendering a night drive", round(seconds * FPS)) as advance:
        writer.add_topic("/camera/image_raw", IMAGE)
        writer.add_topic("/camera/camera_info", CAMERA_INFO)
        for index, frame in enumerate(night_drive(width, height, fps=FPS, seconds=seconds)):
            stamp = FIRST_STAMP_NS + round(index * NANOSECONDS / FPS)
            writer.write("/camera/image_raw", stamp, image_cdr(frame, stamp))
            writer.write("/camera/camera_info", stamp, camera_info_cdr(width, height, stamp))
            advance()


def of_the_drive(size: tuple[int, int]) -> Callable[[int], DriveTruth]:
    """Return what tells of a frame's stamp what is to be found in that frame of the built-in drive."""
    from illumigan_training.night_drive.truth import KnownDrive

    known = KnownDrive(*size)
    return lambda stamp: known.at((stamp - FIRST_STAMP_NS) / NANOSECONDS)


def run_live(options: DemoOptions, source: Path, recording: Recording, progress: Progress) -> None:
    """Play the footage through the node into the recorder; raises IllumiganError if one of the three fails."""
    with Footage(source, options.topic) as footage:
        compressed = footage.image_type == COMPRESSED_IMAGE
    parameters = {
        "model": options.model,
        "runtime": options.runtime,
        "input_transport": "compressed" if compressed else "raw",
        "input_reliability": "reliable",  # which play_bag is; so there is nothing to find out while frames already come
        "diagnostics_period": "0.5",
    }
    ros_args = ["--ros-args", *(word for name, value in parameters.items() for word in ("-p", f"{name}:={value}"))]
    camera = "/image/compressed" if compressed else "/image"
    play = [str(source), "--wait-for-subscribers", "1", "--seconds", str(options.seconds)]
    play += ["--report", str(recording.played)] + (["--topic", options.topic] if options.topic else [])
    environment = ros_environment()
    with Crew(environment, recording.logs) as crew:
        node = crew.start("enhance_node", "illumigan_ros.node.enhance_node", ros_args)
        arguments = [str(recording.bag), *TOPICS, "--report", str(recording.received)]
        recorder = crew.start("record_bag", "illumigan_ros.commands.record_bag", arguments, may_lack=True)
        with progress("starting node and recorder", 1) as advance, ros_graph(environment) as graph:
            crew.wait_until(graph.node_is_active, START_SECONDS, "The node's start")
            crew.wait_until(lambda: graph.are_recorded(TOPICS), START_SECONDS, "The recorder's start")
            player = crew.start("play_bag", "illumigan_ros.commands.play_bag", play, may_lack=True)
            crew.wait_until(lambda: graph.is_published(camera) or player.ended(), START_SECONDS, "The player's start")
            advance()
        with progress("playing it, seconds", math.ceil(options.seconds)) as advance:
            for _ in range(math.ceil(options.seconds)):
                crew.wait_for(1.0, unless=player.ended)
                advance()
            crew.wait_until(player.ended, options.seconds + 60, "The end of the footage")
        with progress("finishing the recording", 1) as advance:
            crew.wait_for(SETTLE_SECONDS)
            recorder.interrupt()
            crew.wait_until(recorder.ended, 120, "The end of the recording")
            advance()
        node.stop()


def run_demo(options: DemoOptions, progress: Progress) -> tuple[Recording, dict[str, Any]]:
    """Run the whole demo, leave its results in the folder `options.out`, and return where they are and the numbers."""
    if importlib.util.find_spec("rclpy") is None:
        raise IllumiganError("The demo needs ROS 2: source your distribution, or pip install 'illumigan[ros]'.")
    if load_av() is None:
        raise IllumiganError("The demo needs PyAV to write its video: pip install 'illumigan[video]'")
    if options.source is not None:
        Footage(options.source, options.topic).close()
    detector = Detector(find_detector(options.detector))
    detector.require_any(SHOWN)
    # Learns now whether the model works here, and leaves compiled kernels for the node to find.
    from illumigan_model.enhancer import Enhancer

    Enhancer(options.model, options.runtime).close()
    recording = Recording(options.out)
    drive = options.out / "night_drive"
    _clear(recording, drive, options.source)
    if options.source is None:
        render_drive(drive, options.size, options.seconds, progress)
    source = options.source or drive
    run_live(options, source, recording, progress)
    measured = measure(recording)
    with progress("drawing the pictures", measured.frames_in) as advance, Footage(source, options.topic) as footage:
        truth = None if options.source else of_the_drive(options.size)
        examination = Examination(detector, truth)
        lumas = write_side_by_side(recording, measured, footage, options.seconds, examination, advance)
        losses = footage.losses + measured.losses
        missing = {"missing": " ".join(losses)} if losses else {}
    draw_contact_sheet(recording, measured.played[0][0], lumas.moments)
    report = {"footage": source.name, "seconds": options.seconds, **missing, **measured.report(), **lumas.report()}
    report["detection"] = examination.report()
    write_json(recording.report, report)
    return recording, report


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
