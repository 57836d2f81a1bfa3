"""What the text `format` of a CompressedImage says.

image_transport writes `ENCODING; jpeg compressed TARGET`: the encoding of the camera's image and that of the picture in
the file, which is left out for a mosaic. Drivers write `jpeg`, `jpg` or `JPEG` alone. What kind of file it is, the
file says best, so nothing here asks for it.
"""

from __future__ import annotations

import re

_DEPTH = re.compile(r"compressed\s*depth", re.IGNORECASE)
_VIDEO = re.compile(r"h\.?26[45]|hevc|\bav1\b|vp[89]|ffmpeg|theora", re.IGNORECASE)
_MOSAIC = re.compile(r"\s*bayer_(rggb|bggr|gbrg|grbg)(8|16)\b", re.IGNORECASE)
_COLOUR_TARGET = re.compile(r"compressed\s+(bgr|rgb)", re.IGNORECASE)


def why_no_picture(format_: str) -> str | None:
    """Return why messages of this format hold no pictures, in words; None where they do."""
    if _DEPTH.search(format_):
        return "holds distances and no picture; subscribe to the camera's image instead"
    if _VIDEO.search(format_):
        return "is a piece of a video stream; decode it first, e.g. with image_transport's republish"
    return None


def mosaic_of(format_: str) -> str | None:
    """Return rggb, bggr, gbrg or grbg where the picture is a mosaic in grey, which still has to become colours."""
    found = _MOSAIC.match(format_)
    return found[1].lower() if found and not _COLOUR_TARGET.search(format_) else None
