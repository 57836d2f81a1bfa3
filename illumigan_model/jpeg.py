"""JPEG as cameras send it: bytes before the start, padding after the end, no end marker, two fields in one frame.

The markers are those of ITU-T T.81 (the JPEG standard), the AVI1 segment is that of Microsoft's Motion JPEG in AVI.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from illumigan_model.errors import FrameError

START, SCAN, END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
STARTS_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of the header with the size
FILLING = 128  # what decoders show where data is missing
MOST_ZEROS = 3  # zero bytes that can be data; more of them behind the last other byte are padding
# What is no zeros, as which a decoder reads missing data: at once, and after any restart marker that it may wait for.
OTHER_DATA = b"\x5a" * 512 + b"".join(bytes([0xFF, 0xD0 + number % 8]) + b"\x5a" * 64 for number in range(16))


def begins_as_jpeg(content: bytes) -> bool:
    """Return whether these bytes begin as a JPEG does."""
    return content.startswith(START)


def from_start(content: bytes) -> bytes:
    """Return the bytes from where a JPEG begins, which some drivers put a header of their own before; b"" if none."""
    begin = content.find(START + b"\xff")
    return b"" if begin < 0 else content[begin:]


def claimed_pixels(content: bytes) -> int:
    """Return how many pixels the header of a JPEG claims, 0 where it has none and no decoder could read it."""
    for marker, place in _segments(content):
        if marker in STARTS_OF_FRAME:
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(height, "big") * int.from_bytes(width, "big")
    return 0


def whole(content: bytes) -> bytes:
    """Return a JPEG with its end marker, which several USB cameras leave out.

    Decoders fill what is missing with grey instead of complaining. So where the picture ends in that grey, it is
    decoded once more with other data added: if that shows, the decoder had missed some.

    Raises:
        FrameError: pixels are missing, not only the marker.
    """
    end = content.rfind(END)
    if end >= 0 and content.find(SCAN, end) < 0:  # an end before the last scan belongs to a preview in the header
        return content
    unpadded = content.rstrip(b"\xff")
    data = unpadded.rstrip(b"\0")
    data += unpadded[len(data) : len(data) + MOST_ZEROS]
    if _ends_in_filling(data + END):
        raise FrameError("It is cut off before its end.")
    return data + END


def _ends_in_filling(content: bytes) -> bool:
    """Return whether a JPEG lacks its last pixels; only the last of its scans can be told, and cameras send one."""
    if content.count(SCAN) != 1 + content.count(SCAN, 0, _scan_of(content)):
        return True
    picture = _eighth(content)
    if picture is None:
        return True
    if picture[-1, -1] != FILLING:
        return False
    other = _eighth(content[: -len(END)] + OTHER_DATA + END)
    return other is None or not np.array_equal(picture, other)


def _scan_of(content: bytes) -> int:
    """Return where the first scan begins, after the segments, of which one may hold a preview with scans of its own."""
    return next((place for marker, place in _segments(content) if marker == SCAN[1]), len(content))


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Give marker and place of each segment up to the first scan; what is between them is skipped, as decoders do."""
    place = content.find(b"\xff", len(START))
    while 0 <= place < len(content) - 1:
        marker = content[place + 1]
        if 0 < marker < 0xFF:  # else it is filling
            yield marker, place
            if marker == SCAN[1]:
                return
            place += 1 + max(2, int.from_bytes(content[place + 2 : place + 4], "big"))
        place = content.find(b"\xff", place + 1)


def _eighth(content: bytes) -> np.ndarray | None:
    """Return the luminance at an eighth of the size, one pixel for each block of data; None if there is no picture."""
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(content, np.uint8), flags)


def fields(content: bytes) -> tuple[bytes, bytes] | None:
    """Return the upper and the lower field of an interlaced Motion JPEG frame, each a JPEG; None if it has no fields.

    Its first segment is AVI1, with the polarity after that name: 1 where the first field is the odd lines (the
    upper one), 2 where it is the even ones, 0 for a frame without fields.
    """
    polarity = content[10:11]
    if content[2:4] != b"\xff\xe0" or content[6:10] != b"AVI1" or polarity not in (b"\1", b"\2"):
        return None
    second = content.find(START + b"\xff", content.find(END))
    if second < 0:
        return None
    both = content[:second], content[second:]
    return both if polarity == b"\1" else (both[1], both[0])
