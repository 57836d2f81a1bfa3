"""A video as a bag with one camera, for whoever takes both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_files import is_bag
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import IMAGE
from illumigan_ros.recordings.footage import Footage
from illumigan_ros.recordings.messages import BagMessage, BagTopic

TOPIC = "/image"


class VideoAsBag:
    """A video, seen through the properties and methods of `BagReader`; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open a video; raises FrameError if it is none."""
        self.path = path
        self._footage = Footage(path)
        self.notes = self._footage.notes
        self.files = [path]
        self.described = {TOPIC: BagTopic(IMAGE)}
        self.image_topics = {TOPIC: IMAGE}

    @property
    def losses(self) -> list[str]:
        """One sentence for each thing that is known to be missing so far."""
        return self._footage.losses

    def count(self, topic: str) -> int:
        """Return about how many frames there are, 1 if nobody knows."""
        return max(1, self._footage.frame_count) if topic == TOPIC else 0

    def pick_image_topic(self, wanted: str | None = None, option: str = "--topic") -> str:
        """Return the only topic; raises FrameError if another one is wanted."""
        if wanted not in (None, TOPIC, TOPIC[1:]):
            raise FrameError(f"{self.path} is a video and has no topic {wanted}; leave {option} away.")
        return TOPIC

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        """Yield the frames, if their topic is among those asked for."""
        if TOPIC in topics:
            for message in self._footage.messages():
                yield replace(message, topic=TOPIC)

    def close(self) -> None:
        """Close the file."""
        self._footage.close()

    def __enter__(self) -> VideoAsBag:
        """Return the open video."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


Source = BagReader | VideoAsBag


def open_source(path: Path) -> Source:
    """Open a bag or a video; raises FrameError if it is missing, or neither of the two."""
    if not path.exists():
        raise FrameError(f"There is no bag or video {path}.")
    return BagReader(path) if is_bag(path) else VideoAsBag(path)
