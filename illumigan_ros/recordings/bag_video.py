"""The images of a bag's topic as a video, each shown at its own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import require_outside
from illumigan_ros.recordings.cdr import IMAGE_TYPES, header_stamp_ns
from illumigan_ros.recordings.footage import NANOSECONDS, Footage, picture_of
from illumigan_ros.recordings.offline import BatchResult
from illumigan_ros.recordings.sheets import labelled, side_by_side
from illumigan_ros.recordings.video import VideoWriter
from illumigan_ros.recordings.video.clock import FrameClock
from illumigan_ros.recordings.video.colour import usual_colour
from illumigan_ros.recordings.video.presentation import Presentation

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

TICK = Fraction(1, 90_000)  # seconds, as in MPEG
USUAL_FPS = Fraction(30)


def write_video(
    source: Footage,
    out: Path,
    advance: Callable[[], None],
    enhancer: Enhancer | None = None,
    *,
    show_time: bool = False,
) -> BatchResult:
    """Write the images of a bag's topic into a video, at the times of their stamps (of their recording without one).

    With an Enhancer, each is shown beside what comes of it; `show_time` writes the stamp (UTC) into a corner. Images
    that cannot be read are named in the result, those of another size are scaled to that of the first. Raises
    FrameError if the video cannot be written; then none is left.
    """
    require_outside(out, source.path)
    result, scaled = BatchResult(), 0
    clock, first_ns, size = FrameClock(1 / USUAL_FPS, TICK), None, None
    writer: VideoWriter | None = None
    try:
        for message in source.messages():
            if message.msgtype not in IMAGE_TYPES:
                continue
            advance()
            try:
                picture = picture_of(message)
                stamp_ns = header_stamp_ns(message.raw)
            except FrameError as error:
                result.failures.append(str(error))
                continue
            time_ns = stamp_ns or message.time_ns
            if size is None or first_ns is None or writer is None:
                first_ns, size = time_ns, picture.shape[1::-1]
                shape = Presentation(usual_colour(*size), Fraction(1), None, "", TICK)
                writer = VideoWriter(out, USUAL_FPS, shape)
            scaled += picture.shape[1::-1] != size
            picture = _fitted(picture, size)
            if enhancer is not None:
                enhanced = enhancer.enhance(picture, stamp_ns / NANOSECONDS or None, message.time_ns / NANOSECONDS)
                result.count(enhanced.report)
                picture = side_by_side(picture, enhanced.image)
            else:
                result.done += 1
            if show_time:
                picture = labelled(picture, as_text(time_ns))
            writer.write(picture, clock.time(Fraction(time_ns - first_ns, NANOSECONDS)))
        if writer is None:
            raise FrameError(f"No image of {source.name} could be read: {result.failures[0]}")
        writer.finish()
        writer.publish()
    finally:
        if writer is not None:
            writer.discard()
    if clock.mended:
        result.warnings.append(f"{clock.mended} stamps do not come after the one before; those frames follow at once")
    if scaled and size is not None:
        result.warnings.append(f"{scaled} images of another size were scaled to {size[0]}x{size[1]}, as the first is")
    result.losses += source.losses
    return result


def _fitted(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return a picture in a size (width, height)."""
    return picture if picture.shape[1::-1] == size else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def as_text(time_ns: int) -> str:
    """Return a time in ns as people read it, to the millisecond, in UTC."""
    seconds, rest_ns = divmod(time_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}.{rest_ns // 1_000_000:03}"
