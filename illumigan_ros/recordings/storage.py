"""One storage file of a bag, read as far as it goes: mcap or SQLite, compressed or not, whole or damaged."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import zstandard
from mcap.reader import SeekingReader
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat
from rosbags.rosbag2 import Reader

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.files import DISK_FULL
from illumigan_ros.recordings import bag_files, sqlite_files
from illumigan_ros.recordings.damaged import DamagedMcap, summary_fits
from illumigan_ros.recordings.mcap_messages import Stretch, messages_in
from illumigan_ros.recordings.messages import BagMessage, BagTopic
from illumigan_ros.recordings.metadata import qos_of

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR message begins so
COPY_BYTES = 1 << 20


class _Content(Protocol):
    """What a storage file holds, whoever reads it."""

    topics: dict[str, BagTopic]
    counts: Counter[str]

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]: ...

    def close(self) -> None: ...


class _Whole:
    """A storage file that rosbags reads."""

    def __init__(self, path: Path) -> None:
        self._reader = Reader(path)
        self._reader.open()
        self.topics = {connection.topic: _described(connection) for connection in self._reader.connections}
        self.counts = Counter({topic: info.msgcount for topic, info in self._reader.topics.items()})

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        connections = [connection for connection in self._reader.connections if connection.topic in topics]
        if connections:
            for connection, time_ns, raw in self._reader.messages(connections):
                yield BagMessage(connection.topic, connection.msgtype, time_ns, bytes(raw))

    def close(self) -> None:
        self._reader.close()


class _WholeMcap(_Whole):
    """An mcap file that rosbags reads; where messages lie in chunks, it tells what is there, and they are read here.

    rosbags copies each message three times on its way, which for pictures takes longer than reading them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._channels = {
            connection.id: (connection.topic, connection.msgtype) for connection in self._reader.connections
        }
        self._file = path.open("rb")
        try:
            summary = SeekingReader(self._file).get_summary()
        except BaseException:
            self.close()
            raise
        self._chunks = summary.chunk_indexes if summary else []

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        if not self._chunks:
            yield from super().messages(topics)
            return
        wanted = {number for number, (topic, _) in self._channels.items() if topic in topics}
        stretches = [
            Stretch(chunk.chunk_start_offset, chunk.chunk_length, True, chunk.message_start_time)
            for chunk in self._chunks
            if wanted & chunk.message_index_offsets.keys() or not chunk.message_index_offsets
        ]
        yield from messages_in(self._file, stretches, self._channels, topics, strict=True)

    def close(self) -> None:
        self._file.close()
        super().close()


def _described(connection: Connection) -> BagTopic:
    language = {MessageDefinitionFormat.MSG: "ros2msg", MessageDefinitionFormat.IDL: "ros2idl"}
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    definition = connection.msgdef
    return BagTopic(
        msgtype=connection.msgtype,
        qos=qos_of(connection.ext.offered_qos_profiles),
        definition=definition.data,
        language=language.get(definition.format, ""),
        digest=connection.digest,
    )


class StorageFile:
    """One file of a bag; `topics` (name -> `BagTopic`), `counts`, and `losses`, a sentence for each thing that is lost.

    Nothing is ever written beside the file: what has to be unpacked or put together lies in a temporary folder, which
    `close` removes.
    """

    def __init__(self, path: Path) -> None:
        """Open a storage file; raises FrameError if nothing can be read of it."""
        self.path = path
        self.losses: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._content: _Content | None = None
        try:
            self._open()
        except FrameError:
            self.close()
            raise
        except Exception as error:  # rosbags lets many kinds through, depending on where the damage is
            self.close()
            raise FrameError(_unreadable(path, error)) from error

    def _open(self) -> None:
        source = self.path
        kind = bag_files.kind_of(source)
        self.compressed = kind == bag_files.ZSTD
        if kind == bag_files.ZSTD:
            source = self._unpacked(source)
            kind = bag_files.kind_of(source)
        elif kind == bag_files.SQLITE and sqlite_files.logs_beside(source):
            source = sqlite_files.copy_with_logs(source, self._temporary())
        if kind not in (bag_files.MCAP, bag_files.SQLITE):
            raise FrameError(f"The bag {self.path} cannot be read; it is damaged, truncated or no rosbag2.")
        self._kind, self._source = kind, self._named(source, kind)
        try:
            if kind == bag_files.SQLITE and (missing := sqlite_files.missing_pages(self._source)):
                raise FrameError(f"{missing} pages are missing")
            if kind == bag_files.MCAP:
                _require_summary(self._source)
            self._content = _WholeMcap(self._source) if kind == bag_files.MCAP else _Whole(self._source)
        except PermissionError:
            raise
        except Exception as error:  # rosbags lets many kinds through, depending on where the damage is
            self._content = self._damaged(error)
        self.topics, self.counts = dict(self._content.topics), Counter(self._content.counts)

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order of recording; where damage shows itself, what lies behind it.

        Raises FrameError if the file can no longer be read at all.
        """
        if self._content is None:
            self._open()
        assert self._content is not None
        newest_ns, of_newest = None, 0
        try:
            for message in self._content.messages(topics):
                of_newest = of_newest + 1 if message.time_ns == newest_ns else 1
                newest_ns = message.time_ns
                yield from self._plain(message)
            return
        except (GeneratorExit, FrameError):
            raise
        except Exception as error:  # rosbags lets many kinds through, depending on where the damage is
            if isinstance(self._content, DamagedMcap):
                raise FrameError(_unreadable(self.path, error)) from error
            self._content.close()
            self._content = self._damaged(error)
        for message in self._content.messages(topics):
            if newest_ns is not None and message.time_ns <= newest_ns:
                of_newest -= message.time_ns == newest_ns
                if message.time_ns < newest_ns or of_newest >= 0:
                    continue
            yield from self._plain(message)

    def rest(self) -> None:
        """Let go of what was unpacked until the messages are asked for."""
        if self.compressed:
            self.close()

    def close(self) -> None:
        """Close the file and remove what was unpacked."""
        if self._content is not None:
            with suppress(Exception):
                self._content.close()
        self._content = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="illumigan_")
        return Path(self._folder.name)

    def _damaged(self, error: Exception) -> _Content:
        """Open what can be read of a damaged file and note what is lost."""
        try:
            if self._kind == bag_files.MCAP:
                content = DamagedMcap(self._source)
                for loss in content.losses:
                    self._lose(loss.replace(self._source.name, self.path.name, 1))
                return content
            recovered = _Whole(sqlite_files.recover(self._source, self._temporary()))
        except FrameError as nothing:
            raise FrameError(_unreadable(self.path, error)) from nothing
        self._lose(f"{self.path.name} is damaged; {recovered.counts.total()} messages of it are whole.")
        return recovered

    def _lose(self, loss: str) -> None:
        if loss not in self.losses:
            self.losses.append(loss)

    def _unpacked(self, source: Path) -> Path:
        """Decompress a .zstd file, as far as it goes, into the temporary folder."""
        target = self._temporary() / "unpacked"
        with source.open("rb") as packed, target.open("wb") as plain:
            step, content = zstandard.ZstdDecompressor().decompressobj(), packed.read(COPY_BYTES)
            with suppress(zstandard.ZstdError):
                while content:
                    plain.write(step.decompress(content))
                    if step.eof and step.unused_data:
                        content, step = step.unused_data, zstandard.ZstdDecompressor().decompressobj()
                    else:
                        content = packed.read(COPY_BYTES)
            if not step.eof:
                self._lose(f"{self.path.name} is cut off or damaged; it is read as far as it can be decompressed.")
        return target

    def _named(self, source: Path, kind: str) -> Path:
        """Return a path by which rosbags knows the kind, and in which its SQLite sees no options."""
        suffix = ".mcap" if kind == bag_files.MCAP else ".db3"
        if source.suffix == suffix and not set("?#%") & set(str(source)):
            return source
        link = self._temporary() / f"bag{suffix}"
        if link.exists():
            return link
        link.symlink_to(source.resolve())
        return link

    def _plain(self, message: BagMessage) -> Iterator[BagMessage]:
        """Decompress a message of a bag that is compressed message by message; nothing comes of a damaged one."""
        if not message.raw.startswith(ZSTD_MAGIC):
            yield message
            return
        step = zstandard.ZstdDecompressor().decompressobj()
        with suppress(zstandard.ZstdError):
            raw = step.decompress(message.raw)
            if step.eof:
                yield BagMessage(message.topic, message.msgtype, message.time_ns, raw)
                return
        self._lose(f"{self.path.name} has messages on {message.topic} that cannot be decompressed.")


def _require_summary(file: Path) -> None:
    """Raise FrameError if the summary of an mcap file is not as it was written."""
    with file.open("rb") as opened:
        if not summary_fits(opened):
            raise FrameError(f"the summary of {file.name} is damaged or missing")


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return f"There is no room in {tempfile.gettempdir()} to unpack {path}; free space there, or set TMPDIR."
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return f"The bag {path} cannot be read ({first_line(error)})."
    return f"The bag {path} cannot be read; it is damaged, truncated or no rosbag2 ({first_line(error)})."
