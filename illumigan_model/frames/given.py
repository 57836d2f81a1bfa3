"""What may be given to an enhancer: a frame, memory for a result, times and threads; how a network gets a frame."""

from __future__ import annotations

import textwrap
from numbers import Integral, Real

import numpy as np

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.frames.kernels import as_rows, open_kernels

SMALLEST_SIDE = 16


def check_frame(bgr: np.ndarray) -> np.ndarray:
    """Return the frame, contiguous.

    Raises:
        FrameError: it is not uint8 or uint16 H x W x 3 with both sides at least 16.
    """
    is_array = isinstance(bgr, np.ndarray)
    if not is_array or bgr.dtype not in (np.uint8, np.uint16) or bgr.ndim != 3 or bgr.shape[2] != 3:
        what = f"{bgr.dtype} {bgr.shape}" if is_array else type(bgr).__name__
        raise FrameError(f"A frame must be a uint8 or uint16 array of height x width x 3 (BGR), this one is {what}.")
    if min(bgr.shape[:2]) < SMALLEST_SIDE:
        raise FrameError(f"A frame must be at least 16 x 16 pixels, this one is {bgr.shape[1]} x {bgr.shape[0]}.")
    return np.ascontiguousarray(bgr)


def require_room(into: np.ndarray | None, frame: np.ndarray) -> None:
    """Raise FrameError if there is memory for a result, and that of this frame does not fit into it, or overlaps it."""
    if into is None:
        return
    is_usable = into.dtype == np.uint8 and into.flags.c_contiguous and into.flags.writeable
    if into.shape != frame.shape or not is_usable or np.may_share_memory(into, frame):
        wanted = " x ".join(map(str, frame.shape))
        raise FrameError(
            f"into must be a writable, contiguous uint8 array of {wanted} and not the frame, this one is {into.shape}."
        )


def as_planes(bgr: np.ndarray, memory: np.ndarray | None = None) -> np.ndarray:
    """Turn a picture, uint8 BGR H x W x 3, into float32 RGB 1 x 3 x H x W in [0, 1]; in `memory` if that is given."""
    planes = np.empty((1, 3, *bgr.shape[:2]), np.float32) if memory is None else memory
    open_kernels().pictures.split(as_rows(bgr), planes[0])
    return planes


def number_of_threads(threads: int) -> int:
    """Return a number of threads that was given; raises IllumiganError if it is none."""
    if not isinstance(threads, Integral) or isinstance(threads, bool) or threads < 1:
        raise IllumiganError(f"threads must be a whole number from 1 on, or None for the usual ones, not {threads!r}.")
    return int(threads)


def seconds(name: str, value: float | None) -> float | None:
    """Return a time that was given, of whatever kind of number; raises IllumiganError, with its name, if it is none."""
    try:
        if value is None or isinstance(value, Real):
            return None if value is None else float(value)
    except OverflowError:
        pass
    raise IllumiganError(f"{name} must be a number of seconds, or None where there is none, not {shown(value)}.")


def shown(value: object) -> str:
    """Return what was given as one short line."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return f"so large a number ({type(value).__name__})"
    return textwrap.shorten(text, 60) if " " in text else text[:60]
