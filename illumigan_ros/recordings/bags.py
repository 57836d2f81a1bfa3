"""A rosbag2 in: mcap and SQLite, whole or damaged; needs no ROS installation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from illumigan_model.errors import FrameError, first_line
from illumigan_ros.recordings import bag_files
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE_TYPES
from illumigan_ros.recordings.messages import BagMessage, BagTopic
from illumigan_ros.recordings.storage import StorageFile


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
        return {topic: described.msgtype for topic, described in self.described.items()}

    @property
    def described(self) -> dict[str, BagTopic]:
        """Topic name -> what the bag says of it."""
        return {topic: described for storage in self._files for topic, described in storage.topics.items()}

    @property
    def image_topics(self) -> dict[str, str]:
        """Topic name -> message type, of the topics that carry images."""
        return {topic: msgtype for topic, msgtype in self.topics.items() if msgtype in IMAGE_TYPES}

    def count(self, topic: str) -> int:
        """Return how many messages of a topic are there."""
        return sum(storage.counts[topic] for storage in self._files)

    def pick_image_topic(self, wanted: str | None = None, option: str = "--topic") -> str:
        """Return the wanted image topic, or the only one with images.

        Raises FrameError that lists what there is, and names the option with which to choose.
        """
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
                    raise FrameError(f"{self.path} has no images on {topic}; choose another with {option}: {names}.")
            raise FrameError(f"{self.path} has no image topic {wanted}; choose one with {option}: {names}.")
        filled = [topic for topic in images if self.count(topic)]
        if not filled:
            raise FrameError("; ".join([f"{self.path} is empty: no images on {names}", *self.losses]).rstrip(".") + ".")
        if len(filled) > 1:
            raise FrameError(f"{self.path} has several image topics; choose one with {option}: {names}.")
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

    @property
    def files(self) -> list[Path]:
        """The storage files of which something can be read, in the order of recording."""
        return [storage.path for storage in self._files]

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
