"""Reading a video: its frames in order, each with its time, and at the end what was missing.

Reading falls back to OpenCV where PyAV is not installed; then nothing is known but pictures and times.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import why_no_file
from illumigan_ros.recordings.video.clock import FrameClock
from illumigan_ros.recordings.video.colour import BT709, Colour, ToBgr, colour_of, is_hdr, usual_colour
from illumigan_ros.recordings.video.file_end import ends_within_a_piece
from illumigan_ros.recordings.video.library import av_errors, load_av
from illumigan_ros.recordings.video.packets import PacketCount, promise_of, watched
from illumigan_ros.recordings.video.presentation import Presentation, display_matrix

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

DEFAULT_FPS = Fraction(30)
OPENCV_TICK = Fraction(1, 1_000_000)
FREE_CLOCK = 0x200  # FFmpeg's AVFMT_TS_DISCONT: times count from when the sender was switched on
FAR_START = 10  # seconds
BOTTOM_FIRST = (3, 4)  # FFmpeg's AV_FIELD_BB and AV_FIELD_TB
ATTACHED_PICTURE = 0x400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC


class TimedPicture(NamedTuple):
    """A frame as it is shown: uint8 HxWx3 BGR, its time and how long it stays (0 if unknown), both in seconds."""

    picture: np.ndarray
    time: Fraction
    duration: Fraction


class VideoReader:
    """The video in a file, as timed BGR frames in order; close it, or use it as a context manager.

    Attributes: `fps` (Fraction, frames per second on average), `frame_count` (estimated, 0 if unknown), `presentation`
    (how the file says that its pictures are to be shown), `index` and `metadata` of the stream, `shift` (seconds added
    to the file's own times, so that none is negative), `notes` (sentences about what was done to the frames)
    and `losses` (about what could not be read); both are complete after the last frame.
    """

    def __init__(self, path: Path) -> None:
        """Open a video and read its first frame; raises FrameError if it is missing, empty or no video."""
        self.path = path
        if not path.is_file():
            raise FrameError(f"{why_no_file(path, 'video', f'There is no video {path}')}.")
        if path.stat().st_size == 0:
            raise FrameError(f"The video {path} is empty.")
        self._av = load_av()
        self._errors = av_errors(self._av)
        self.index, self.shift = 0, Fraction(0)
        self.metadata: dict[str, str] = {}
        self.notes: list[str] = []
        self.losses: list[str] = []
        self._open()

    def _open(self) -> None:
        self._begun = False
        if self._av is not None:
            self._open_av(self._av)
        else:
            self._open_cv2()
        self._frames = self._decode_av() if self._av is not None else self._decode_cv2()
        try:
            self._first = next(self._frames, None)
            if self._first is None:
                raise FrameError(f"The video {self.path} has no readable frame; it is empty or cut off.")
        except BaseException:
            self.close()
            raise

    def _open_av(self, av: ModuleType) -> None:
        try:
            self._container: InputContainer = av.open(str(self.path), metadata_errors="replace")
        except self._errors as error:
            raise FrameError(_unreadable(self.path)) from error
        try:
            self._stream = _moving_pictures(self.path, self._container)
        except FrameError:
            self._container.close()
            raise
        stream = self._stream
        stream.thread_type = "AUTO"
        self.index, self.metadata = stream.index, dict(stream.metadata)
        rates = (stream.average_rate, stream.guessed_rate)
        if stream.start_time is None:  # no times at all: only the codec knows the rate
            rates = rates[::-1]
        self.fps = Fraction(rates[0] or rates[1] or DEFAULT_FPS)
        self.frame_count = stream.frames
        if not stream.frames and stream.duration and stream.time_base:
            self.frame_count = int(stream.duration * stream.time_base * self.fps)

    def _open_cv2(self) -> None:
        self._capture = cv2.VideoCapture(str(self.path))
        if not self._capture.isOpened():
            raise FrameError(_unreadable(self.path))
        self.fps = Fraction(self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS).limit_denominator(1001)
        self.frame_count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[TimedPicture]:
        """Yield the frames that can be read, from the first on; after the last one, `losses` says what is missing."""
        if self._begun:
            self.close()
            self._open()
        self._begun = True
        first, self._first = self._first, None
        assert first is not None
        yield first
        yield from self._frames

    def _decode_av(self) -> Generator[TimedPicture, None, None]:
        stream, to_bgr = self._stream, ToBgr()
        tick = Fraction(stream.time_base or 1 / self.fps)
        clock = FrameClock(1 / self.fps, tick)
        count = PacketCount(promise_of(self._container, stream))
        for frame in self._frames_of(count):
            colour = self._colour_of(frame)
            if count.frames == 1:
                self._look_at(frame, colour, tick)
            stored = to_bgr(frame, colour, 2 if self.presentation.fields else 1)
            own = None if frame.pts is None else frame.pts * tick + self.shift
            yield TimedPicture(self.presentation.shown(stored), clock.time(own), (frame.duration or 0) * tick)
        if clock.mended:
            why = "had no time of their own, or one not after the frame before"
            _tell(self.notes, f"{clock.mended} of {count.frames} frames {why}; they follow one another")
        if count.hidden:
            _tell(self.notes, f"{count.hidden} frames that the video's edit list hides are left out")
        lost = count.lost(stream.codec_context.name, 1 / self.fps)
        if lost:
            total = count.frames + lost
            _tell(self.losses, f"{self.path} is cut off or damaged: {lost} of {total} frames could not be read.")
        elif count.broken is not None:
            _tell(self.losses, f"{self.path} is damaged after {count.frames} frames.")
        elif ends_within_a_piece(self.path):
            _tell(self.losses, f"{self.path} is cut off after {count.frames} frames.")

    def _frames_of(self, count: PacketCount) -> Iterator[VideoFrame]:
        """Yield what can be decoded, and keep count of what cannot."""
        try:
            for packet in self._container.demux(watched(self._container, self._stream, count.promise)):
                if packet.stream_index != self.index:
                    count.see_end(packet)
                    continue
                count.see(packet)
                try:
                    frames = self._stream.decode(packet)
                except self._errors as error:
                    count.broken = error
                    continue
                for frame in frames:
                    count.see_frame(frame)
                    yield frame
        except self._errors as error:  # the file itself is broken here
            count.broken = error

    def _colour_of(self, frame: VideoFrame) -> Colour:
        try:
            return colour_of(frame)
        except FrameError as error:
            raise FrameError(f"{self.path} cannot be enhanced: {error}") from error

    def _look_at(self, frame: VideoFrame, colour: Colour, tick: Fraction) -> None:
        """Take from the first frame how the video is to be shown and where its times begin."""
        if is_hdr(frame):
            colour = Colour(BT709, BT709, BT709)
            _tell(self.notes, "the video is HDR and becomes BT.709; what shines brighter than paper is plain white")
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        # PyAV tells it from 18.1 on, which needs Python 3.11; before, the usual order is taken.
        order = getattr(self._stream.codec_context, "field_order", None)
        self.presentation = Presentation(
            colour=colour,
            pixel_shape=Fraction(self._stream.sample_aspect_ratio or 1),
            matrix=None if matrix is None else display_matrix(bytes(matrix)),
            fields="" if not frame.interlaced_frame else "bff" if order in BOTTOM_FIRST else "tff",
            time_base=tick,
        )
        first = Fraction(0) if frame.pts is None else frame.pts * tick
        if first < 0:
            self.shift = -first
        elif self._container.format.flags & FREE_CLOCK and first > FAR_START:
            self.shift = -min(first, Fraction(self._container.start_time or 0, 1_000_000))
            _tell(self.notes, f"the video's clock starts at {float(first):.0f} s, the frames' times at 0")

    def _decode_cv2(self) -> Generator[TimedPicture, None, None]:
        clock = FrameClock(1 / self.fps, OPENCV_TICK)
        while True:
            there, picture = self._capture.read()
            if not there:
                return
            if not self._begun:
                height, width = picture.shape[:2]
                colour = usual_colour(width, height)
                self.presentation = Presentation(colour, Fraction(1), None, "", OPENCV_TICK)
            own = Fraction(self._capture.get(cv2.CAP_PROP_POS_MSEC)).limit_denominator(1_000_000) / 1000
            yield TimedPicture(picture, clock.time(own), Fraction(0))

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        if self._av is not None:
            self._container.close()
        else:
            self._capture.release()

    def __enter__(self) -> VideoReader:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def _moving_pictures(path: Path, container: InputContainer) -> VideoStream:
    """Return the video stream to read; raises FrameError where there are only still pictures or none."""
    kind = container.format.name
    if kind.endswith("_pipe") or kind == "image2":
        raise FrameError(f"{path} is a picture and no video; enhance-images takes pictures.")
    streams = [stream for stream in container.streams.video if not stream.disposition & ATTACHED_PICTURE]
    if not streams:
        raise FrameError(f"{path} has no video in it{', only a cover picture' if container.streams.video else ''}.")
    best = container.streams.best("video")
    return best if best in streams else streams[0]


def _tell(sentences: list[str], sentence: str) -> None:
    """Add a sentence that is not there yet, as it is when a video is read again."""
    if sentence not in sentences:
        sentences.append(sentence)


def _unreadable(path: Path) -> str:
    return f"{path} cannot be read as a video; it is damaged, truncated or of another kind."
