"""A rosbag2 (mcap) out; needs no ROS installation."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.files import DISK_FULL, unwritable
from illumigan_ros.recordings import metadata
from illumigan_ros.recordings.definitions import definition_of
from illumigan_ros.recordings.mcap_file import McapFile
from illumigan_ros.recordings.messages import BagTopic


class BagWriter:
    """A new rosbag2 (mcap), written as a context manager.

    The bag of a conversion, which can be repeated, is removed when an error ends the writing, so that no half bag
    remains. With `keep`, what was written stays whatever happens, in a bag that is closed as well as it can be.
    """

    def __init__(self, path: Path, *, keep: bool = False, end: int | None = None) -> None:
        """Create the bag folder; raises FrameError if it exists already or cannot be created.

        With `end`, as `flush` returned it, go on in the folder of a bag that was not finished; what was written later
        is cut off, all of it if that is 0. Raises ValueError if that bag is no longer as it was.
        """
        self.path = path
        self.custom_data: dict[str, str] = {}
        self.keep = keep
        self._types: dict[str, str] = {}
        self._channels: dict[str, int] = {}
        self._entries: dict[str, tuple[str, str]] = {}
        if end is not None:
            try:
                (path / metadata.FILE_NAME).unlink(missing_ok=True)
                file = path / f"{path.name}.mcap"
                if end == 0:
                    file.unlink(missing_ok=True)
                self._file = McapFile(file, end or None)
            except OSError as error:
                raise unwritable(path, error) from error
            return
        if path.exists():
            raise FrameError(f"{path} exists already; remove it or choose another name.")
        try:
            path.mkdir(parents=True)
            self._file = McapFile(path / f"{path.name}.mcap")
        except FileExistsError as error:  # somebody else's, made just now
            raise unwritable(path, error) from error
        except BaseException as error:  # a signal, too, must not leave a folder that stands in the way
            shutil.rmtree(path, ignore_errors=True)
            if isinstance(error, OSError):
                raise unwritable(path, error) from error
            raise

    @property
    def counts(self) -> dict[str, int]:
        """Topic -> number of messages in the file; what waits in memory is not among them."""
        return {topic: self._file.counts[channel] for topic, channel in self._channels.items()}

    def add_topic(self, topic: str, msgtype: str, *, reliable: bool = True, latched: bool = False) -> None:
        """Announce a topic before its first message; msgtype as in "sensor_msgs/msg/Image".

        `reliable` and `latched` (transient local) are the QoS that its publisher offers. Raises FrameError if the topic
        has another type already.
        """
        self.copy_topic(topic, BagTopic(msgtype, metadata.qos_yaml(reliable=reliable, latched=latched)))

    def copy_topic(self, topic: str, described: BagTopic) -> None:
        """Announce a topic as another bag describes it; what that does not tell is looked up.

        Raises FrameError if the topic has another type already.
        """
        msgtype = described.msgtype
        known = self._types.setdefault(topic, msgtype)
        if known != msgtype:
            raise FrameError(f"{topic} has the type {known} in {self.path} and cannot have {msgtype} as well.")
        if topic not in self._channels:
            definition, digest = definition_of(msgtype)
            language = "ros2msg"
            if described.definition:
                definition, language = described.definition, described.language
            qos = described.qos or metadata.qos_yaml()
            self._channels[topic] = self._file.add_channel(topic, msgtype, definition, qos, language)
            self._entries[topic] = (qos, described.digest or digest)

    def write(self, topic: str, time_ns: int, *raw: bytes | memoryview) -> None:
        """Append the CDR bytes of one message, in one part or several; raises FrameError when the disk takes no more.

        They must not change until the next `flush`.
        """
        try:
            self._file.write(self._channels[topic], max(0, time_ns), *raw)
        except OSError as error:
            raise self._full(error) from error

    def flush(self) -> int:
        """Put into the file what waits in memory and return its size; raises FrameError when the disk takes no more."""
        try:
            return self._file.flush()
        except OSError as error:
            raise self._full(error) from error

    def close(self) -> None:
        """Write index and metadata; raises FrameError when the disk takes no more, see `keep` for what then is said."""
        try:
            self._file.close(self._write_metadata)
        except OSError as error:
            raise self._full(error) from error

    def abandon(self) -> None:
        """Leave the bag as it is, unfinished."""
        self._file.abandon()

    def discard(self) -> None:
        """Remove the bag."""
        self._file.abandon()
        shutil.rmtree(self.path, ignore_errors=True)

    def _write_metadata(self) -> None:
        counts = self.counts
        entries = [
            metadata.TopicEntry(topic, self._types[topic], *entry, counts[topic])
            for topic, entry in self._entries.items()
        ]
        text = metadata.metadata_yaml(f"{self.path.name}.mcap", self._file.times_ns, entries, self.custom_data)
        target = self.path / metadata.FILE_NAME
        try:
            target.write_text(text, "utf-8")
        except OSError:
            with suppress(OSError):  # half of it would be worse than none
                target.unlink(missing_ok=True)
            raise

    def _full(self, error: OSError) -> FrameError:
        if not self.keep:
            return unwritable(self.path, error)
        why = "The disk is full" if error.errno in DISK_FULL else f"{self.path} can no longer be written"
        return FrameError(f"{why} ({first_line(error)}); what {self.path} holds is kept.")

    def __enter__(self) -> BagWriter:
        """Return the open writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the bag, or remove that of a conversion when an error ends the writing."""
        try:
            if kind is None or self.keep:
                self.close()
            else:
                self.discard()
        except FrameError:
            if not self.keep:
                self.discard()
            raise
