"""PyTurboJPEG, which decodes JPEG faster than OpenCV does, where it is installed and finds its library, libturbojpeg.

Both stand on libjpeg-turbo, and make the same pixels of a sound picture. What PyTurboJPEG cannot take (CMYK, twelve
bits) or complains of is left to OpenCV, so that the same pictures come through. Encoding gains nothing.
"""

from __future__ import annotations

import functools
import re
import warnings
from typing import Any

import cv2
import numpy as np

from illumigan_model.errors import first_line
from illumigan_model.version import installed_version

MODULE = "turbojpeg"
ALL_IS_THERE = re.compile(r"extraneous bytes before marker 0xd9")  # many USB cameras have some before the end


def decoded_by_turbo_jpeg(content: bytes) -> np.ndarray | None:
    """Return the picture in a JPEG, uint8 H x W x 3 in BGR; None where that is left to OpenCV.

    It allocates what the header says: that it is not too much is for the caller to see to.
    """
    turbo, _ = _turbo_jpeg()
    if turbo is None:
        return None
    # It warns where data are damaged, and gives what it has. Set anew each time, as others reset the filters.
    warnings.filterwarnings("error", module=MODULE)
    try:
        width, height = turbo.decode_header(content)[:2]
        picture = np.empty((height, width, 3), np.uint8)
        turbo.decode(content, dst=picture)
    except UserWarning as complaint:
        return picture if ALL_IS_THERE.search(str(complaint)) else None
    except (OSError, ValueError):
        return None
    return picture


def jpeg_decoder() -> str:
    """Return what decodes JPEG here, and its version."""
    turbo, _ = _turbo_jpeg()
    return f"OpenCV {cv2.__version__}" if turbo is None else f"PyTurboJPEG {installed_version('PyTurboJPEG') or ''}"


def why_not_turbo_jpeg() -> str:
    """Return why PyTurboJPEG is not used, "" where it is."""
    return _turbo_jpeg()[1]


@functools.cache
def _turbo_jpeg() -> tuple[Any, str]:
    """Return PyTurboJPEG's decoder, or None and the reason."""
    try:
        import turbojpeg  # here, as it is optional

        return turbojpeg.TurboJPEG(), ""
    except ImportError:
        return None, "PyTurboJPEG is not installed"
    except Exception as error:  # its library is not there, or of the other major version
        return None, f"PyTurboJPEG does not work here: {first_line(error)}"
