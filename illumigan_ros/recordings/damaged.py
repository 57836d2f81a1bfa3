"""Reading an mcap file that no one closed, or that is damaged: every whole message that is in it.

The file is walked record by record, as https://mcap.dev/spec lays them out, and never changed. The last chunk gives
what it holds up to its cut, compressed or not. The messages of a chunk that does not fit its checksum come all the
same, as most of them are right; that one is wrong is told. Memory holds one chunk at a time, and those that overlap it
in time.
"""

from __future__ import annotations

import heapq
import os
import struct
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Schema

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.messages import BagMessage, BagTopic

MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")  # opcode, length
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, time of recording, time of publishing
_CHUNK = struct.Struct("<QQQII")  # first time, last time, size, CRC, length of the compression's name
NO_SCHEMA = Schema(id=0, name="", encoding="", data=b"")
RUN_BYTES = 4 << 20  # of messages outside chunks that are read and sorted together
MOST_RECORD_BYTES = 1 << 30
SLICE_BYTES = 1 << 16
MOST_TOLD = 10  # chunks that do not fit their checksum
_FOOTER = struct.Struct("<BQQQI8s")  # opcode, length, starts of the summary and its offsets, checksum, magic
_CRC_BYTES = 4
ZEROS_OF_A_POWER_CUT = 4096  # a page; fewer may be the end of a dark picture


@dataclass
class _Stretch:
    """A part of the file that is read at once: a chunk, or messages that lie one behind the other."""

    offset: int
    length: int
    is_chunk: bool
    first_ns: int
    last_ns: int


class DamagedMcap:
    """What can be read of an mcap file.

    `topics` has name -> `BagTopic`, `counts` the number of whole messages, `losses` sentences on what is lost, if
    anything is. Raises FrameError if nothing can be read.
    """

    def __init__(self, path: Path) -> None:
        """Walk through the file once."""
        self.path = path
        self.topics: dict[str, BagTopic] = {}
        self.counts: Counter[str] = Counter()
        self.losses: list[str] = []
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, tuple[str, str]] = {}
        self._stretches: list[_Stretch] = []
        self._damaged_chunks = 0
        self._doubts: list[str] = []
        self._doubtful = 0
        self._file = path.open("rb")
        try:
            self._size = self._size_without_zeros()
            if self._file.read(len(MAGIC)) != MAGIC:
                raise FrameError(f"{path.name} does not begin as an mcap file does")
            self._walk()
            if not self._channels:
                raise FrameError(f"{path.name} ends before its first message")
        except BaseException:
            self._file.close()
            raise

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the whole messages of some topics in the order of recording."""
        waiting: list[tuple[int, int, int, BagMessage]] = []
        for stretch in sorted(self._stretches, key=lambda stretch: stretch.first_ns):
            while waiting and waiting[0][0] < stretch.first_ns:
                yield heapq.heappop(waiting)[-1]
            for number, (channel, time_ns, raw) in enumerate(self._messages_in(stretch)):
                topic, msgtype = self._channels[channel]
                if topic in topics:
                    message = BagMessage(topic, msgtype, time_ns, bytes(raw))
                    heapq.heappush(waiting, (time_ns, stretch.offset, number, message))
        while waiting:
            yield heapq.heappop(waiting)[-1]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _size_without_zeros(self) -> int:
        """Return the size of the file less the zeros that a power cut leaves where data was yet to be written."""
        size = end = self._file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - SLICE_BYTES)
            self._file.seek(start)
            content = self._file.read(end - start).rstrip(b"\0")
            if content:
                end = start + len(content)
                break
            end = start
        self._file.seek(0)
        return end if size - end >= ZEROS_OF_A_POWER_CUT else size

    def _walk(self) -> None:
        """Note where messages lie, up to the end of the data or of what is whole; then say what was lost."""
        position, closed, gaps = len(MAGIC), False, 0
        known_chunks: list[int] | None = None
        while True:
            step = self._step(position)
            if step == position:
                closed = True
                break
            if step is not None:
                position = step
                continue
            if known_chunks is None:
                known_chunks = self._chunks_in_summary()
            next_chunk = next((offset for offset in known_chunks if offset > position), None)
            if next_chunk is None:
                break
            position, gaps = next_chunk, gaps + 1
        indexed = not closed or summary_fits(self._file)
        self.losses = self._describe(closed, gaps + self._damaged_chunks + (not indexed))

    def _step(self, position: int) -> int | None:
        """Note the record at a position and return where the next one is.

        That is the same position at the end of the data, and None where there is no whole record.
        """
        try:
            self._file.seek(position)
            head = self._file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return None
            opcode, length = _HEAD.unpack(head)
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                return position
            if not (Opcode.HEADER <= opcode <= Opcode.DATA_END or opcode >= 0x80) or length > MOST_RECORD_BYTES:
                return None
            end = position + _HEAD.size + length
            if opcode == Opcode.CHUNK:
                self._note_chunk(position, self._file.read(min(length, self._size - position)), whole=end <= self._size)
            elif end <= self._size and opcode == Opcode.MESSAGE:
                self._note_message(position, end, self._file.read(_MESSAGE.size))
            elif end <= self._size and opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._note_definition(opcode, self._file.read(length))
        except OSError:  # a bad sector
            return None
        return end if end <= self._size else None

    def _note_chunk(self, position: int, record: bytes, *, whole: bool) -> None:
        content, fits = _chunk_content(record)
        times = []
        used = 0
        counts: Counter[str] = Counter()
        for opcode, payload in _whole_records(content):
            used += _HEAD.size + len(payload)
            if opcode == Opcode.MESSAGE and len(payload) >= _MESSAGE.size:
                channel, _, time_ns, _ = _MESSAGE.unpack_from(payload)
                if channel in self._channels:
                    times.append(time_ns)
                    counts[self._channels[channel][0]] += 1
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._note_definition(opcode, bytes(payload))
        if whole and not (fits and used == len(content)):
            self._damaged_chunks += 1
            if _has_checksum(record):
                self._doubts.append(self._describe_chunk(position, record, counts))
                self._doubtful += counts.total()
        self.counts += counts
        if times:
            self._stretches.append(_Stretch(position, _HEAD.size + len(record), True, min(times), max(times)))

    def _note_message(self, position: int, end: int, head: bytes) -> None:
        channel, _, time_ns, _ = _MESSAGE.unpack(head)
        if channel not in self._channels:
            return
        self.counts[self._channels[channel][0]] += 1
        run = self._stretches[-1] if self._stretches else None
        if run and not run.is_chunk and run.offset + run.length == position and run.length < RUN_BYTES:
            run.length = end - run.offset
            run.first_ns, run.last_ns = min(run.first_ns, time_ns), max(run.last_ns, time_ns)
        else:
            self._stretches.append(_Stretch(position, end - position, False, time_ns, time_ns))

    def _note_definition(self, opcode: int, payload: bytes) -> None:
        with suppress(McapError, struct.error, UnicodeDecodeError):
            if opcode == Opcode.SCHEMA:
                schema = Schema.read(ReadDataStream(BytesIO(payload)))
                self._schemas[schema.id] = schema
            else:
                channel = Channel.read(ReadDataStream(BytesIO(payload)))
                schema = self._schemas.get(channel.schema_id, NO_SCHEMA)
                self._channels[channel.id] = (channel.topic, schema.name)
                qos = channel.metadata.get("offered_qos_profiles", "")
                definition = schema.data.decode("utf-8", errors="replace")
                self.topics[channel.topic] = BagTopic(schema.name, qos, definition, schema.encoding)

    def _messages_in(self, stretch: _Stretch) -> Iterator[tuple[int, int, memoryview]]:
        self._file.seek(stretch.offset)
        content = self._file.read(stretch.length)
        if stretch.is_chunk:
            content, _ = _chunk_content(content[_HEAD.size :])
        for opcode, payload in _whole_records(content):
            if opcode == Opcode.MESSAGE and len(payload) >= _MESSAGE.size:
                channel, _, time_ns, _ = _MESSAGE.unpack_from(payload)
                if channel in self._channels:
                    yield channel, time_ns, payload[_MESSAGE.size :]

    def _chunks_in_summary(self) -> list[int]:
        """Return where chunks begin, by the summary of a file that was closed; nothing if there is none."""
        try:
            self._file.seek(0)
            summary = SeekingReader(self._file).get_summary()
        except Exception:  # it is damaged, too
            return []
        return sorted(index.chunk_start_offset for index in summary.chunk_indexes) if summary else []

    def _describe(self, closed: bool, places: int) -> list[str]:
        reasons = [] if closed else ["is cut off, as when its recorder is killed"]
        if places:
            reasons.append(f"is damaged in {places} place{'s' if places > 1 else ''}")
        if not reasons:
            return []
        count = self.counts.total() - self._doubtful
        whole = f"{self.path.name} {' and '.join(reasons)}; {count} messages of it are whole."
        more = len(self._doubts) - MOST_TOLD
        rest = [f"{self.path.name} has {more} more such chunks."] if more > 0 else []
        return [whole, *self._doubts[:MOST_TOLD], *rest]

    def _describe_chunk(self, position: int, record: bytes, counts: Counter[str]) -> str:
        first_ns, last_ns, *_ = _CHUNK.unpack_from(record)
        held = ", ".join(f"{count} of {topic}" for topic, count in counts.items()) or "none"
        span = f"from {first_ns / 1e9:.3f} to {last_ns / 1e9:.3f} s"
        return (
            f"{self.path.name} has wrong bytes in what was recorded {span}: the chunk at byte {position} does not fit "
            f"its checksum; the messages that are found in it come all the same ({held})."
        )


def summary_fits(file: BinaryIO) -> bool:
    """Tell whether the summary of an mcap file that was closed is as it was written, as far as it has a checksum."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _FOOTER.size))
    footer = file.read(_FOOTER.size)
    if len(footer) < _FOOTER.size:
        return False
    _, _, start, _, crc, magic = _FOOTER.unpack(footer)
    if magic != MAGIC or not start or not crc:
        return magic == MAGIC
    file.seek(start)
    summary = file.read(max(0, size - start - _CRC_BYTES - len(MAGIC)))
    return zlib.crc32(summary) == crc


def _whole_records(content: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and payload of the records in a chunk, up to its end or to a record that is not whole."""
    view, position = memoryview(content), 0
    while position + _HEAD.size <= len(view):
        opcode, length = _HEAD.unpack_from(view, position)
        end = position + _HEAD.size + length
        if end > len(view) or opcode == 0:
            return
        yield opcode, view[position + _HEAD.size : end]
        position = end


def _chunk_content(record: bytes) -> tuple[bytes, bool]:
    """Return the records in a chunk as far as they are there, and whether that is all of it, unchanged."""
    if len(record) < _CHUNK.size:
        return b"", False
    _, _, size, crc, name_length = _CHUNK.unpack_from(record)
    start = _CHUNK.size + name_length + 8
    compression = record[_CHUNK.size : _CHUNK.size + name_length]
    content = _decompressed(compression, record[start:])
    return content, len(content) == size and (not crc or zlib.crc32(content) == crc)


def _has_checksum(record: bytes) -> bool:
    return len(record) >= _CHUNK.size and _CHUNK.unpack_from(record)[3] != 0


def _decompressed(compression: bytes, content: bytes) -> bytes:
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
            return b""
        for position in range(0, len(content), SLICE_BYTES):
            parts.append(step(content[position : position + SLICE_BYTES]))
    return b"".join(parts)
