"""Enhance a bag into a new one: every image of its cameras, and all else as it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.frames.exposure import FULL_RANGE
from illumigan_model.system.files import require_outside
from illumigan_model.version import __version__
from illumigan_model.weights import find_weights, sha256
from illumigan_ros.node.messages import compressed_to_bgr, to_bgr
from illumigan_ros.node.white_level import WhiteLevelWatch
from illumigan_ros.recordings import unfinished
from illumigan_ros.recordings.bag_cameras import Camera, plan_cameras
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import COMPRESSED_IMAGE, IMAGE, compressed_image_parts, decode, image_parts
from illumigan_ros.recordings.footage import NANOSECONDS
from illumigan_ros.recordings.messages import BagMessage, BagTopic
from illumigan_ros.recordings.offline import BatchResult
from illumigan_ros.recordings.player import read_ahead
from illumigan_ros.recordings.unfinished import Position
from illumigan_ros.recordings.video_as_bag import Source
from illumigan_ros.recordings.write_behind import WriteBehind

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

IMAGES_AT_RISK = 300  # that are done again after a kill, at most; in a steady rhythm, as it ends a chunk of the file
PICTURES = ("jpeg", "png")
MEMORY_KIND = 2  # counts the kinds of what an unfinished bag keeps: one of another kind cannot be gone on with

Advance = Callable[[int, int], None]
"""Is told how many images, and how many bytes of the bag, have been gone through since it was called before."""


@dataclass(frozen=True)
class BagOptions:
    """How a bag is enhanced.

    `topics` to enhance, see `plan_cameras`; `keep_originals`: their images are in the new bag, too; `compressed`: one
    of `PICTURES`, or None for raw images; `attention`: the attention maps as well; `white_16bit` is white in images of
    sixteen bits.
    """

    topics: tuple[str, ...] = ()
    keep_originals: bool = True
    compressed: str | None = None
    attention: bool = True
    white_16bit: int = FULL_RANGE


@dataclass
class BagResult(BatchResult):
    """What became of a bag; `images` were gone through, `already` of them before the run that was broken off.

    `span_ns` are the times of recording of the first and the last image; `read_bytes` of messages were read.
    """

    images: int = 0
    already: int = 0
    span_ns: tuple[int, int] | None = None
    read_bytes: int = 0


def made_by(model: str, enhancer: Enhancer) -> str:
    """Return what an Enhancer's results depend on: the weights, what runs them, and the settings."""
    settings = [enhancer.strength, enhancer.denoise, enhancer.denoise_over_time, enhancer.daylight_gate]
    return json.dumps([sha256(find_weights(model)), enhancer.describe(), settings])


def enhance_bag(
    source: Source,
    out: Path,
    enhancer: Enhancer,
    advance: Advance,
    options: BagOptions = BagOptions(),
    by: str = "",
    custom_data: Mapping[str, str] | None = None,
) -> BagResult:
    """Enhance every image of a bag's cameras into a new bag: nothing is skipped, headers and times of recording stay.

    Beside the results, the new bag has all other topics, byte for byte and with their QoS, and the CameraInfo of each
    camera under its results' name. The same source, options and `by` (see `made_by`) make the same bytes. A run that
    was killed goes on when it is called again, and the result is that of an unbroken one; for that, what the filters
    remember is kept every `IMAGES_AT_RISK` images. Images that cannot be read are named in the result.

    Raises FrameError if there is nothing to enhance, or the new bag cannot be written; then none is left, unless some
    of it was kept to go on with.
    """
    require_outside(out, source.path)
    cameras, notes = plan_cameras(source, options.topics, options.compressed is not None)
    key = _key(source, options, by)
    with unfinished.going_on(out, key) as position:
        try:
            bag = BagWriter(out, keep=position.messages > 0, end=position.end)
        except ValueError as error:
            raise FrameError(f"{out} is unfinished and has been changed ({error}); remove it first.") from error
        bag.custom_data = dict(custom_data or {})
        try:
            result = _Conversion(source, bag, enhancer, cameras, options, key).run(position, advance)
            bag.close()
        except FrameError as error:
            raise FrameError(f"{error} The same command goes on from there." if bag.keep else str(error)) from error
        finally:
            bag.abandon()
    result.warnings[:0] = notes
    result.losses += source.losses
    return result


def _key(source: Source, options: BagOptions, by: str) -> str:
    """Return what the bytes of a result depend on, as far as it can be told without reading the source."""
    files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in source.files]
    return json.dumps([__version__, MEMORY_KIND, files, asdict(options), by])


@dataclass
class _Watched:
    """A camera, its Enhancer, and what is known of its frames so far."""

    camera: Camera
    enhancer: Enhancer
    watch: WhiteLevelWatch = field(default_factory=lambda: WhiteLevelWatch("--white-16bit"))
    restarts: Mapping[str, int] = field(default_factory=dict)


class _Conversion:
    """A run from a source into a new bag."""

    def __init__(
        self, source: Source, bag: BagWriter, enhancer: Enhancer, cameras: list[Camera], options: BagOptions, key: str
    ) -> None:
        self._source, self._bag, self._options, self._key = source, bag, options, key
        self._cameras = [
            _Watched(camera, enhancer.for_another_camera() if index else enhancer)
            for index, camera in enumerate(cameras)
        ]
        self._by_topic = {watched.camera.topic: watched for watched in self._cameras}
        self._writing = WriteBehind()
        self._result = BagResult()
        self._described = dict(source.described)
        self._announce()

    def _announce(self) -> None:
        """Write which topics there will be, in an order that is always the same."""
        left_out = set() if self._options.keep_originals else set(self._by_topic)
        self._copies: dict[str, list[str]] = {}
        for topic, described in self._described.items():
            self._copies[topic] = [] if topic in left_out else [topic]
            if topic not in left_out:
                self._bag.copy_topic(topic, described)
        picture = COMPRESSED_IMAGE if self._options.compressed else IMAGE
        for watched in self._cameras:
            camera = watched.camera
            made = BagTopic(picture, self._described[camera.topic].qos)
            self._bag.copy_topic(camera.enhanced, made)
            if self._options.attention:
                self._bag.copy_topic(camera.attention, made)
            if camera.info_from is not None:
                self._bag.copy_topic(camera.info, self._described[camera.info_from])
                self._copies[camera.info_from].append(camera.info)

    def run(self, position: Position, advance: Advance) -> BagResult:
        """Go through the source, from a position on."""
        if position.messages:
            self._recover(position)
            advance(self._result.images, 0)
        try:
            with closing(read_ahead(self._messages(position.messages))) as messages:
                for number, message in enumerate(messages, position.messages + 1):
                    self._take(message)
                    is_image = message.topic in self._by_topic
                    advance(int(is_image), len(message.raw))
                    if is_image and self._result.images % IMAGES_AT_RISK == 0:
                        self._keep(number)
            self._writing.finish()
        finally:
            self._writing.close()
        return self._finished()

    def _messages(self, start: int) -> Iterator[BagMessage]:
        yield from islice(self._source.messages(list(self._described)), start, None)

    def _take(self, message: BagMessage) -> None:
        """Write what is to be written of one message."""
        result = self._result
        result.read_bytes += len(message.raw)
        if message.msgtype != self._described[message.topic].msgtype:
            known = self._described[message.topic].msgtype
            result.failures.append(f"A message on {message.topic} is of type {message.msgtype} and not {known}.")
            return
        for topic in self._copies[message.topic]:
            self._writing.put(self._bag.write, topic, message.time_ns, message.raw)
        if message.topic in self._by_topic:
            first_ns = result.span_ns[0] if result.span_ns else message.time_ns
            result.images, result.span_ns = result.images + 1, (first_ns, message.time_ns)
            self._enhance(self._by_topic[message.topic], message)

    def _enhance(self, watched: _Watched, message: BagMessage) -> None:
        try:
            image = decode(message)
            read = to_bgr if message.msgtype == IMAGE else compressed_to_bgr
            frame = read(image, self._options.white_16bit, watched.watch, deep=True)
            stamp = image.header.stamp.sec * NANOSECONDS + image.header.stamp.nanosec
            recorded = message.time_ns / NANOSECONDS
            enhanced = watched.enhancer.enhance(frame, stamp / NANOSECONDS or None, recorded)  # no camera stamps with 0
        except FrameError as error:
            self._result.failures.append(str(error))
            return
        header = (message.time_ns, stamp, image.header.frame_id)
        self._writing.put(self._write, watched.camera.enhanced, enhanced.image, *header)
        if self._options.attention:
            self._writing.put(self._write, watched.camera.attention, enhanced.attention, *header)
        watched.restarts = enhanced.report.restarts
        self._result.count(enhanced.report)

    def _write(self, topic: str, picture: np.ndarray, time_ns: int, stamp_ns: int, frame_id: str) -> None:
        kind = self._options.compressed
        header = (stamp_ns, frame_id)
        raw = compressed_image_parts(picture, *header, kind) if kind else image_parts(picture, *header)
        self._bag.write(topic, time_ns, *raw)

    def _keep(self, messages: int) -> None:
        """Keep this position, once all up to it is in the file."""
        result = self._result
        facts: dict[str, Any] = {
            "images": result.images,
            "done": result.done,
            "kept": result.kept,
            "why_kept": result.why_kept,
            "failures": list(result.failures),
            "span_ns": result.span_ns,
            "warnings": [watched.watch.warning for watched in self._cameras],
        }
        memories = [watched.enhancer.memory() for watched in self._cameras]
        self._writing.put(self._save, messages, facts, memories)

    def _save(self, messages: int, facts: dict[str, Any], memories: list[dict[str, np.ndarray]]) -> None:
        unfinished.save(self._bag.path, self._key, Position(messages, self._bag.flush(), facts, memories))
        self._bag.keep = True

    def _recover(self, position: Position) -> None:
        facts = dict(position.facts)
        for watched, memory, warning in zip(self._cameras, position.memories, facts.pop("warnings"), strict=True):
            watched.enhancer.remember(memory)
            watched.watch.warning = warning
        facts["span_ns"] = tuple(facts["span_ns"])
        self._result = BagResult(already=facts["images"], **facts)

    def _finished(self) -> BagResult:
        result = self._result
        if not (result.done or result.kept):
            if result.failures:
                raise FrameError(f"No image of {self._source.path} could be read: {result.failures[0]}")
            why = f": {' '.join(self._source.losses)}" if self._source.losses else "; the bag is empty."
            raise FrameError(f"No image of {self._source.path} is there{why}")
        result.restarts = sum((Counter(watched.restarts) for watched in self._cameras), Counter())
        for watched in self._cameras:
            watched.watch.finish()
            if watched.watch.warning:
                result.warnings.append(f"{watched.camera.topic}: {watched.watch.warning}")
        return result
