"""The metadata of an ONNX file, read without the package onnx and without loading the graph.

A file is one ModelProto of onnx.proto3 (github.com/onnx/onnx) in protobuf's wire format: fields one after another, each
a key (number << 3 | wire type) and a value. Its field 14, metadata_props, holds entries of a key (1) and a value (2).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

METADATA_PROPS, KEY, VALUE = 14, 1, 2
VARINT, EIGHT_BYTES, WITH_LENGTH, FOUR_BYTES = 0, 1, 2, 5
LONGEST_VARINT = 10  # bytes
LONGEST_ENTRY = 1 << 20  # bytes, far more than anything that is written there


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file, key -> value; empty for one that has none.

    Raises:
        ValueError: it is no ONNX file, or is cut off.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        entries = [dict(fields(io.BytesIO(entry), {KEY, VALUE})) for entry in of_model(file)]
    return {entry.get(KEY, b"").decode(): entry.get(VALUE, b"").decode() for entry in entries}


def of_model(file: BinaryIO) -> Iterator[bytes]:
    """Give the entries of a model's metadata, still encoded."""
    return (content for _, content in fields(file, {METADATA_PROPS}))


def fields(message: BinaryIO, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """Give number and content of the fields of a message that are wanted, and step over the others.

    Only fields of bytes can be wanted. Raises ValueError where the message is damaged or cut off.
    """
    end = message.seek(0, os.SEEK_END)
    message.seek(0)
    while message.tell() < end:
        number, kind = divmod(varint(message), 8)
        if kind == VARINT:
            varint(message)
            continue
        if kind not in (EIGHT_BYTES, FOUR_BYTES, WITH_LENGTH):
            raise ValueError("it is no ONNX file")
        size = varint(message) if kind == WITH_LENGTH else 8 if kind == EIGHT_BYTES else 4
        if message.tell() + size > end:
            raise ValueError("it is cut off")
        if number in wanted and kind == WITH_LENGTH and size <= LONGEST_ENTRY:
            yield number, message.read(size)
        else:
            message.seek(size, os.SEEK_CUR)


def varint(message: BinaryIO) -> int:
    """Read a number that is written in groups of seven bits, the lowest first; raises ValueError if it does not end."""
    value = 0
    for place in range(LONGEST_VARINT):
        (byte,) = message.read(1) or b"\x80"
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value
    raise ValueError("it is cut off")
