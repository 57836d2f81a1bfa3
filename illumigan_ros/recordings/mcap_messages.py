"""The messages of an mcap file in the order of recording, read from where they are known to lie.

Records are those of https://mcap.dev/spec. Memory holds one stretch of the file at a time, and those that overlap it in
time.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import lz4.frame
import zstandard
from mcap.opcode import Opcode

from illumigan_model.system.checksum import crc32
from illumigan_model.system.page_cache import CacheTrail
from illumigan_ros.recordings.messages import BagMessage

RECORD_HEAD = struct.Struct("<BQ")  # opcode, length
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, time of recording, time of publishing
CHUNK_HEAD = struct.Struct("<QQQII")  # first time, last time, size, CRC, length of the compression's name
SLICE_BYTES = 1 << 16


@dataclass
class Stretch:
    """A part of the file that is read at once: a chunk, or messages that lie one behind the other."""

    offset: int
    length: int
    is_chunk: bool
    first_ns: int


def messages_in(
    file: BinaryIO,
    stretches: Iterable[Stretch],
    channels: Mapping[int, tuple[str, str]],
    topics: Collection[str],
    *,
    strict: bool,
) -> Iterator[BagMessage]:
    """Yield the messages of some topics that lie in some stretches of a file.

    `channels` has the topic and the type of each channel's number; messages on others are left out. What is
    found in a chunk that is not as it was written comes all the same, or, if `strict`, raises ValueError.
    """
    waiting: list[tuple[int, int, int, BagMessage]] = []
    trail = CacheTrail(file.fileno())
    for stretch in sorted(stretches, key=lambda stretch: stretch.first_ns):
        while waiting and waiting[0][0] < stretch.first_ns:
            yield heapq.heappop(waiting)[-1]
        file.seek(stretch.offset)
        content = memoryview(file.read(stretch.length))
        trail.reach(stretch.offset)
        if stretch.is_chunk:
            content, fits = chunk_content(content[RECORD_HEAD.size :])
            if strict and not fits:
                raise ValueError(f"the chunk at byte {stretch.offset} is not as it was written")
        for number, (opcode, payload) in enumerate(whole_records(content)):
            if opcode != Opcode.MESSAGE or len(payload) < MESSAGE_HEAD.size:
                continue
            channel, _, time_ns, _ = MESSAGE_HEAD.unpack_from(payload)
            topic, msgtype = channels.get(channel, ("", ""))
            if topic in topics:
                message = BagMessage(topic, msgtype, time_ns, bytes(payload[MESSAGE_HEAD.size :]))
                heapq.heappush(waiting, (time_ns, stretch.offset, number, message))
    while waiting:
        yield heapq.heappop(waiting)[-1]


def whole_records(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and payload of the records in a chunk, up to its end or to a record that is not whole."""
    position = 0
    while position + RECORD_HEAD.size <= len(content):
        opcode, length = RECORD_HEAD.unpack_from(content, position)
        end = position + RECORD_HEAD.size + length
        if end > len(content) or opcode == 0:
            return
        yield opcode, content[position + RECORD_HEAD.size : end]
        position = end


def chunk_content(record: memoryview) -> tuple[memoryview, bool]:
    """Return the records in a chunk as far as they are there, and whether that is all of it, unchanged."""
    if len(record) < CHUNK_HEAD.size:
        return memoryview(b""), False
    _, _, size, crc, name_length = CHUNK_HEAD.unpack_from(record)
    start = CHUNK_HEAD.size + name_length + 8
    compression = bytes(record[CHUNK_HEAD.size : CHUNK_HEAD.size + name_length])
    content = _decompressed(compression, record[start:])
    return content, len(content) == size and (not crc or crc32(content) == crc)


def _decompressed(compression: bytes, content: memoryview) -> memoryview:
    """Decompress as far as it goes."""
    if not compression:
        return content
    parts: list[bytes] = []
    with suppress(zstandard.ZstdError, RuntimeError, EOFError):
        if compression == b"zstd":
            step = zstandard.ZstdDecompressor().decompressobj().decompress
        elif compression == b"lz4":
            step = lz4.frame.LZ4FrameDecompressor().decompress
        else:
            return memoryview(b"")
        for position in range(0, len(content), SLICE_BYTES):
            parts.append(step(content[position : position + SLICE_BYTES]))
    return memoryview(b"".join(parts))
