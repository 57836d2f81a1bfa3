"""Photos in files: which files are photos, how one is read, and how a picture is written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from illumigan_model.frames.exposure import to_eight_bits
from illumigan_model.system.files import write_bytes

PHOTO_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"),
    *(".avif", ".gif", ".jp2", ".j2k"),
)


def read_photo(path: Path) -> np.ndarray:
    """Return a photo as uint8 BGR, H x W x 3, turned upright by its EXIF tag.

    Raises:
        FrameError: the file cannot be read, is cut off, or is no picture.
    """
    from illumigan_model.picture_files import read_picture

    bgr = read_picture(path).bgr
    return to_eight_bits(bgr) if bgr.dtype == np.uint16 else bgr


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a PNG, uint8 HxWx3 BGR or HxW grey; raises FrameError if the place cannot be written."""
    # Level 1 costs a tenth more disk than OpenCV's default and a third of its time.
    write_bytes(path, cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
