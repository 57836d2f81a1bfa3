"""Writing an mcap file that holds whole records at every moment, so that whatever ends it costs nothing written before.

The records are those of https://mcap.dev/spec, laid out as rosbag2 does: a header with the profile `ros2`, chunks with
the schemas, channels and messages, each followed by its message indexes, then the summary and the footer.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, DataEnd, Footer, Header, McapRecord, MessageIndex, Schema, Statistics

from illumigan_model.system.checksum import crc32
from illumigan_model.system.page_cache import CacheTrail
from illumigan_ros.recordings.mcap_chunks import chunks_up_to

MAGIC = b"\x89MCAP0\r\n"
MESSAGE_HEAD = struct.Struct("<BQHIQQ")  # opcode, length, channel, sequence, time of recording, time of publishing
CHUNK_HEAD = struct.Struct("<BQQQQIIQ")  # opcode, length, first time, last time, size, CRC, no compression, size
CRC = struct.Struct("<I")
CHUNK_BYTES = 1 << 20
MOST_GIVEN_UP = 32  # chunks whose room the summary may take on a full disk


@dataclass
class _Chunk:
    """Messages that wait to be written as one chunk: their bytes, and where each lies, by channel."""

    parts: list[bytes | memoryview] = field(default_factory=list)
    size: int = 0
    indexes: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, *parts: bytes | memoryview) -> None:
        self.parts += parts
        self.size += sum(map(len, parts))


class McapFile:
    """A new mcap file; `counts` has the number of messages written on each channel.

    Every method raises OSError where the disk takes no more; the file then ends with the last whole record.
    """

    def __init__(self, path: Path, end: int | None = None) -> None:
        """Create the file; raises OSError if there is one already.

        With `end`, go on with one that was not closed, behind its first `end` bytes; what follows them is cut off.
        Raises ValueError if they are not the whole records of such a file.
        """
        self._file = path.open("xb" if end is None else "r+b", buffering=0)
        self._end = 0
        self._trail = CacheTrail(self._file.fileno())
        self._schemas: list[Schema] = []
        self._channels: list[Channel] = []
        self._chunk = _Chunk()
        self._chunk_indexes: list[bytes] = []  # serialised, because hours of recording have many
        self._newest_counts: deque[Counter[int]] = deque(maxlen=MOST_GIVEN_UP)
        self.counts: Counter[int] = Counter()
        self.times_ns: tuple[int, int] | None = None
        try:
            if end is None:
                self._append(MAGIC, _bytes(Header("ros2", "illumigan")))
            else:
                self._take_up(path, end)
        except BaseException:
            self.abandon()
            raise

    def _take_up(self, path: Path, end: int) -> None:
        """Take what is in the file up to a place for written, and cut off the rest."""
        for chunk in chunks_up_to(path, end):
            self._schemas += chunk.schemas
            self._channels += chunk.channels
            self._index(chunk.index, chunk.counts)
        if not self._cut(end):
            raise ValueError("the file cannot be changed")

    def add_channel(self, topic: str, msgtype: str, definition: str, qos: str, language: str = "ros2msg") -> int:
        """Announce a topic and return its channel; where the file was taken up, that which it has already.

        `qos` is the YAML of the profiles its publishers offered, `language` that of the definition of its type.
        """
        known = next((channel for channel in self._channels if channel.topic == topic), None)
        if known is not None:
            return known.id
        schema = next((known for known in self._schemas if known.name == msgtype), None)
        if schema is None:
            encoding = language if definition else ""
            schema = Schema(id=len(self._schemas) + 1, name=msgtype, encoding=encoding, data=definition.encode())
            self._schemas.append(schema)
            self._chunk.add(_bytes(schema))
        number = len(self._channels) + 1
        metadata = {"offered_qos_profiles": qos}
        channel = Channel(id=number, topic=topic, message_encoding="cdr", metadata=metadata, schema_id=schema.id)
        self._channels.append(channel)
        self._chunk.add(_bytes(channel))
        return number

    def write(self, channel: int, time_ns: int, *raw: bytes | memoryview) -> None:
        """Append one message; `time_ns` (0 .. 2^64 - 1) is when it was recorded.

        Its bytes may come in several parts, which are not put together; they must not change until the next `flush`.
        """
        size = sum(map(len, raw))
        if self._chunk.size + size > CHUNK_BYTES:  # so that a full disk costs as few messages as it can
            self.flush()
        self._chunk.indexes.setdefault(channel, []).append((time_ns, self._chunk.size))
        head = MESSAGE_HEAD.pack(Opcode.MESSAGE, MESSAGE_HEAD.size - 9 + size, channel, 0, time_ns, time_ns)
        self._chunk.add(head, *raw)
        if self._chunk.size >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> int:
        """Hand the messages that wait to the system, after which a killed process leaves them in the file.

        Returns how many bytes the file has then.
        """
        chunk, self._chunk = self._chunk, _Chunk()
        if not chunk.size:
            return self._end
        times = [time_ns for entries in chunk.indexes.values() for time_ns, _ in entries] or [0]
        length = CHUNK_HEAD.size - 9 + chunk.size
        crc = 0  # by which a reader notices a byte that flips later, on the disk or on the way to another one
        for part in chunk.parts:
            crc = crc32(part, crc)
        head = CHUNK_HEAD.pack(Opcode.CHUNK, length, min(times), max(times), chunk.size, crc, 0, chunk.size)
        start, indexes_start = self._end, self._end + CHUNK_HEAD.size + chunk.size
        indexes = RecordBuilder()
        offsets = {}
        for channel, entries in chunk.indexes.items():
            offsets[channel] = indexes_start + indexes.count
            MessageIndex(channel, entries).write(indexes)
        indexes_length = indexes.count
        self._append(head, *chunk.parts, indexes.end())
        index = ChunkIndex(
            message_start_time=min(times),
            message_end_time=max(times),
            chunk_start_offset=start,
            chunk_length=indexes_start - start,
            message_index_offsets=offsets,
            message_index_length=indexes_length,
            compression="",
            compressed_size=chunk.size,
            uncompressed_size=chunk.size,
        )
        self._index(index, Counter({channel: len(entries) for channel, entries in chunk.indexes.items()}))
        return self._end

    def _index(self, index: ChunkIndex, counts: Counter[int]) -> None:
        """Note where a chunk is that has been written, and how many messages of each channel are in it."""
        self._chunk_indexes.append(_bytes(index))
        self._newest_counts.append(counts)
        self.counts += counts

    def close(self, beside: Callable[[], None]) -> None:
        """Write what waits, call `beside` (which writes what lies beside this file), then write the summary.

        On a full disk the newest chunks give up their room until both fit. Raises OSError if messages were given up for
        that, `counts` then tells what is left; also if it did not help, the messages are in the file all the same.
        """
        shortage = None
        try:
            self.flush()
        except OSError as error:
            shortage = error
        while True:
            self._find_times()
            try:
                beside()
                self._append(self._summary())
                break
            except OSError as error:
                shortage = error
                if not self._newest_counts or not self._give_up_newest_chunk():
                    self.abandon()
                    raise
        self._file.close()
        if shortage is not None:
            raise shortage

    def abandon(self) -> None:
        """Close the file as it is."""
        with suppress(OSError):
            self._file.close()

    def _append(self, *parts: bytes | memoryview) -> None:
        """Write all the parts or nothing."""
        try:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError:
            self._cut(self._end)
            raise
        self._end += sum(map(len, parts))
        self._trail.reach(self._end)

    def _cut(self, end: int) -> bool:
        try:
            self._file.seek(end)
            self._file.truncate()
        except OSError:  # a disk that went read-only: what is too much stays, and readers stop at it
            return False
        self._end = end
        return True

    def _give_up_newest_chunk(self) -> bool:
        start: int = struct.unpack_from("<Q", self._chunk_indexes[-1], 9 + 16)[0]
        if not self._cut(start):
            return False
        self._chunk_indexes.pop()
        self.counts -= self._newest_counts.pop()
        return True

    def _find_times(self) -> None:
        """Set `times_ns` to the first and last time of what is in the file."""
        heads = [struct.unpack_from("<QQQQI", index, 9) for index in self._chunk_indexes]
        times = [(start, end) for start, end, _, _, indexed in heads if indexed]  # else it holds no message
        self.times_ns = (min(start for start, _ in times), max(end for _, end in times)) if times else None

    def _summary(self) -> bytes:
        data_end = _bytes(DataEnd(data_section_crc=0))
        start, end = self.times_ns or (0, 0)
        statistics = Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=dict(self.counts),
            chunk_count=len(self._chunk_indexes),
            message_count=sum(self.counts.values()),
            message_end_time=end,
            message_start_time=start,
            metadata_count=0,
            schema_count=len(self._schemas),
        )
        groups = [_bytes(*self._schemas), _bytes(*self._channels), b"".join(self._chunk_indexes), _bytes(statistics)]
        footer = Footer(summary_start=self._end + len(data_end), summary_offset_start=0, summary_crc=0)
        summary = b"".join(groups) + _bytes(footer)[: -CRC.size]  # its own checksum is the last thing in a footer
        return b"".join([data_end, summary, CRC.pack(crc32(summary)), MAGIC])


def _bytes(*records: McapRecord) -> bytes:
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    return builder.end()
