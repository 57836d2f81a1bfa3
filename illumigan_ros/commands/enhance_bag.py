"""`illumigan enhance-bag`: a rosbag2."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

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
    warn,
)
from illumigan_ros.commands.signals import if_stopped

if TYPE_CHECKING:
    from illumigan_ros.recordings.enhanced_bag import BagResult


class Picture(str, Enum):
    """What images are compressed to."""

    JPEG = "jpeg"
    PNG = "png"


Topics = Annotated[
    Optional[list[str]],
    typer.Option(
        "--topics", "--topic", help="Image topics to enhance, with commas between them; all with pictures if not given."
    ),
]
KeepOriginals = Annotated[
    bool, typer.Option("--keep-originals/--only-enhanced", help="Whether the images as they came are in it, too.")
]
Compressed = Annotated[Optional[Picture], typer.Option(help="Write CompressedImage: jpeg (smaller) or png (exact).")]
Attention = Annotated[bool, typer.Option("--attention/--no-attention", help="Whether the attention maps are in it.")]


def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="rosbag2 folder, .mcap or .db3 file, or a video.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new bag (mcap).")],
    *,
    topics: Topics = None,
    keep_originals: KeepOriginals = True,
    compressed: Compressed = None,
    attention: Attention = True,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    denoise: Denoise = 1.0,
    white_16bit: White16bit = 65535,
    verbose: Verbose = False,
) -> None:
    """Enhance every image of a bag into a new bag, without ROS and without skipping; all else is as it was.

    Its camera's result is /enhanced/image, with the attention map and CameraInfo beside it; of several, that of
    /front/image_raw is /front/enhanced/image. A run that was killed goes on when it is started again.
    """
    from illumigan_ros.commands.bag_progress import bag_progress
    from illumigan_ros.recordings.bag_cameras import plan_cameras
    from illumigan_ros.recordings.enhanced_bag import BagOptions, enhance_bag, made_by
    from illumigan_ros.recordings.video_as_bag import open_source

    def consequence() -> str:
        if out.exists():
            return f"{out} is not finished; run the same command again, and it goes on from there."
        return f"{out} was not finished and has been removed; run it again."

    names = split_topics(topics)
    options = BagOptions(names, keep_originals, compressed.value if compressed else None, attention, white_16bit)
    with open_source(source) as footage:
        cameras, _ = plan_cameras(footage, options.topics, compressed is not None)
        warn(footage.notes)
        total = sum(footage.count(camera.topic) for camera in cameras)
        with (
            open_enhancer(model, runtime, strength=strength, denoise=denoise) as enhancer,
            bag_progress("enhancing", total) as advance,
            if_stopped(consequence),
        ):
            begin = time.monotonic()
            result = enhance_bag(footage, out, enhancer, advance, options, made_by(model, enhancer))
            seconds = time.monotonic() - begin
    print(describe_pace(result, seconds))
    conclude(result, "images", out, verbose)


def split_topics(topics: list[str] | None) -> tuple[str, ...]:
    """Return the topics of an option that may be given several times, each time with several topics."""
    return tuple(name.strip() for text in topics or [] for name in text.split(",") if name.strip())


def describe_pace(result: BagResult, seconds: float) -> str:
    """Say how fast a bag was enhanced; what a run before had done is left out."""
    images = result.images - result.already
    first_ns, last_ns = result.span_ns or (0, 0)
    share = images / result.images if result.images else 0.0
    recorded = (last_ns - first_ns) / 1e9 * share
    went_on = f"went on after {result.already} images; " if result.already else ""
    pace = f", {recorded / seconds:.2f} times as fast as it was recorded" if recorded > 0 else ""
    megabytes = result.read_bytes / 1e6 / seconds
    return f"{went_on}{seconds:.1f} s: {images / seconds:.1f} images/s, {megabytes:.0f} MB/s{pace}"
