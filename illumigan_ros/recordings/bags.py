"""Rosbag2 (mcap and sqlite3) in and out through `rosbags`; needs no ROS installation.

Messages stay raw CDR wherever possible: the bytes of a bag go into `publisher.publish(...)` and come back from a raw
subscription unchanged, so a header that nobody touches cannot change.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.files import unwritable

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)
STORAGE_SUFFIXES = (".mcap", ".db3")

_FOREVER = QosTime(2147483647, 4294967295)
CAMERA_QOS = Qos(
    history=QosHistory.KEEP_LAST,
    depth=5,
    reliability=QosReliability.RELIABLE,
    durability=QosDurability.VOLATILE,
    deadline=_FOREVER,
    lifespan=_FOREVER,
    liveliness=QosLiveliness.AUTOMATIC,
    liveliness_lease_duration=_FOREVER,
    avoid_ros_namespace_conventions=False,
)


@cache
def typestore() -> Typestore:
    """Return the standard ROS 2 message definitions; the camera messages are the same in every distribution."""
    return get_typestore(Stores.LATEST)


def is_bag(path: Path) -> bool:
    """Tell whether a path looks like a rosbag2 (a folder, or an .mcap or .db3 file) rather than a video."""
    return path.is_dir() or path.suffix in (*STORAGE_SUFFIXES, ".bag")


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


@dataclass(frozen=True)
class BagMessage:
    """One recorded message: its topic, type, time of recording (ns) and CDR bytes."""

    topic: str
    msgtype: str
    time_ns: int
    raw: bytes


class BagReader:
    """A rosbag2, read in the order of recording; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open a bag folder or a bare .mcap or .db3 file.

        Raises FrameError if it is missing, damaged, or no rosbag2.
        """
        self.path = path
        if path.suffix == ".bag":
            raise FrameError(f"{path} is a ROS 1 bag; convert it first: rosbags-convert --src {path} --dst {path.stem}")
        if not path.exists():
            raise FrameError(f"There is no bag {path}.")
        storage = self._storage(path)
        try:
            self._reader = Reader(storage)
            self._reader.open()
        except Exception as error:  # rosbags lets many kinds through, depending on where the damage is
            raise FrameError(_unreadable(path, error)) from error

    @staticmethod
    def _storage(path: Path) -> Path:
        """Return what to open: a recorder that crashed leaves its storage file without metadata.yaml."""
        if not path.is_dir() or (path / "metadata.yaml").exists():
            return path
        files = [file for file in sorted(path.iterdir()) if file.suffix in STORAGE_SUFFIXES]
        if len(files) != 1:
            raise FrameError(f"{path} is no rosbag2: it has no metadata.yaml and {len(files)} .mcap or .db3 files.")
        return files[0]

    @property
    def topics(self) -> dict[str, str]:
        """Topic name -> message type, of everything in the bag."""
        return {connection.topic: connection.msgtype for connection in self._reader.connections}

    @property
    def image_topics(self) -> dict[str, str]:
        """Topic name -> message type, of the topics that carry images."""
        return {topic: msgtype for topic, msgtype in self.topics.items() if msgtype in IMAGE_TYPES}

    def count(self, topic: str) -> int:
        """Return how many messages a topic has."""
        return self._reader.topics[topic].msgcount

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
        """Yield the messages of some topics in the order of recording; raises FrameError where the bag is damaged."""
        connections = [connection for connection in self._reader.connections if connection.topic in topics]
        if not connections:
            return
        try:
            for connection, time_ns, raw in self._reader.messages(connections):
                yield BagMessage(connection.topic, connection.msgtype, time_ns, bytes(raw))
        except GeneratorExit:
            raise
        except Exception as error:
            raise FrameError(_unreadable(self.path, error)) from error

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def __enter__(self) -> BagReader:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self.close()


class BagWriter:
    """A new rosbag2; as a context manager it removes what it wrote when an error ends it, so no half bag remains."""

    def __init__(self, path: Path, storage: str = "mcap") -> None:
        """Create the bag folder; storage is "mcap" or "sqlite3".

        Raises FrameError if it exists already or cannot be created.
        """
        self.path = path
        if path.exists():
            raise FrameError(f"{path} exists already; remove it or choose another name.")
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        # Version 8 keeps the QoS spelling that Humble and Jazzy read as well as Kilted.
        self._writer = Writer(path, version=8, storage_plugin=plugin)
        try:
            self._writer.open()
        except Exception as error:
            raise unwritable(path, error) from error
        self._connections: dict[str, Connection] = {}

    def add_topic(self, topic: str, msgtype: str) -> None:
        """Announce a topic before its first message; msgtype as in "sensor_msgs/msg/Image"."""
        if topic in self._connections:
            return
        if msgtype not in typestore().fielddefs:
            raise FrameError(f"{topic} has the type {msgtype}, which is no standard ROS 2 message; leave it out.")
        self._connections[topic] = self._writer.add_connection(
            topic, msgtype, typestore=typestore(), offered_qos_profiles=[CAMERA_QOS]
        )

    def write(self, topic: str, time_ns: int, raw: bytes | memoryview) -> None:
        """Append the CDR bytes of one message; raises FrameError when the disk takes no more."""
        try:
            self._writer.write(self._connections[topic], time_ns, raw)
        except Exception as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Write index and metadata; raises FrameError when the disk takes no more."""
        try:
            self._writer.close()
        except Exception as error:
            self.discard()
            raise unwritable(self.path, error) from error

    def discard(self) -> None:
        """Remove the bag."""
        try:
            self._writer.abort()
        except Exception:  # what is left in its buffer did not fit either; the folder goes anyway
            pass
        finally:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        """Return the open writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the bag, or remove it when an error ends the writing."""
        if kind is None:
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


def _unreadable(path: Path, error: Exception) -> str:
    hint = "" if isinstance(error, PermissionError) else "; it is damaged, truncated or no rosbag2"
    return f"The bag {path} cannot be read{hint} ({first_line(error)})."
