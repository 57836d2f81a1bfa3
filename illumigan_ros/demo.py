"""The demo: a night drive goes over DDS through the node, and what came out is recorded and shown.

Player, node and recorder are three processes, as on a robot. Everything in the report is measured on what they
exchanged: the recorded bag, the times of publishing and of reception.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_ros.bags import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, BagWriter, camera_info_cdr, image_cdr
from illumigan_ros.command_line import progress_bar
from illumigan_ros.demo_report import Recording, draw_contact_sheet, measure, write_side_by_side
from illumigan_ros.footage import NANOSECONDS, Footage
from illumigan_ros.output_files import make_folder, write_json
from illumigan_ros.processes import POLL_SECONDS, Crew
from illumigan_ros.video import load_av

FPS = 30
FIRST_STAMP_NS = 1_700_000_000 * NANOSECONDS
START_SECONDS = 90.0  # the first run compiles the kernels
SETTLE_SECONDS = 1.5  # the last frame leaves the node, the last diagnostics come
MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TOP_PAD_": "67108864",
}


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


def shared_file(name: str) -> Path | None:
    """Return a file of the package's share folder (`config/...`), from a source tree or an installation, or None."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    folders = [
        Path(__file__).resolve().parents[1],
        *(Path(prefix) / "share/illumigan" for prefix in prefixes if prefix),
    ]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def ros_environment() -> dict[str, str]:
    """Return the environment of the three processes: a domain of their own, shared memory, a calm allocator."""
    environment = {
        **os.environ,
        **MALLOC,
        "ROS_DOMAIN_ID": str(_free_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    profile = shared_file("config/fastdds_shm.xml")
    if profile is not None:
        environment |= {"FASTDDS_DEFAULT_PROFILES_FILE": str(profile), "FASTRTPS_DEFAULT_PROFILES_FILE": str(profile)}
    return environment


def _free_domain() -> int:
    """Return a ROS domain in which nobody on this machine listens."""
    for domain in random.sample(range(1, 100), 99):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7410 + 250 * domain))  # where a domain's first participant listens
            except OSError:
                continue
            return domain
    raise IllumiganError("All ROS domains from 1 to 99 are in use on this machine; stop some ROS programs.")


def render_drive(bag: Path, size: tuple[int, int], seconds: float) -> None:
    """Render the built-in night drive into a bag, as a camera with CameraInfo would have recorded it."""
    from illumigan_training.drive import night_drive

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
        "diagnostics_period": "0.5",
    }
    ros_args = ["--ros-args", *(word for name, value in parameters.items() for word in ("-p", f"{name}:={value}"))]
    topics = ["enhanced/image", "attention/image", "enhanced/camera_info", "/diagnostics"]
    play = [str(source), "--wait-for-subscribers", "1", "--seconds", str(wish.seconds)]
    play += ["--report", str(recording.played)] + (["--topic", wish.topic] if wish.topic else [])
    with (
        Crew(ros_environment(), recording.logs) as crew,
        progress_bar("playing it through the node", round(wish.seconds / POLL_SECONDS)) as advance,
    ):
        node = crew.start("enhance_node", "illumigan_ros.enhance_node", ros_args)
        recorder = crew.start(
            "record_bag", "illumigan_ros.record_bag", [str(recording.bag), *topics, "--report", str(recording.received)]
        )
        ready = "recording " + str(len(topics))
        crew.wait_until(lambda: ready in recorder.printed(), START_SECONDS, "The node's start", _nothing)
        player = crew.start("play_bag", "illumigan_ros.play_bag", play)
        crew.wait_until(player.ended, wish.seconds * 2 + 60, "The end of the footage", advance)
        settled = time.monotonic() + SETTLE_SECONDS
        crew.wait_until(lambda: time.monotonic() > settled, SETTLE_SECONDS + 5, "The last frame", _nothing)
        recorder.interrupt()
        crew.wait_until(recorder.ended, 120, "The end of the recording", _nothing)
        node.stop()


def _nothing() -> None:
    """Do nothing while waiting."""


def show(wish: Wish) -> None:
    """Run the whole demo and leave its results in the folder `wish.out`."""
    if importlib.util.find_spec("rclpy") is None:
        raise IllumiganError("The demo needs ROS 2: source your distribution, or pip install 'illumigan[ros]'.")
    if load_av() is None:
        raise IllumiganError("The demo needs PyAV to write its video: pip install 'illumigan[video]'")
    recording = Recording(wish.out)
    if wish.source is not None and wish.out.resolve() in wish.source.resolve().parents:
        raise FrameError(f"{wish.source} lies in the output folder {wish.out}, which is cleared; choose another --out.")
    make_folder(recording.logs)
    drive = wish.out / "night_drive"
    for old in (recording.bag, drive):
        shutil.rmtree(old, ignore_errors=True)
    for old in (recording.video, recording.sheet, recording.report, recording.played, recording.received):
        old.unlink(missing_ok=True)
    if wish.source is None:
        render_drive(drive, wish.size, wish.seconds)
    source = wish.source or drive
    run_live(wish, source, recording)
    measured = measure(recording)
    with progress_bar("drawing the pictures", measured.frames_in) as advance, Footage(source, wish.topic) as footage:
        lumas = write_side_by_side(recording, measured, footage, wish.seconds, advance)
    draw_contact_sheet(recording, lumas.moments)
    report = {"footage": source.name, "seconds": wish.seconds, **measured.report(), **lumas.report()}
    write_json(recording.report, report)
    for name, value in report.items():
        print(f"  {name.replace('_', ' '):<16} {value}")
    print(f"Open {recording.video} (input | enhanced) and {recording.sheet}; the bag is {recording.bag}.")


def command(
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; those of an earlier demo there are replaced.")
    ] = Path("demo_out"),
    bag: Annotated[Path | None, typer.Option(help="Use this bag instead of the built-in night drive.")] = None,
    video: Annotated[Path | None, typer.Option(help="Use this video instead of the built-in night drive.")] = None,
    topic: Annotated[str | None, typer.Option(help="Image topic of the bag; needed if it has several.")] = None,
    size: Annotated[str, typer.Option(help="Size of the built-in drive.")] = "640x360",
    seconds: Annotated[float, typer.Option(help="How much footage to play.", min=0.5)] = 10.0,
    model: Annotated[str, typer.Option(help="Name of shipped weights, or a path to a file.")] = "curve_grid",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
) -> None:
    """Show it working: a night drive is played over DDS through the node, recorded, and drawn side by side."""
    if bag is not None and video is not None:
        raise FrameError("Choose one of --bag and --video.")
    # Without this, a polite `kill` would leave the three processes to the kernel and half a bag on the disk.
    signal.signal(signal.SIGTERM, _leave)
    show(Wish(out, bag or video, topic, _parse_size(size), seconds, model, runtime))


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 16 and int(height) >= 16):
        raise FrameError(f"--size must look like 1280x720 and be at least 16x16, not {text}.")
    return int(width), int(height)
