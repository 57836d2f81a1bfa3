"""Whether a video file was cut off, by its own bytes: what FFmpeg does not say where a file is made to be cut up."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

TS_PACKET, TS_SYNC = 188, b"\x47"  # ISO/IEC 13818-1
BOX_HEAD, LONG_SIZE = 8, 8  # bytes; ISO/IEC 14496-12


def ends_within_a_piece(path: Path) -> bool:
    """Tell whether an MP4 file's last box, or a transport stream's last packet, is not whole; False for other kinds.

    Raises OSError if the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(2 * TS_PACKET)
        if head[4:8] == b"ftyp":
            return _ends_within_a_box(file, size)
        return head[:1] == head[TS_PACKET : TS_PACKET + 1] == TS_SYNC and size % TS_PACKET > 0


def _ends_within_a_box(file: BinaryIO, size: int) -> bool:
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(BOX_HEAD + LONG_SIZE)
        length = int.from_bytes(head[:4], "big")
        if length == 0:  # the box goes on to the end of the file
            return False
        if length == 1:  # the length stands behind the name
            length = int.from_bytes(head[BOX_HEAD:], "big")
        place += max(length, BOX_HEAD)
    return place > size
