"""What is in an mcap file that was not closed: its chunks, so that it can be gone on with."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, ChunkIndex, Header, McapRecord, MessageIndex, Schema
from mcap.stream_reader import StreamReader, breakup_chunk


@dataclass
class FoundChunk:
    """A chunk that is in a file: its index, how many messages each channel has in it, and what it defines."""

    index: ChunkIndex
    counts: Counter[int] = field(default_factory=Counter)
    schemas: list[Schema] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)


def chunks_up_to(path: Path, end: int) -> Iterator[FoundChunk]:
    """Yield the chunks of a file that end, with their message indexes, at or before a place in bytes.

    Raises OSError, and ValueError if no whole records end there, or a chunk does not fit its checksum.
    """
    with path.open("rb") as file:
        yield from _chunks_up_to(file, end)


def _chunks_up_to(file: BinaryIO, end: int) -> Iterator[FoundChunk]:
    found: FoundChunk | None = None
    start = 0
    for record in _records(file):
        after = file.tell()
        if isinstance(record, Chunk):
            if found is not None:
                yield found
            found = _look_into(record, start, after)
        elif isinstance(record, MessageIndex) and found is not None:
            found.index.message_index_offsets[record.channel_id] = start
            found.index.message_index_length = after - found.index.chunk_start_offset - found.index.chunk_length
            found.counts[record.channel_id] = len(record.records)
        elif not isinstance(record, Header):
            raise ValueError(f"there is a {type(record).__name__} at byte {start}")
        start = after
        if after >= end:
            break
    if start != end:
        raise ValueError(f"no record ends at byte {end}")
    if found is not None:
        yield found


def _records(file: BinaryIO) -> Iterator[McapRecord]:
    try:
        yield from StreamReader(file, emit_chunks=True).records
    except (McapError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def _look_into(chunk: Chunk, start: int, after: int) -> FoundChunk:
    index = ChunkIndex(
        message_start_time=chunk.message_start_time,
        message_end_time=chunk.message_end_time,
        chunk_start_offset=start,
        chunk_length=after - start,
        message_index_offsets={},
        message_index_length=0,
        compression=chunk.compression,
        compressed_size=len(chunk.data),
        uncompressed_size=chunk.uncompressed_size,
    )
    found = FoundChunk(index)
    for record in breakup_chunk(chunk, validate_crc=True):
        if isinstance(record, Schema):
            found.schemas.append(record)
        elif isinstance(record, Channel):
            found.channels.append(record)
    return found
