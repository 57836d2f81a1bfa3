"""Reading an mcap file that no one closed, or that is damaged: every whole message that is in it.

The file is walked record by record, as https://mcap.dev/spec lays them out, and never changed. The last chunk gives
what it holds up to its cut, compressed or not. The messages of a chunk that does not fit its checksum come all the
same, as most of them are right; that one is wrong is told.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Schema

from illumigan_model.errors import FrameError
from illumigan_model.system.checksum import crc32
from illumigan_ros.recordings.mcap_messages import (
    CHUNK_HEAD,
    MESSAGE_HEAD,
    RECORD_HEAD,
    SLICE_BYTES,
    Stretch,
    chunk_content,
    messages_in,
    whole_records,
)
from illumigan_ros.recordings.messages import BagMessage, BagTopic

MAGIC = b"\x89MCAP0\r\n"
NO_SCHEMA = Schema(id=0, name="", encoding="", data=b"")
RUN_BYTES = 4 << 20  # of messages outside chunks that are read and sorted together
MOST_RECORD_BYTES = 1 << 30
MOST_TOLD = 10  # chunks that do not fit their checksum
_FOOTER = struct.Struct("<BQQQI8s")  # opcode, length, starts of the summary and its offsets, checksum, magic
_CRC_BYTES = 4
ZEROS_OF_A_POWER_CUT = 4096  # a page; fewer may be the end of a dark picture


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
        self._stretches: list[Stretch] = []
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
        yield from messages_in(self._file, self._stretches, self._channels, topics, strict=False)

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
            head = self._file.read(RECORD_HEAD.size)
            if len(head) < RECORD_HEAD.size:
                return None
            opcode, length = RECORD_HEAD.unpack(head)
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                return position
            if not (Opcode.HEADER <= opcode <= Opcode.DATA_END or opcode >= 0x80) or length > MOST_RECORD_BYTES:
                return None
            end = position + RECORD_HEAD.size + length
            if opcode == Opcode.CHUNK:
                self._note_chunk(position, self._file.read(min(length, self._size - position)), whole=end <= self._size)
            elif end <= self._size and opcode == Opcode.MESSAGE:
                self._note_message(position, end, self._file.read(MESSAGE_HEAD.size))
            elif end <= self._size and opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._note_definition(opcode, self._file.read(length))
        except OSError:  # a bad sector
            return None
        return end if end <= self._size else None

    def _note_chunk(self, position: int, record: bytes, *, whole: bool) -> None:
        content, fits = chunk_content(memoryview(record))
        times = []
        used = 0
        counts: Counter[str] = Counter()
        for opcode, payload in whole_records(content):
            used += RECORD_HEAD.size + len(payload)
            if opcode == Opcode.MESSAGE and len(payload) >= MESSAGE_HEAD.size:
                channel, _, time_ns, _ = MESSAGE_HEAD.unpack_from(payload)
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
            self._stretches.append(Stretch(position, RECORD_HEAD.size + len(record), True, min(times)))

    def _note_message(self, position: int, end: int, head: bytes) -> None:
        channel, _, time_ns, _ = MESSAGE_HEAD.unpack(head)
        if channel not in self._channels:
            return
        self.counts[self._channels[channel][0]] += 1
        run = self._stretches[-1] if self._stretches else None
        if run and not run.is_chunk and run.offset + run.length == position and run.length < RUN_BYTES:
            run.length = end - run.offset
            run.first_ns = min(run.first_ns, time_ns)
        else:
            self._stretches.append(Stretch(position, end - position, False, time_ns))

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
        first_ns, last_ns, *_ = CHUNK_HEAD.unpack_from(record)
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
    return crc32(summary) == crc


def _has_checksum(record: bytes) -> bool:
    return len(record) >= CHUNK_HEAD.size and CHUNK_HEAD.unpack_from(record)[3] != 0
