"""Bags as recorders leave them, closed, killed or copied badly; each has the same messages, or the first of them."""

import io
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import zstandard
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as RosbagsWriter

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE
from illumigan_ros.recordings.definitions import typestore
from inputs.section import Section

TOPIC = "/camera/image"
COUNT = 12
CDR = b"\x00\x01\x00\x00"
MESSAGES = [(1_600_000_000_000_000_000 + index * 100_000_000, CDR + bytes([index]) * 3000) for index in range(COUNT)]


@dataclass(frozen=True)
class BagInput:
    """A bag: what it is, how to make it at a path (which is returned, or the file to read), and what is said of it.

    `fewest` messages must come, the first ones; `said` are words of what is told to be missing, empty where all come.
    """

    name: str
    make: Callable[[Path], Path]
    fewest: int = COUNT
    said: str = ""


def write_bag(path, messages=MESSAGES):
    with BagWriter(path) as bag:
        bag.add_topic(TOPIC, IMAGE)
        for time_ns, raw in messages:
            bag.write(TOPIC, time_ns, raw)
    return path


def write_mcap(path, messages=MESSAGES, **options):
    """Write an mcap file as other recorders do: chunks of a few messages, or none, compressed or not."""
    content = io.BytesIO()
    writer = Writer(content, chunk_size=8000, **options)
    writer.start("ros2")
    schema = writer.register_schema(IMAGE, "ros2msg", typestore().generate_msgdef(IMAGE, ros_version=2)[0].encode())
    channel = writer.register_channel(TOPIC, "cdr", schema)
    for time_ns, raw in messages:
        writer.add_message(channel, time_ns, raw, time_ns)
    writer.finish()
    path.write_bytes(content.getvalue())
    return path


def write_with_rosbags(path, storage=StoragePlugin.SQLITE3, compression=None, messages=MESSAGES):
    writer = RosbagsWriter(path, version=8, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(TOPIC, IMAGE, typestore=typestore())
        for time_ns, raw in messages:
            writer.write(connection, time_ns, raw)
    return path


def killed_sqlite(folder, *, checkpointed=6):
    """Write a bag as rosbag2 does whose recorder is killed: the last messages are in the log beside the file."""
    whole = write_with_rosbags(folder.with_name("whole"))
    folder.mkdir()
    live = folder.with_name("live.db3")
    with closing(sqlite3.connect(whole / "whole.db3")) as old, closing(sqlite3.connect(live)) as new:
        new.isolation_level = None
        new.execute("PRAGMA journal_mode=WAL")
        new.execute("PRAGMA wal_autocheckpoint=0")
        dump = list(old.iterdump())
        rows = [line for line in dump if line.startswith('INSERT INTO "messages"')]
        for line in dump:
            if line not in (*rows, "BEGIN TRANSACTION;", "COMMIT;"):
                new.execute(line)
        for line in rows[:checkpointed]:
            new.execute(line)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for line in rows[checkpointed:]:
            new.execute(line)
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", folder / f"drive_0.db3{suffix}")
    return folder


def cut(file, kept=0.5):
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    return file


def file_alone(bag):
    """Return the one storage file of a bag, whose metadata.yaml then is not read."""
    return next(file for file in bag.iterdir() if file.name != "metadata.yaml")


def without_metadata(bag):
    (bag / "metadata.yaml").unlink()
    return bag


def cut_mcap(path):
    return cut(write_mcap(path.with_suffix(".mcap"), compression=CompressionType.NONE))


def flipped_mcap(path):
    file = write_mcap(path.with_suffix(".mcap"), compression=CompressionType.NONE)
    content = bytearray(file.read_bytes())
    content[content.index(MESSAGES[-1][1]) + 1000] ^= 1
    file.write_bytes(content)
    return file


def cut_sqlite(path):
    # Large messages, as a database of a few pages has none that is whole behind a cut.
    large = [(time_ns, raw[:5] + os.urandom(50_000)) for time_ns, raw in MESSAGES]
    bag = write_with_rosbags(path, messages=large)
    cut(file_alone(bag))
    return bag


def splits(path, *, zstd=False):
    path.mkdir()
    for index, message in enumerate(MESSAGES):  # drive_10 comes after drive_9
        file = write_mcap(path / f"drive_{index}.mcap", [message])
        if zstd:
            (path / f"drive_{index}.mcap.zstd").write_bytes(zstandard.compress(file.read_bytes()))
            file.unlink()
    return path


def promising(path):
    bag = write_bag(path)
    text = (bag / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(text.replace("message_count: 12", "message_count: 15"))
    return bag


def lacking_a_file(path):
    bag = write_bag(path)
    text = (bag / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(text.replace("- drive.mcap\n", "- drive.mcap\n  - drive_1.mcap\n"))
    return bag


def damaged_metadata(path):
    bag = write_bag(path)
    cut(bag / "metadata.yaml")
    return bag


def packed(storage, mode, then=lambda bag: bag):
    def make(path):
        return then(write_with_rosbags(path, storage, mode))

    return make


PACKED = tuple(
    BagInput(f"{kind}, compressed by {how} with zstd{form}", packed(storage, mode, *then))
    for storage, kind in ((StoragePlugin.MCAP, "mcap"), (StoragePlugin.SQLITE3, "SQLite (.db3)"))
    for mode, how in ((CompressionMode.FILE, "file"), (CompressionMode.MESSAGE, "message"))
    for form, *then in (("",), (", without metadata.yaml", without_metadata), (", a file alone", file_alone))
)
BAGS = (
    BagInput("mcap", write_bag),
    BagInput("mcap, chunks compressed with lz4", lambda path: write_mcap(path, compression=CompressionType.LZ4)),
    BagInput("mcap, chunks compressed with zstd", lambda path: write_mcap(path, compression=CompressionType.ZSTD)),
    BagInput("mcap, without chunks", lambda path: write_mcap(path, use_chunking=False)),
    BagInput("mcap, a file alone", lambda path: file_alone(write_bag(path))),
    BagInput("mcap, cut off", cut_mcap, COUNT // 2 - 2, "is cut off, as when its recorder is killed"),
    BagInput("mcap, a byte of a chunk flipped", flipped_mcap, COUNT, "does not fit its checksum"),
    BagInput("SQLite (.db3)", write_with_rosbags),
    BagInput("SQLite (.db3), a file alone", lambda path: file_alone(write_with_rosbags(path))),
    BagInput("SQLite (.db3), cut off", cut_sqlite, COUNT // 2 - 2, "is damaged"),
    BagInput("SQLite (.db3), its recorder killed: the last messages in the `-wal` beside it", killed_sqlite),
    *PACKED,
    BagInput("splits without metadata.yaml, in their natural order", splits),
    BagInput("splits without metadata.yaml, compressed by file", lambda path: splits(path, zstd=True)),
    BagInput("metadata.yaml damaged or empty", damaged_metadata),
    BagInput("metadata.yaml promises more messages than there are", promising, COUNT, "12 of 15 messages"),
    BagInput("metadata.yaml names a file that is not there", lacking_a_file, COUNT, "names drive_1.mcap, which is not"),
)

SECTION = Section(
    title="Bags",
    introduction=(
        "rosbag2, read by `illumigan enhance-bag` and `illumigan play-bag`: a folder or one of its files, told by what "
        "they hold and not by their names. Of what is damaged every whole message comes, in order; what is missing is "
        "said, and the command ends with exit code 1. ROS 1 bags are refused with the command that converts them. "
        "What is written is mcap with metadata.yaml. mcap has a checksum for each chunk, by which a byte that flips "
        "later is noticed and told, with topic and time; SQLite, and mcap without chunks, have none."
    ),
    head=("bag", "said to be missing"),
    table=tuple((row.name, f"... {row.said} ..." if row.said else "") for row in BAGS),
)
