"""What is compared: the frames of a bag, a video or pictures, and which of them are measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.photos import PHOTO_SUFFIXES, read_photo
from illumigan_model.picture_files import heif_suffixes
from illumigan_model.system.files import shown
from illumigan_ros.recordings.bag_files import find_files
from illumigan_ros.recordings.footage import CAMERA_TOPICS, NANOSECONDS, Footage, picture_of
from illumigan_ros.recordings.messages import BagMessage
from illumigan_ros.recordings.metadata import FILE_NAME
from illumigan_ros.recordings.picture_folder import PictureFolder, find_pictures

if TYPE_CHECKING:
    from illumigan_training.evaluation.truth import Truth

RUN_UP = 8  # frames before a measured one, which methods that remember the past are shown


@dataclass(frozen=True)
class SourceFrame:
    """A frame (uint8 H x W x 3 BGR) with its number from 0 on, its name for people and its time in seconds.

    `measured`: it is one of those that count; the others lead up to them. `follows`: it comes right after the last one.
    """

    number: int
    name: str
    time: float
    bgr: np.ndarray
    measured: bool
    follows: bool


class MovingSource:
    """A bag or a video."""

    is_still = False
    truth = None

    def __init__(self, path: Path, topic: str | None) -> None:
        """Open it; raises FrameError as `Footage` does."""
        self._path, self._topic = path, topic
        self.left_out: list[str] = []
        with Footage(path, topic) as footage:
            self.name = footage.name
            self.count = footage.frame_count or sum(1 for _ in _images(footage))
            self.losses: list[str] = []

    def keys(self) -> list[str]:
        """Return what a table of truth calls each frame: its number."""
        return [str(number) for number in range(self.count)]

    def frames(self, chosen: Collection[int]) -> Iterator[SourceFrame]:
        """Yield the chosen frames, by number, with those that lead up to them; `losses` are complete after the last."""
        wanted = {number - back for number in chosen for back in range(RUN_UP + 1)}
        number, last, first_ns = -1, -1, None
        with Footage(self._path, self._topic) as footage:
            for number, message in enumerate(_images(footage)):
                first_ns = message.time_ns if first_ns is None else first_ns
                if number not in wanted:
                    continue
                try:
                    bgr = picture_of(message)
                except FrameError as error:
                    self.left_out.append(f"{self.name}, frame {number}: {error}")
                    continue
                time = (message.time_ns - first_ns) / NANOSECONDS
                yield SourceFrame(number, as_clock(time), time, bgr, number in chosen, last == number - 1 >= 0)
                last = number
            self.count = number + 1  # of a video, it was an estimate
            self.losses = footage.losses


class StillSource:
    """Pictures that have nothing to do with each other."""

    is_still = True
    truth = None
    losses: tuple[str, ...] = ()

    def __init__(self, folder: PictureFolder, name: str) -> None:
        """Take the pictures that were found."""
        self._folder, self.name = folder, name
        self.count = len(folder.pictures)
        self.left_out = list(folder.unreadable)

    def keys(self) -> list[str]:
        """Return what a table of truth calls each picture: the name of its file."""
        return [path.name for path in self._folder.pictures]

    def frames(self, chosen: Collection[int]) -> Iterator[SourceFrame]:
        """Yield the chosen pictures, by number; those that cannot be read are told in `left_out`."""
        for number in sorted(chosen):
            path = self._folder.root / self._folder.pictures[number]
            try:
                bgr = read_photo(path)
            except FrameError as error:
                self.left_out.append(str(error))
                continue
            yield SourceFrame(number, shown(Path(path.name)), float(number), bgr, True, False)


class Source(Protocol):
    """Footage: its name, how many frames it has, and whether they have nothing to do with each other.

    `truth` says what is to be found in the frames, if that is known. When all frames have come, `left_out` has a
    sentence for each that could not be read, `losses` one for each thing that the footage lacks.
    """

    name: str
    count: int
    is_still: bool
    left_out: list[str]

    @property
    def losses(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def truth(self) -> Truth | None: ...  # noqa: D102

    def keys(self) -> list[str]: ...  # noqa: D102

    def frames(self, chosen: Collection[int]) -> Iterator[SourceFrame]: ...  # noqa: D102


def open_source(path: Path, topic: str | None = None) -> Source:
    """Open a bag (one image topic of it), a video, pictures in a folder or one; raises FrameError if it is none."""
    if path.is_dir() and not (path / FILE_NAME).exists() and not find_files(path).files:
        return StillSource(find_pictures(path), shown(Path(path.resolve().name)))
    if path.is_file() and path.suffix.lower() in PHOTO_SUFFIXES + heif_suffixes():
        return StillSource(PictureFolder(path.parent, [Path(path.name)]), shown(Path(path.name)))
    return MovingSource(path, topic)


def choose_measured(candidates: Collection[int], most: int) -> set[int]:
    """Return at most so many of some frames' numbers, evenly spread."""
    numbers = sorted(candidates)
    if len(numbers) <= most:
        return set(numbers)
    return {numbers[place] for place in np.linspace(0, len(numbers) - 1, most).round().astype(int)}


def as_clock(seconds: float) -> str:
    """Return a time as people write it: 1:02.5."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def _images(footage: Footage) -> Iterator[BagMessage]:
    for message in footage.messages():
        if message.topic == CAMERA_TOPICS[footage.image_type]:
            yield message
