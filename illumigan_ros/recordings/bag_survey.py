"""What is in a bag: how much of each topic and how regularly, how light its pictures are, what is broken."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from illumigan_model.attention import mean_luma
from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import NoPictureError, compressed_to_bgr, to_bgr
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import COMPRESSED_IMAGE, IMAGE, IMAGE_TYPES, decode
from illumigan_ros.recordings.footage import NANOSECONDS
from illumigan_ros.recordings.messages import BagMessage

MOMENTS = 60  # at which the pictures of a camera are looked at
GAP_FACTOR = 3.0  # times the usual interval, from which on messages are missing
FEWEST_INTERVALS = 4


@dataclass
class TopicSurvey:
    """One topic: its messages' times of recording (ns), and bytes in all."""

    msgtype: str
    times_ns: array[int] = field(default_factory=lambda: array("q"))
    bytes: int = 0

    @property
    def hertz(self) -> float | None:
        """Messages per second; None where there are too few to tell."""
        if len(self.times_ns) < 2 or self.times_ns[-1] <= self.times_ns[0]:
            return None
        return (len(self.times_ns) - 1) * NANOSECONDS / (self.times_ns[-1] - self.times_ns[0])

    def gaps(self) -> list[tuple[float, float]]:
        """Return the pauses of `GAP_FACTOR` usual intervals or more: when (s after the first message), how long (s)."""
        intervals = np.diff(np.array(self.times_ns, np.int64)) / NANOSECONDS
        if len(intervals) < FEWEST_INTERVALS or (usual := float(np.median(intervals))) <= 0:
            return []
        begins = np.cumsum(intervals) - intervals
        long = np.greater(intervals, GAP_FACTOR * usual)
        return list(zip(begins[long].tolist(), intervals[long].tolist(), strict=True))


@dataclass
class CameraSurvey(TopicSurvey):
    """A topic with images: sizes and encodings by number of images, and mean luminances (0..1) over time.

    `backwards` counts the stamps that do not come after the one before, `unreadable` the images that cannot be read,
    the first because of `why`; of compressed ones not all are tried. `no_picture` says why a topic has none.
    """

    sizes: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    lumas: list[float] = field(default_factory=list)
    backwards: int = 0
    unreadable: int = 0
    why: str = ""
    no_picture: str = ""
    _newest_ns: int = -1
    _seen: int = 0

    def see(self, message: BagMessage, stride: int) -> None:
        """Look at an image; the light of every `stride`-th is measured."""
        measured = self._seen % stride == 0
        self._seen += 1
        try:
            image = decode(message)
            stamp_ns = image.header.stamp.sec * NANOSECONDS + image.header.stamp.nanosec
            self.backwards += 0 < stamp_ns <= self._newest_ns
            self._newest_ns = stamp_ns
            self.encodings[image.encoding if message.msgtype == IMAGE else image.format.strip()] += 1
            if message.msgtype == IMAGE:
                self.sizes[f"{image.width}x{image.height}"] += 1
            elif not measured:
                return
            picture = compressed_to_bgr(image) if message.msgtype == COMPRESSED_IMAGE else to_bgr(image)
        except NoPictureError as error:
            self.no_picture = str(error)
        except FrameError as error:
            self.unreadable += 1
            self.why = self.why or str(error)
        else:
            if message.msgtype == COMPRESSED_IMAGE:
                self.sizes[f"{picture.shape[1]}x{picture.shape[0]}"] += 1
            if measured:
                self.lumas.append(mean_luma(picture))


def survey(reader: BagReader, advance: Callable[[int, int], None]) -> dict[str, TopicSurvey]:
    """Read a bag to its end and return what each topic has; `advance` is told of each message and its bytes.

    All messages and raw images are read, of compressed ones some `MOMENTS`. `reader.losses` is complete after this.
    """
    topics = {
        topic: (CameraSurvey if msgtype in IMAGE_TYPES else TopicSurvey)(msgtype)
        for topic, msgtype in reader.topics.items()
    }
    strides = {topic: max(1, -(-reader.count(topic) // MOMENTS)) for topic in topics}
    for message in reader.messages(list(topics)):
        found = topics[message.topic]
        found.times_ns.append(message.time_ns)
        found.bytes += len(message.raw)
        if isinstance(found, CameraSurvey):
            found.see(message, strides[message.topic])
        advance(1, len(message.raw))
    return topics
