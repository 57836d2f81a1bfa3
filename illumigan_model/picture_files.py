"""Pictures in files, with what belongs to their pixels: sixteen bits, transparency, the colour profile.

Pillow reads them, and OpenCV those with sixteen bits, of which Pillow keeps eight, and what Pillow does not know.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from illumigan_model import jpeg
from illumigan_model.errors import FrameError
from illumigan_model.frames.exposure import FULL_RANGE, to_eight_bits, to_full_range
from illumigan_model.system.files import no_file, shown, write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 1 << 28  # more than any camera has; a small file can claim any size
ORIENTATION, BITS_PER_SAMPLE, PHOTOMETRIC, EXTRA_SAMPLES = 274, 258, 262, 338  # tags of EXIF and TIFF
WHITE_IS_ZERO, UNSPECIFIED = 0, 0  # values of the latter two
PNG_START, PNG_DEPTH, PNG_COLOURS = b"\x89PNG\r\n\x1a\n", 24, 25  # the latter two are places in the file
PNG_GREY = (0, 4)
COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")  # what PNG says of colours beside a profile
PNM_HEADER = re.compile(rb"P[2356](?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+(\d+)\s")

# How to turn pixels upright, by the orientation tag (JEITA CP-3451, Exif 2.3, section 4.6.4)
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@dataclass(frozen=True)
class Picture:
    """A picture, turned upright.

    `bgr` is uint8 or uint16 H x W x 3, 65535 being white; `alpha` the opacity, uint8 H x W, if there is any. `profile`
    is the ICC profile that the pixels' values mean, b"" for none, and `chunks` (type, content) what a PNG says of them
    besides. `is_grey`: the file has no colours. `peak` is the highest value of sixteen bits before it was scaled, and
    None for eight.
    """

    bgr: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    is_grey: bool = False
    peak: int | None = None


def read_picture(path: Path, white_16bit: int = FULL_RANGE) -> Picture:
    """Return the picture in a file; the first one of several.

    `white_16bit` is the value that is white in sixteen bits: 4095, say, for twelve bits in the low end of each word.

    Raises:
        FrameError: the file cannot be read, is cut off, is no picture, or claims more than 2^28 pixels.
    """
    try:
        if what := no_file(path):
            raise FrameError(f"{shown(path)} is {what} and no picture.")
        content = path.read_bytes()
    except OSError as error:
        raise FrameError(f"{shown(path)} cannot be read ({error.strerror}).") from error
    try:
        content = jpeg.whole(content) if jpeg.begins_as_jpeg(content) else content
    except FrameError as error:
        raise FrameError(f"{shown(path)} is cut off before its end.") from error
    try:
        return _decode(content, white_16bit)
    except FrameError as error:
        raise FrameError(f"{shown(path)} {error}") from error
    except MemoryError as error:
        raise FrameError(f"{shown(path)} does not fit into the memory.") from error
    except Exception as error:  # Pillow's plugins raise whatever their parsers run into
        raise FrameError(f"{shown(path)} is damaged or cut off ({type(error).__name__}).") from error


def write_picture(path: Path, enhanced: np.ndarray, picture: Picture) -> None:
    """Write pixels, uint8 H x W x 3 BGR, that were made of a picture as PNG, with all else that belongs to it.

    Raises FrameError if the place cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    is_grey = picture.is_grey and _colours_of(picture.profile) != b"RGB "
    pixels = cv2.cvtColor(enhanced, cv2.COLOR_BGR2GRAY if is_grey else cv2.COLOR_BGR2RGB)
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])
    usable = b"GRAY" if is_grey else b"RGB "
    profile = picture.profile if _colours_of(picture.profile) == usable else None
    info, file = PngInfo(), io.BytesIO()
    for kind, data in picture.chunks:
        info.add(kind, data)
    # Level 1 costs a tenth more disk than the default and a third of its time.
    Image.fromarray(pixels).save(file, "PNG", compress_level=1, icc_profile=profile, pnginfo=info)
    write_bytes(path, file.getvalue())


@lru_cache(maxsize=1)
def heif_suffixes() -> tuple[str, ...]:
    """Return the suffixes of HEIF files where pillow-heif is installed to read them, else none."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return ()
    register_heif_opener()
    return (".heic", ".heif")


def _decode(content: bytes, white_16bit: int) -> Picture:
    """Return the picture in a file's content; raises FrameError with the rest of a sentence, and what Pillow raises."""
    image = _open(content)
    if image is None or _is_deep(image, content):
        return _decode_deep(content, image, white_16bit)
    image.load()
    orientation = image.getexif().get(ORIENTATION, 1)  # no longer there if loading has heeded it
    profile = image.info.get("icc_profile") or b""
    is_grey = image.mode in ("1", "L", "LA", "La")
    if image.mode in ("CMYK", "LAB"):
        image, profile = _to_srgb(image, profile), b""
    alpha = None
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"))
        alpha = _upright(pixels[..., 3], orientation)
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR)
    else:
        bgr = cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR)
    return Picture(_upright(bgr, orientation), alpha, profile, _chunks(content), is_grey)


def _open(content: bytes) -> Image | None:
    """Return Pillow's view of a file, of which only the header has been read; None where it knows no such file."""
    from PIL import Image, UnidentifiedImageError

    heif_suffixes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of half the size that it refuses, and of odd metadata
            image = Image.open(io.BytesIO(content))
            width, height = image.size
    except Image.DecompressionBombError:
        width = height = MOST_PIXELS
    except UnidentifiedImageError:
        return None
    if width * height > MOST_PIXELS:
        raise FrameError(f"claims to have more than {MOST_PIXELS >> 20} million pixels; it is left alone.")
    return image


def _is_deep(image: Image, content: bytes) -> bool:
    """Return whether the pixels have more bits than Pillow keeps."""
    if image.mode[0] in "IF":
        return True
    if image.format == "PNG":
        return content[PNG_DEPTH] > 8
    if image.format == "TIFF":
        tags: dict[int, tuple[int, ...]] = getattr(image, "tag_v2", {})
        return image.mode != "CMYK" and max(tags.get(BITS_PER_SAMPLE, (8,))) > 8
    return image.format == "PPM" and _pnm_white(content) > 255


def _decode_deep(content: bytes, image: Image | None, white_16bit: int) -> Picture:
    """Return a picture as OpenCV reads it; `image` is Pillow's view of its header, if it has one."""
    with suppress(AttributeError):  # OpenCV before 4.6 lacks it
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # every failure is reported once, by us
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    except cv2.error:
        pixels = None
    if pixels is None:
        kind = f"a {image.format} of a kind that cannot be read" if image is not None else "no picture"
        raise FrameError(f"is damaged, empty or {kind}.")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise FrameError(f"has pixels of type {pixels.dtype}; eight and sixteen bits can be read.")
    alpha = _marked_as_clear(pixels, image)
    orientation, profile = 1, b""
    tags: dict[int, Any] = getattr(image, "tag_v2", {})
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and pixels.ndim == 2:  # which OpenCV heeds in eight bits only
        pixels = np.asarray(cv2.bitwise_not(pixels))
    if image is not None:
        profile = image.info.get("icc_profile") or b""
        # OpenCV heeds the tag of a TIFF in any case, and here no other.
        orientation = 1 if image.format == "TIFF" else image.getexif().get(ORIENTATION, 1)
    pixels = _upright(pixels, orientation)
    peak = None
    is_grey = content[PNG_COLOURS] in PNG_GREY if content.startswith(PNG_START) else pixels.ndim == 2
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        if tags.get(EXTRA_SAMPLES, (None,))[0] != UNSPECIFIED:
            alpha = np.ascontiguousarray(pixels[..., 3])
            alpha = to_eight_bits(alpha) if alpha.dtype == np.uint16 else alpha
    elif alpha is not None:
        alpha = _upright(alpha, orientation)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])
    if bgr.dtype == np.uint16:
        peak = int(bgr.max())
        white = white_16bit if white_16bit != FULL_RANGE else _pnm_white(content)
        bgr = to_full_range(bgr, white)
    return Picture(bgr, alpha, profile, _chunks(content), is_grey, peak)


def _marked_as_clear(pixels: np.ndarray, image: Image | None) -> np.ndarray | None:
    """Return the opacity, uint8 H x W, of a deep grey PNG in which one level stands for what is transparent, or None.

    OpenCV heeds such a mark in coloured ones only.
    """
    level = None if image is None else image.info.get("transparency")
    if pixels.ndim != 2 or not isinstance(level, int):
        return None
    return np.where(pixels == level, 0, 255).astype(np.uint8)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    return UPRIGHT.get(orientation, lambda same: same)(np.ascontiguousarray(pixels))


def _to_srgb(image: Image, profile: bytes) -> Image:
    """Return a picture of printing inks, or of L*a*b*, as sRGB; by the profile if it has one."""
    from PIL import ImageCms

    try:
        source = ImageCms.createProfile("LAB") if image.mode == "LAB" else ImageCms.getOpenProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return image.convert("RGB") if made is None else made
    except (ImageCms.PyCMSError, OSError):  # no profile, one that is damaged, or one for something else
        return image.convert("RGB")


def _colours_of(profile: bytes) -> bytes:
    """Return which colours an ICC profile is for, b"RGB " or b"GRAY", say; b"" if it is none (ICC.1:2022, 7.2)."""
    return profile[16:20] if profile[36:40] == b"acsp" else b""


def _pnm_white(content: bytes) -> int:
    """Return the value that is white as the header of a PNM says, 65535 for other files."""
    found = PNM_HEADER.match(content)
    return min(max(int(found[1]), 1), FULL_RANGE) if found else FULL_RANGE


def _chunks(content: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return what a PNG says of its colours beside a profile; nothing for other files."""
    return tuple(chunk for chunk in _walk_png(content) if chunk[0] in COLOUR_CHUNKS)


def _walk_png(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give type and content of the chunks before a PNG's pixels."""
    place = len(PNG_START) if content.startswith(PNG_START) else len(content)
    while place + 8 <= len(content) and content[place + 4 : place + 8] != b"IDAT":
        length = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += 12 + length
