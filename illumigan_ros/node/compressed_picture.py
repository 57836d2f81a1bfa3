"""From the bytes of a picture, as cameras send them, to its pixels: of no more of them than is allowed."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np

from illumigan_model import jpeg
from illumigan_model.errors import FrameError
from illumigan_ros.node.turbo_jpeg import decoded_by_turbo_jpeg

COLOUR = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decoded(content: bytes, name: str, max_pixels: int, *, as_stored: bool = False) -> np.ndarray:
    """
    Return the picture in a file's bytes, uint8, uint16 or float32 H x W x 3 in BGR; `name` says for people which it is.

    `as_stored`: with as many channels as the file has, H x W for grey. The orientation tag is ignored either way.

    Raises FrameError, before anything is allocated for it where the picture claims more than `max_pixels`.
    """
    picture = _read(content, name, max_pixels, as_stored)
    if picture is None:  # a driver's own header may stand before it
        picture = _read(jpeg.from_start(content), name, max_pixels, as_stored)
    if picture is None:
        raise FrameError(f"The {name} is no picture that OpenCV can decode; send JPEG or PNG.")
    return picture


def _read(content: bytes, name: str, max_pixels: int, as_stored: bool) -> np.ndarray | None:
    if not jpeg.begins_as_jpeg(content):
        return _decode(content, as_stored) if _is_allowed(_claimed_pixels(content), name, max_pixels) else None
    parts = jpeg.fields(content) or (content,)
    if not all(_is_allowed(jpeg.claimed_pixels(part), name, max_pixels) for part in parts):
        return None
    try:
        pictures = [_decode_jpeg(jpeg.whole(part), as_stored) for part in parts]
    except FrameError as error:
        raise FrameError(f"The {name} is a JPEG cut off before its end; check the link to the camera.") from error
    upper, lower = pictures[0], pictures[-1]
    if len(pictures) == 1 or upper is None or lower is None or upper.shape != lower.shape:
        return upper
    return np.stack([upper, lower], axis=1).reshape(2 * upper.shape[0], *upper.shape[1:])


def _is_allowed(claimed: int, name: str, max_pixels: int) -> bool:
    """Return whether a picture may be decoded: not if nobody can tell how large it is; raises FrameError for bombs."""
    if claimed > max_pixels:
        raise FrameError(f"The {name} claims {claimed} pixels, which is more than max_pixels; it is not decoded.")
    return claimed > 0


def _claimed_pixels(content: bytes) -> int:
    """Return how many pixels a file's header claims, 0 where it is no picture that Pillow knows."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about bombs: what is too large is for the caller to say
        try:
            with Image.open(io.BytesIO(content)) as picture:
                return picture.width * picture.height
        except Image.DecompressionBombError:
            return 1 << 62
        except Exception:  # Pillow's plugins raise whatever their parsers run into
            return 0


def _decode_jpeg(content: bytes, as_stored: bool) -> np.ndarray | None:
    picture = None if as_stored else decoded_by_turbo_jpeg(content)
    return _decode(content, as_stored) if picture is None else picture


def _decode(content: bytes, as_stored: bool) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED if as_stored else COLOUR)
    except cv2.error:
        return None
