"""The inner loops of the Enhancer, twice: `compiled` by numba, and `plain` in NumPy and OpenCV where numba is missing.

Both have the same rooms with the same functions and give the same pixels within one level; the plain ones are many
times slower. Rooms: `luminance` (also over time), `noise` (how much there is), `pictures` (other forms of a picture),
`rows` (denoising and tone curves), `yuv` (the planes of video).
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import ModuleType

import numpy as np

__all__ = ["as_rows", "kernel_reason", "open_kernels"]


@lru_cache(maxsize=1)
def _choose() -> tuple[ModuleType, str]:
    try:
        return importlib.import_module("illumigan_model.frames.kernels.compiled"), ""
    except Exception as error:  # a numba that does not fit NumPy raises more than ImportError
        return importlib.import_module("illumigan_model.frames.kernels.plain"), f"numba cannot be used: {error}"


def open_kernels() -> ModuleType:
    """Return the compiled kernels, or the plain ones where numba cannot be used."""
    return _choose()[0]


def kernel_reason() -> str:
    """Return why frames are enhanced by the slow plain kernels, "" if they are not."""
    return _choose()[1]


def as_rows(picture: np.ndarray) -> np.ndarray:
    """Return a view of a contiguous picture, H x W x C, as kernels read it: H x CW, read-only.

    Frames come writable and read-only; kernels are compiled for each kind of array, and so for one only.
    """
    rows = picture.reshape(len(picture), -1)
    rows.flags.writeable = False
    return rows
