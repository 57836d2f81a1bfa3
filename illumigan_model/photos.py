"""Photos in files: which files are photos, how one is read, and how a picture is written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import write_bytes

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def read_photo(path: Path) -> np.ndarray:
    """Return a photo as uint8 BGR, H x W x 3, turned upright by its EXIF tag.

    Raises:
        FrameError: the file cannot be read, is cut off, or is no picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FrameError(f"{path} cannot be read ({error.strerror}).") from error
    if is_cut_off_jpeg(content):
        raise FrameError(f"{path} is cut off before its end.")
    try:
        photo = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:
        photo = None
    if photo is None:
        raise FrameError(f"{path} is damaged, empty or no picture.")
    return photo


def is_cut_off_jpeg(content: bytes) -> bool:
    """Return whether these bytes are a JPEG that stops before its end; False for everything that is no JPEG.

    Decoders fill what is missing with grey instead of complaining. The end marker must come after the last start of a
    scan: one before it belongs to a preview in the header. Whatever follows it (cameras pad their buffers) is fine.
    """
    if not content.startswith(b"\xff\xd8"):
        return False
    end = content.rfind(b"\xff\xd9")
    return end < 0 or content.find(b"\xff\xda", end) >= 0


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a PNG, uint8 HxWx3 BGR or HxW grey; raises FrameError if the place cannot be written."""
    # Level 1 costs a tenth more disk than OpenCV's default and a third of its time.
    write_bytes(path, cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
