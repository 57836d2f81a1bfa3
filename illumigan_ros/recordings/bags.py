"""Rosbag2 (mcap and sqlite3) in and out; needs no ROS installation.

Messages stay raw CDR wherever possible: the bytes of a bag go into `publisher.publish(...)` and come back from a raw
subscription unchanged, so a header that nobody touches cannot change.
"""

from __future__ import annotations

import shutil
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.files import DISK_FULL, unwritable
from illumigan_ros.recordings import bag_files, metadata
from illumigan_ros.recordings.definitions import definition_of, typestore
from illumigan_ros.recordings.mcap_file import McapFile
from illumigan_ros.recordings.messages import BagMessage
from illumigan_ros.recordings.storage import StorageFile

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)


def header_stamp_ns(raw: bytes | memoryview) -> int:
    """Read the header's stamp, in nanoseconds, from the CDR bytes of a message whose first field is a header.

    Raises FrameError if there are too few bytes.
    """
    if len(raw) < 12:
        raise FrameError(f"A message of {len(raw)} bytes cannot hold a header; the bag or its recorder is damaged.")
    seconds, nanoseconds = struct.unpack_from("<iI" if raw[1] & 1 else ">iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def restamped(raw: bytes | memoryview, stamp_ns: int) -> bytes:
    """Return the CDR bytes of a message with another stamp, in nanoseconds, in its header."""
    copy = bytearray(raw)
    struct.pack_into("<iI" if copy[1] & 1 else ">iI", copy, 4, *divmod(stamp_ns, 1_000_000_000))
    return bytes(copy)


class BagReader:
    """A rosbag2, read in the order of recording; use it as a context manager.

    What a crash, a full disk or a bad copy has left of it is read as far as it goes: `losses` then has a sentence for
    each thing that is missing (some show themselves only while messages are read), `notes` one for what else is odd.
    """

    def __init__(self, path: Path) -> None:
        """Open a bag folder or one of its files.

        Raises FrameError if it is missing, no rosbag2, or so damaged that nothing can be read.
        """
        self.path = path
        if not path.exists():
            raise FrameError(f"There is no bag {path}.")
        try:
            if not path.is_dir() and bag_files.kind_of(path) == bag_files.ROS1:
                convert = f"rosbags-convert --src {path} --dst {path.stem}"
                raise FrameError(f"{path} is a ROS 1 bag; convert it first: {convert}")
            found = bag_files.find_files(path)
        except OSError as error:
            raise FrameError(f"The bag {path} cannot be read ({first_line(error)}).") from error
        if not found.files:
            raise FrameError(f"{path} is no rosbag2: it has no metadata.yaml and no .mcap or .db3 file that is there.")
        self._promised = found.promise.counts if found.promise else {}
        self._losses, self.notes = found.losses, found.notes
        self._files = self._open(found.files)

    def _open(self, files: list[Path]) -> list[StorageFile]:
        """Open each file; those of which nothing can be read are losses, if there are others."""
        opened: list[StorageFile] = []
        failures = []
        try:
            for file in files:
                try:
                    opened.append(StorageFile(file))
                except FrameError as error:
                    failures.append(error)
                    continue
                if len(files) > 1:
                    opened[-1].rest()
        except BaseException:
            for storage in opened:
                storage.close()
            raise
        if not opened:
            raise failures[0]
        self._losses += [str(error) for error in failures]
        return opened

    @property
    def losses(self) -> list[str]:
        """One sentence for each thing that is known to be missing so far."""
        return [loss for storage in self._files for loss in storage.losses] + self._losses

    @property
    def topics(self) -> dict[str, str]:
        """Topic name -> message type, of everything in the bag."""
        return {topic: msgtype for storage in self._files for topic, msgtype in storage.topics.items()}

    @property
    def image_topics(self) -> dict[str, str]:
        """Topic name -> message type, of the topics that carry images."""
        return {topic: msgtype for topic, msgtype in self.topics.items() if msgtype in IMAGE_TYPES}

    def count(self, topic: str) -> int:
        """Return how many messages of a topic are there."""
        return sum(storage.counts[topic] for storage in self._files)

    def pick_image_topic(self, wanted: str | None = None) -> str:
        """Return the wanted image topic, or the only one with images; raises FrameError that lists what there is."""
        images = self.image_topics
        if not images:
            content = ", ".join(f"{topic} ({msgtype})" for topic, msgtype in sorted(self.topics.items()))
            raise FrameError(f"{self.path} has no image topic; it holds {content or 'nothing'}.")
        names = ", ".join(sorted(images))
        if wanted is not None:
            for topic in (wanted, "/" + wanted):
                if topic in images and self.count(topic):
                    return topic
                if topic in images:
                    raise FrameError(f"{self.path} has no images on {topic}; choose another with --topic: {names}.")
            raise FrameError(f"{self.path} has no image topic {wanted}; choose one with --topic: {names}.")
        filled = [topic for topic in images if self.count(topic)]
        if not filled:
            raise FrameError(f"{self.path} is empty: no images on {names}.")
        if len(filled) > 1:
            raise FrameError(f"{self.path} has several image topics; choose one with --topic: {names}.")
        return filled[0]

    def camera_info_topic(self, image_topic: str) -> str | None:
        """Return the CameraInfo topic that belongs to an image topic: its neighbour, or the only one."""
        infos = [topic for topic, msgtype in self.topics.items() if msgtype == CAMERA_INFO]
        folder = image_topic.removesuffix("/compressed").rpartition("/")[0]
        neighbours = [topic for topic in infos if topic == f"{folder}/camera_info"]
        return neighbours[0] if neighbours else infos[0] if len(infos) == 1 else None

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order of recording; at the end `losses` has what did not come."""
        came: Counter[str] = Counter()
        for storage in self._files:
            try:
                for message in storage.messages(topics):
                    came[message.topic] += 1
                    yield message
            except FrameError as error:
                self._lose(str(error))
            if len(self._files) > 1:
                storage.rest()
        for topic in topics:
            promised = max(self._promised.get(topic, 0), self.count(topic))
            if came[topic] < promised:
                self._lose(f"{came[topic]} of {promised} messages on {topic} are there.")

    def _lose(self, loss: str) -> None:
        if loss not in self._losses:
            self._losses.append(loss)

    def close(self) -> None:
        """Close the files."""
        for storage in self._files:
            storage.close()

    def __enter__(self) -> BagReader:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self.close()


class BagWriter:
    """A new rosbag2 (mcap), written as a context manager.

    The bag of a conversion, which can be repeated, is removed when an error ends the writing, so that no half bag
    remains. With `keep`, what was written stays whatever happens, in a bag that is closed as well as it can be.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        """Create the bag folder; raises FrameError if it exists already or cannot be created."""
        self.path = path
        self._keep = keep
        self._types: dict[str, str] = {}
        self._channels: dict[str, int] = {}
        self._entries: dict[str, tuple[str, str]] = {}
        if path.exists():
            raise FrameError(f"{path} exists already; remove it or choose another name.")
        try:
            path.mkdir(parents=True)
            self._file = McapFile(path / f"{path.name}.mcap")
        except OSError as error:
            with suppress(OSError):
                path.rmdir()
            raise unwritable(path, error) from error

    @property
    def counts(self) -> dict[str, int]:
        """Topic -> number of messages in the file; what waits in memory is not among them."""
        return {topic: self._file.counts[channel] for topic, channel in self._channels.items()}

    def add_topic(self, topic: str, msgtype: str, *, reliable: bool = True, latched: bool = False) -> None:
        """Announce a topic before its first message; msgtype as in "sensor_msgs/msg/Image".

        `reliable` and `latched` (transient local) are the QoS that its publisher offers. Raises FrameError if the topic
        has another type already.
        """
        known = self._types.setdefault(topic, msgtype)
        if known != msgtype:
            raise FrameError(f"{topic} has the type {known} in {self.path} and cannot have {msgtype} as well.")
        if topic not in self._channels:
            definition, digest = definition_of(msgtype)
            qos = metadata.qos_yaml(reliable=reliable, latched=latched)
            self._channels[topic] = self._file.add_channel(topic, msgtype, definition, qos)
            self._entries[topic] = (qos, digest)

    def write(self, topic: str, time_ns: int, raw: bytes | memoryview) -> None:
        """Append the CDR bytes of one message; raises FrameError when the disk takes no more."""
        try:
            self._file.write(self._channels[topic], max(0, time_ns), raw)
        except OSError as error:
            raise self._full(error) from error

    def flush(self) -> None:
        """Put into the file what waits in memory; raises FrameError when the disk takes no more."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._full(error) from error

    def close(self) -> None:
        """Write index and metadata; raises FrameError when the disk takes no more, see `keep` for what then remains."""
        try:
            self._file.close(self._write_metadata)
        except OSError as error:
            if not self._keep:
                self.discard()
            raise self._full(error) from error

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
        text = metadata.metadata_yaml(f"{self.path.name}.mcap", self._file.times_ns, entries)
        target = self.path / metadata.FILE_NAME
        try:
            target.write_text(text, "utf-8")
        except OSError:
            with suppress(OSError):  # half of it would be worse than none
                target.unlink(missing_ok=True)
            raise

    def _full(self, error: OSError) -> FrameError:
        if not self._keep:
            return unwritable(self.path, error)
        why = "The disk is full" if error.errno in DISK_FULL else f"{self.path} can no longer be written"
        return FrameError(f"{why} ({first_line(error)}); what {self.path} holds is kept.")

    def __enter__(self) -> BagWriter:
        """Return the open writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the bag, or remove that of a conversion when an error ends the writing."""
        if kind is None or self._keep:
            self.close()
        else:
            self.discard()


def decode(message: BagMessage) -> Any:
    """Turn CDR bytes into an object with the message's fields (arrays as numpy); raises FrameError if they are cut."""
    try:
        return typestore().deserialize_cdr(message.raw, message.msgtype)
    except Exception as error:
        raise FrameError(
            f"A message on {message.topic} is damaged ({first_line(error)}); skip it or record anew."
        ) from error


def image_cdr(picture: np.ndarray, stamp_ns: int, frame_id: str = "camera") -> bytes:
    """Serialise a picture, uint8 HxWx3 BGR (bgr8) or HxW (mono8), as a sensor_msgs/Image."""
    types = typestore().types
    height, width = picture.shape[:2]
    message = types[IMAGE](
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="bgr8" if picture.ndim == 3 else "mono8",
        is_bigendian=0,
        step=width * (3 if picture.ndim == 3 else 1),
        data=np.ascontiguousarray(picture).reshape(-1),
    )
    return bytes(typestore().serialize_cdr(message, IMAGE))


def camera_info_cdr(width: int, height: int, stamp_ns: int, frame_id: str = "camera") -> bytes:
    """Serialise the CameraInfo of an ideal pinhole camera with a horizontal view of 60 degrees."""
    types = typestore().types
    focal = width / 2 / np.tan(np.radians(30.0))
    intrinsics = np.array([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1], np.float64)
    message = types[CAMERA_INFO](
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5, np.float64),
        k=intrinsics,
        r=np.eye(3, dtype=np.float64).reshape(-1),
        p=np.hstack([intrinsics.reshape(3, 3), np.zeros((3, 1))]).reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )
    return bytes(typestore().serialize_cdr(message, CAMERA_INFO))


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = typestore().types
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)
