"""Footage in the viewer: every frame before and after, as the node would have enhanced it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.footage import CAMERA_TOPICS, NANOSECONDS, Footage, picture_of
from illumigan_ros.recordings.offline import BatchResult
from illumigan_ros.view.recording import Recording

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer


def view_footage(
    footage: Footage,
    enhancer: Enhancer,
    recording: Recording,
    tile: tuple[int, int],
    seconds: float | None,
    advance: Callable[[], None],
) -> BatchResult:
    """Log each frame with what becomes of it, up to some seconds; those that cannot be read are told in the result."""
    result = BatchResult()
    first: int | None = None
    for message in footage.messages(seconds):
        if message.topic != CAMERA_TOPICS[footage.image_type]:
            continue
        first = message.time_ns if first is None else first
        time = (message.time_ns - first) / NANOSECONDS
        try:
            bgr = picture_of(message)
            enhanced = enhancer.enhance(bgr, time)
        except FrameError as error:
            result.failures.append(str(error))
        else:
            recording.at(time)
            recording.picture("input", bgr)
            recording.picture("enhanced", enhanced.image)
            recording.picture("attention", enhanced.attention)
            recording.stages(enhanced.report.stages_ms)
            if enhancer.curves is not None:
                recording.curves(enhancer.curves, tile)
            result.count(enhanced.report)
        advance()
    result.losses += footage.losses
    return result
