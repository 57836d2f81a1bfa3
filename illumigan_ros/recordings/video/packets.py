"""How many frames a file promises, how many came, and so how many are lost."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

SHOW_NOTHING = ("vp8", "mpeg4", "msmpeg4v3", "vc1", "wmv3")  # codecs with packets that hold no frame of their own
STEADY = Fraction(5, 4)  # of the interval between frames; their times are rounded to milliseconds in some files
FLV_SLACK = Fraction(1, 2)  # seconds; FLV's writers are less exact


class Promise(NamedTuple):
    """What a file says of its stream.

    `packets` (0: nothing is said), the `end` of the last one in seconds (None: nothing) and by how much that may
    be off; `loose` tells that the last frame's own duration is not reliable, `of_all` that the end is that of the
    longest of all streams.
    """

    packets: int = 0
    end: Fraction | None = None
    slack: Fraction = Fraction(0)
    loose: bool = True
    of_all: bool = False


def promise_of(container: InputContainer, stream: VideoStream) -> Promise:
    """Return how long the file says that the stream is."""
    kind = container.format.name
    if "mp4" in kind:
        return Promise(stream.frames)
    if kind == "avi" and stream.time_base:
        return Promise(end=stream.frames * stream.time_base, loose=False)
    if "matroska" in kind or kind == "flv":
        for key, value in stream.metadata.items():
            told = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", value)
            if key.startswith("DURATION") and told:
                hours, minutes, seconds = told.groups()
                return Promise(end=Fraction(seconds) + 60 * int(minutes) + 3600 * int(hours))
        if container.duration:
            end, alone = Fraction(container.duration, 1_000_000), len(container.streams) == 1
            return Promise(end=end, slack=FLV_SLACK if kind == "flv" else Fraction(0), of_all=not alone)
    return Promise()


class PacketCount:
    """Counts the packets and frames of a stream as they are read.

    Attributes: `frames`, `hidden` (frames that the file has but does not show), `broken` (the last error, if any),
    `promise`.
    """

    def __init__(self, promise: Promise) -> None:
        """Start with nothing seen."""
        self.promise = promise
        self._packets = self._corrupt = self.frames = self.hidden = 0
        self._end = self._gap = Fraction(0)
        self._last: Fraction | None = None
        self._countable = self._timed = True
        self.broken: Exception | None = None

    def see(self, packet: Packet) -> None:
        """Count a packet of the stream itself."""
        if packet.size:
            self._packets += 1
            self._corrupt += packet.is_corrupt
            self.hidden += packet.is_discard
            self._timed = self._timed and bool(packet.duration)
            self.see_end(packet)

    def see_end(self, packet: Packet) -> None:
        """Remember where the packet of any stream ends, in time."""
        at = packet.dts if packet.pts is None else packet.pts
        if packet.size and at is not None and packet.time_base:
            self._end = max(self._end, (at + (packet.duration or 0)) * packet.time_base)

    def see_frame(self, frame: VideoFrame) -> None:
        """Count a decoded frame."""
        self.frames += 1
        self._countable = self._countable and not frame.interlaced_frame  # two packets may be one frame then
        if frame.pts is not None and frame.time_base:
            time = frame.pts * frame.time_base
            self._gap = max(self._gap, time - (time if self._last is None else self._last))
            self._last = time

    def lost(self, codec: str, interval: Fraction) -> int:
        """Return how many frames the file promised or began and did not give (an estimate where it tells a time)."""
        promise, undecoded = self.promise, 0
        if self._countable and codec not in SHOW_NOTHING:
            undecoded = self._packets - self.hidden - self.frames
        missing = max(promise.packets - self._packets, 0)
        if promise.end is not None:
            short = promise.end - self._end
            # Where frames come in step, so does the last one; else it may stay for as long as any other.
            last = self._gap if promise.loose and not (self._timed and self._gap < STEADY * interval) else 0
            if short > max(interval / 2, promise.slack, last):
                missing = round(short / interval)
        return missing + max(undecoded, self._corrupt, 0)


def watched(container: InputContainer, stream: VideoStream, promise: Promise) -> list[Stream]:
    """Return the streams to read: only the video's, unless the end of the others must be seen as well."""
    return list(container.streams) if promise.of_all else [stream]
