"""Videos in and out: frames as uint8 HxWx3 BGR arrays, H.264 files through PyAV.

Reading falls back to OpenCV where PyAV is not installed; OpenCV's wheels cannot write H.264, so writing needs PyAV.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import part_of, put_in_place, unwritable

CONTAINERS = (".mp4", ".mkv", ".mov")
DEFAULT_FPS = Fraction(30)


def load_av() -> ModuleType | None:
    """Return PyAV, or None where it is not installed or does not load."""
    try:
        import av
    except ImportError:
        return None
    av.logging.set_level(av.logging.PANIC)  # every failure is reported once, by us
    return av


def _errors(av: ModuleType | None) -> tuple[type[Exception], ...]:
    """Return what PyAV raises: its own errors, most of which are OSErrors or ValueErrors as well."""
    return (OSError, ValueError) if av is None else (av.FFmpegError, OSError, ValueError)


class VideoReader:
    """The first video stream of a file, as BGR frames in order; close it, or use it as a context manager.

    Attributes: `fps` (Fraction, frames per second), `frame_count` (estimated from the duration, 0 if unknown).
    """

    def __init__(self, path: Path) -> None:
        """Open a video; raises FrameError if it is missing, empty or no video."""
        self.path = path
        if not path.is_file():
            raise FrameError(f"There is no video {path}.")
        if path.stat().st_size == 0:
            raise FrameError(f"The video {path} is empty.")
        self._frames = 0
        self._av = load_av()
        self._errors = _errors(self._av)
        self._open()

    def _open(self) -> None:
        if self._av is not None:
            self._open_av(self._av)
        else:
            self._open_cv2()

    def _open_av(self, av: ModuleType) -> None:
        try:
            self._container = av.open(str(self.path))
        except self._errors as error:
            raise FrameError(_unreadable(self.path)) from error
        if not self._container.streams.video:
            self._container.close()
            raise FrameError(f"{self.path} has no video in it.")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self.fps = Fraction(stream.average_rate or stream.base_rate or DEFAULT_FPS)
        self.frame_count = int(stream.duration * stream.time_base * self.fps) if stream.duration else 0

    def _open_cv2(self) -> None:
        self._capture = cv2.VideoCapture(str(self.path))
        if not self._capture.isOpened():
            raise FrameError(_unreadable(self.path))
        self.fps = Fraction(self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS).limit_denominator(1001)
        self.frame_count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames from the first on; raises FrameError where the file is damaged or ends too early."""
        if self._frames:
            self.close()
            self._open()
            self._frames = 0
        for frame in self._decode_av() if self._av is not None else self._decode_cv2():
            self._frames += 1
            yield frame
        if self._frames == 0:
            raise FrameError(f"The video {self.path} has no readable frame; it is empty or cut off.")

    def _decode_av(self) -> Iterator[np.ndarray]:
        stream = self._container.streams.video[0]
        # The index of an mp4 says how many packets there must be; decoded frames may be fewer, an editor can hide some.
        promised = stream.frames if "mp4" in self._container.format.name else 0
        packets = 0
        try:
            for packet in self._container.demux(stream):
                packets += bool(packet.size) and not packet.is_corrupt
                for frame in packet.decode():
                    picture = frame.to_ndarray(format="bgr24")
                    # Phones store a rotation beside the pixels; players apply it, so it belongs into the frame.
                    turns = round(getattr(frame, "rotation", 0) / 90) % 4
                    yield np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
        except self._errors as error:
            raise FrameError(f"The video {self.path} is damaged after {self._frames} frames.") from error
        if packets < promised:
            raise FrameError(f"The video {self.path} is cut off: only {packets} of {promised} frames are there.")

    def _decode_cv2(self) -> Iterator[np.ndarray]:
        while True:
            there, frame = self._capture.read()
            if not there:
                return
            yield frame

    def close(self) -> None:
        """Close the file."""
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


class VideoWriter:
    """An H.264 video (yuv420p) of constant frame rate; the file appears under its name only when it is complete.

    The first frame fixes the size. 4:2:0 colour needs even sides, so an odd last row or column is repeated once.
    """

    def __init__(self, path: Path, fps: Fraction) -> None:
        """Prepare a file of the kind .mp4, .mkv or .mov.

        Raises FrameError if PyAV is missing, the kind is unknown or the folder cannot be written.
        """
        av = load_av()
        if av is None:
            raise FrameError("Writing videos needs PyAV; install it with: pip install 'illumigan[video]'")
        if path.suffix.lower() not in CONTAINERS:
            raise FrameError(f"{path} must end in {', '.join(CONTAINERS[:-1])} or {CONTAINERS[-1]}.")
        self.path = path
        self._av = av
        self._errors = _errors(av)
        self._part = part_of(path)
        self._frames = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._container = av.open(str(self._part), "w")
        except self._errors as error:
            raise unwritable(path, error) from error
        refusals: tuple[type[Exception], ...] = (*self._errors, OverflowError)
        try:
            self._stream = self._container.add_stream("h264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        except refusals as error:
            self.discard()
            raise FrameError(f"{path} cannot become H.264 at {float(fps):g} frames per second ({error}).") from error
        self._stream.pix_fmt = "yuv420p"

    def write(self, picture: np.ndarray) -> None:
        """Append a frame, uint8 HxWx3 BGR or HxW grey; raises FrameError for another size or when the disk is full."""
        bgr = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
        height, width = bgr.shape[:2]
        bgr = cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        height, width = bgr.shape[:2]
        if self._frames == 0:
            self._stream.width, self._stream.height = width, height
        elif (self._stream.width, self._stream.height) != (width, height):
            raise FrameError(
                f"The frame size changes from {self._stream.width}x{self._stream.height} to {width}x{height} after "
                f"{self._frames} frames; a video has one size, so cut the input there."
            )
        frame = self._av.VideoFrame.from_ndarray(bgr, format="bgr24")
        frame.pts = self._frames
        frame.time_base = 1 / Fraction(self._stream.codec_context.framerate)
        self._frames += 1
        self._mux(frame)

    def _mux(self, frame: object | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except self._errors as error:
            raise unwritable(self.path, error) from error

    def finish(self) -> None:
        """Write the file to its end, still under another name; raises FrameError without frames or on a full disk."""
        if self._frames == 0:
            raise FrameError(f"No frame came for {self.path}.")
        self._mux(None)
        try:
            self._container.close()
        except self._errors as error:
            raise unwritable(self.path, error) from error

    def publish(self) -> None:
        """Give the finished file its name."""
        try:
            put_in_place(self._part, self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def discard(self) -> None:
        """Remove what was written so far."""
        with suppress(*self._errors):  # closing may try to write once more to a full disk
            self._container.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        """Return the open writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the file, or remove it when an error ends the writing."""
        try:
            if kind is None:
                self.finish()
                self.publish()
        finally:
            self.discard()


@contextmanager
def video_writers(paths: Sequence[Path], fps: Fraction) -> Iterator[list[VideoWriter]]:
    """Give a writer for each path; their files appear under their names when all are complete, or none does."""
    writers: list[VideoWriter] = []
    try:
        for path in paths:
            writers.append(VideoWriter(path, fps))
        yield writers
        for writer in writers:
            writer.finish()
        for writer in writers:
            writer.publish()
    finally:
        for writer in writers:
            writer.discard()


def _unreadable(path: Path) -> str:
    return f"{path} cannot be read as a video; it is damaged, truncated or of another kind."
