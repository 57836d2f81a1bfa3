"""`illumigan benchmark --bag`: what `illumigan enhance-bag` makes of raw images, next to writing as many bytes plainly.

The bag is made in the folder whose disk is to be measured, and of it is on the disk alone what a bag of hours would be.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import FrameError
from illumigan_ros.measure.benchmark import describe_machine, installed_versions
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, camera_info_cdr, image_cdr
from illumigan_ros.recordings.enhanced_bag import BagOptions, enhance_bag

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

SIZE, RATE = (1920, 1080), 30  # pixels; frames a second
RENDERED = 8  # frames of the drive, which then runs backwards, and so on
START_NS = 1_700_000_000_000_000_000
VARIANTS = {
    "enhance-bag": BagOptions(),
    "--only-enhanced": BagOptions(keep_originals=False),
    "--no-attention": BagOptions(attention=False),
    "--compressed jpeg": BagOptions(compressed="jpeg"),
}


def benchmark_bag(
    folder: Path, enhancer: Enhancer, seconds: float, advance: Callable[[], None], size: tuple[int, int] = SIZE
) -> dict[str, Any]:
    """Measure each of `VARIANTS` on a bag of so many seconds, and return plain numbers and texts, ready for JSON.

    Raises FrameError if the folder cannot be written to.
    """
    try:
        place = tempfile.TemporaryDirectory(prefix="illumigan_", dir=folder)
    except OSError as error:
        raise FrameError(f"--bag must be a folder that can be written to, and {folder} is not.") from error
    with place as made:
        source = Path(made) / "drive"
        make_bag(source, seconds, size)
        advance()
        found: dict[str, Any] = {}
        for name, options in VARIANTS.items():
            found[name] = measure(source, Path(made) / "enhanced", enhancer.for_another_camera(), options)
            advance()
        plain = write_plainly(Path(made) / "plain", found["enhance-bag"]["written_mb"], 3 * size[0] * size[1])
    return {
        "machine": describe_machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": installed_versions(),
        "size": "{}x{}".format(*size),
        "rate": RATE,
        "seconds": seconds,
        "variants": found,
        "plain_mb_s": plain,
    }


def make_bag(path: Path, seconds: float, size: tuple[int, int]) -> None:
    """Write a bag of the rendered night drive: raw images and their camera_info."""
    from illumigan_training.night_drive.drive import night_drive

    frames = list(night_drive(*size, fps=RATE, seconds=RENDERED / RATE))
    with BagWriter(path) as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for index, frame in enumerate(islice(cycle(frames + frames[-2:0:-1]), round(seconds * RATE))):
            time_ns = START_NS + index * 1_000_000_000 // RATE
            bag.write("/camera/camera_info", time_ns, camera_info_cdr(*size, time_ns))
            bag.write("/camera/image_raw", time_ns, image_cdr(frame, time_ns))


def measure(source: Path, out: Path, enhancer: Enhancer, options: BagOptions) -> dict[str, float]:
    """Enhance a bag, remove the result, and return what it took: per image in ms, and against the recorded time."""
    os.sync()  # what was written before is on the disk, and does not come in between
    began, computed = time.monotonic(), time.process_time()
    with BagReader(source) as bag:
        result = enhance_bag(bag, out, enhancer, lambda images, bytes_: None, options)
    took, computed = time.monotonic() - began, time.process_time() - computed
    written = sum(file.stat().st_size for file in out.iterdir())
    shutil.rmtree(out)
    return {
        "images": result.images,
        "written_mb": written / 1e6,
        "mb_s": written / 1e6 / took,
        "ms": 1000 * took / result.images,
        "cpu_ms": 1000 * computed / result.images,
        "times_real_time": result.images / RATE / took,
    }


def write_plainly(file: Path, megabytes: float, piece: int) -> float:
    """Write so many MB in pieces of so many bytes, and return the MB/s."""
    content = os.urandom(piece)
    os.sync()
    began = time.monotonic()
    with file.open("wb", buffering=0) as opened:
        for _ in range(max(1, round(megabytes * 1e6 / piece))):
            opened.write(content)
    return file.stat().st_size / 1e6 / (time.monotonic() - began)
