"""Footage: a bag or a video, seen as the stream of messages that one camera sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import no_file
from illumigan_ros.node.messages import compressed_to_bgr, to_bgr
from illumigan_ros.recordings.bag_files import is_bag
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, decode, image_cdr
from illumigan_ros.recordings.messages import BagMessage
from illumigan_ros.recordings.video import VideoReader

CAMERA_TOPICS = {IMAGE: "image", COMPRESSED_IMAGE: "image/compressed", CAMERA_INFO: "camera_info"}
NANOSECONDS = 1_000_000_000


def picture_of(message: BagMessage) -> np.ndarray:
    """Return the pixels of an image message as uint8 HxWx3 BGR; raises FrameError if they cannot be read."""
    image = decode(message)
    return compressed_to_bgr(image) if message.msgtype == COMPRESSED_IMAGE else to_bgr(image)


class Footage:
    """One camera's messages from a bag or a video file; use it as a context manager.

    Attributes: `path`, `name` (for people), `image_type` (message type of the frames), `has_camera_info`,
    `frame_count` (0 if unknown), `stamped` (whether the headers carry the camera's own stamps; those of a video are its
    frames' times).
    """

    def __init__(self, path: Path, topic: str | None = None) -> None:
        """Open a bag (one image topic of it) or a video; raises FrameError if that cannot be done."""
        self.path = path
        self._reader: BagReader | VideoReader
        if not path.exists():
            raise FrameError(f"There is no bag or video {path}.")
        if not path.is_dir() and (what := no_file(path)):
            raise FrameError(f"{path} is {what} and no bag or video.")
        if is_bag(path):
            self._open_bag(BagReader(path), topic)
        elif topic is not None:
            raise FrameError(f"{path} is a video and has no topic {topic}; leave --topic away.")
        else:
            self._reader = VideoReader(path)
            self.name, self.image_type = path.name, IMAGE
            self.has_camera_info, self.stamped = False, False
            self.frame_count = self._reader.frame_count

    def _open_bag(self, reader: BagReader, topic: str | None) -> None:
        self._reader = reader
        try:
            self._image_topic = reader.pick_image_topic(topic)
        except FrameError:
            reader.close()
            raise
        self._info_topic = reader.camera_info_topic(self._image_topic)
        self.name = f"{reader.path.name}:{self._image_topic}"
        self.image_type = reader.image_topics[self._image_topic]
        self.has_camera_info, self.stamped = self._info_topic is not None, True
        self.frame_count = reader.count(self._image_topic)

    @property
    def losses(self) -> list[str]:
        """One sentence for each thing that is known to be missing so far, as of what was cut off."""
        return self._reader.losses

    @property
    def notes(self) -> list[str]:
        """One sentence for what else is worth knowing."""
        return self._reader.notes

    def messages(self, seconds: float | None = None) -> Iterator[BagMessage]:
        """Yield the messages on the topics `image` (or `image/compressed`) and `camera_info`, up to some seconds."""
        first: int | None = None
        for message in self._bag_messages() if isinstance(self._reader, BagReader) else self._video_messages():
            first = message.time_ns if first is None else first
            if seconds is not None and message.time_ns - first >= seconds * NANOSECONDS:
                return
            yield message

    def _bag_messages(self) -> Iterator[BagMessage]:
        assert isinstance(self._reader, BagReader)
        topics = [topic for topic in (self._image_topic, self._info_topic) if topic is not None]
        for message in self._reader.messages(topics):
            yield replace(message, topic=CAMERA_TOPICS[message.msgtype])

    def _video_messages(self) -> Iterator[BagMessage]:
        assert isinstance(self._reader, VideoReader)
        for picture, time, _ in self._reader:
            time_ns = round(time * NANOSECONDS)
            yield BagMessage(CAMERA_TOPICS[IMAGE], IMAGE, time_ns, image_cdr(picture, time_ns))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __enter__(self) -> Footage:
        """Return the open footage."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()
