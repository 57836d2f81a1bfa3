"""Writing a video: H.264 that shows the pictures at their times, as the input wants them shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.system.files import part_of, put_in_place, require_writable, unwritable
from illumigan_ros.recordings.video.colour import fill, usual_colour
from illumigan_ros.recordings.video.library import av_errors, load_av
from illumigan_ros.recordings.video.other_streams import OtherStreams, carried
from illumigan_ros.recordings.video.presentation import Presentation
from illumigan_ros.recordings.video.reader import VideoReader

CONTAINERS = (".mp4", ".mkv", ".mov")
KEEP_DURATIONS = 1 << 8  # FFmpeg's AV_CODEC_FLAG_FRAME_DURATION
# Frames that are coded out of order (bf) would make a container begin before its start. Chroma is coded more finely
# than x264 does by itself: beside a sharp edge, flat colours would come back two levels off.
ENCODING = {"crf": "18", "preset": "veryfast", "bf": "0"}
CHROMA = "chroma-qp-offset=-6"
MOVIE_TICKS = 1000  # at least so many a second, for where a stream begins in an mp4


class VideoWriter:
    """An H.264 video (yuv420p); the file appears under its name only when it is complete.

    The first frame fixes the size. 4:2:0 colour needs even sides, so an odd last row or column is repeated once (up to
    three rows where there are fields). Attribute: `notes`, sentences about what could not be carried over, complete
    after `finish`.
    """

    def __init__(
        self,
        path: Path,
        fps: Fraction,
        presentation: Presentation | None = None,
        companions: VideoReader | None = None,
    ) -> None:
        """Prepare a file of the kind .mp4, .mkv or .mov.

        Frames come at `fps` unless they tell their time. `presentation` says how they are to be shown: by default
        upright, in the colour that players expect of their size. `companions` is a video whose sound, subtitles,
        chapters and titles are copied.
        Raises FrameError if PyAV is missing, the kind is unknown or the folder cannot be written.
        """
        av = load_av()
        if av is None:
            raise FrameError("Writing videos needs PyAV; install it with: pip install 'illumigan[video]'")
        if path.suffix.lower() not in CONTAINERS:
            raise FrameError(f"{path} must end in {', '.join(CONTAINERS[:-1])} or {CONTAINERS[-1]}.")
        self.path = path
        self.notes: list[str] = []
        self._av = av
        self._errors = av_errors(av)
        self._part = part_of(path)
        self._fps = fps
        self._presentation = presentation
        self._time_base = 1 / fps if presentation is None else presentation.time_base
        self._frames = 0
        self._others: OtherStreams | None = None
        self._container: Any = None
        try:
            self._open(companions)
        except BaseException:  # a signal's as well
            self.discard()
            raise

    def _open(self, companions: VideoReader | None) -> None:
        path, fps = self.path, self._fps
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            require_writable(path)
            self._part.touch()
            self._container = self._av.open(str(self._part), "w", container_options=_options(path, self._time_base))
        except self._errors as error:
            raise unwritable(path, error) from error
        refusals: tuple[type[Exception], ...] = (*self._errors, OverflowError)
        try:
            self._stream = self._container.add_stream("h264", rate=fps, options=dict(ENCODING))
            self._stream.codec_context.time_base = self._time_base
        except refusals as error:
            raise FrameError(f"{path} cannot become H.264 at {float(fps):g} frames per second ({error}).") from error
        if companions is not None:
            self._others = OtherStreams(companions.path, companions.index, companions.shift, self._container)
            self._stream.metadata.update(carried(companions.metadata))

    def write(self, picture: np.ndarray, time: Fraction | None = None, duration: Fraction = Fraction(0)) -> None:
        """Append a frame as it is to be shown, uint8 HxWx3 BGR or HxW grey.

        `time`, in seconds, is later than that of the frame before (by default one more frame at `fps`); `duration` is
        how long it stays (0: unknown). Raises FrameError for another size or when the disk is full.
        """
        bgr = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
        if self._presentation is None:
            height, width = bgr.shape[:2]
            self._presentation = Presentation(usual_colour(width, height), Fraction(1), None, "", self._time_base)
        bgr = self._presentation.stored(bgr)
        fields = 2 if self._presentation.fields else 1
        height, width = bgr.shape[:2]
        if height % (2 * fields) or width % 2:
            bgr = cv2.copyMakeBorder(bgr, 0, -height % (2 * fields), 0, width % 2, cv2.BORDER_REPLICATE)
            height, width = bgr.shape[:2]
        if self._frames == 0:
            self._configure(self._presentation, width, height)
        elif (self._stream.width, self._stream.height) != (width, height):
            raise FrameError(
                f"The frame size changes from {self._stream.width}x{self._stream.height} to {width}x{height} after "
                f"{self._frames} frames; a video has one size, so cut the input there."
            )
        if time is None:
            time = self._frames / self._fps
        frame = self._av.VideoFrame(width, height, "yuv420p")
        fill(frame, bgr, self._presentation.colour, fields)
        frame.pts = round(time / self._time_base)
        frame.duration = round(duration / self._time_base)
        frame.time_base = self._time_base
        self._frames += 1
        self._mux(frame)
        self._copy_until(time)

    def _configure(self, presentation: Presentation, width: int, height: int) -> None:
        """Tell the encoder and the file how the pictures are to be shown."""
        stream, codec = self._stream, self._stream.codec_context
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        codec.colorspace, codec.color_range = presentation.colour.matrix, presentation.colour.range
        codec.color_primaries, codec.color_trc = presentation.colour.primaries, presentation.colour.transfer
        codec.sample_aspect_ratio = presentation.pixel_shape
        codec.flags |= KEEP_DURATIONS
        stream.time_base = self._time_base
        stream.options["x264-params"] = f"{CHROMA}:{presentation.fields}=1" if presentation.fields else CHROMA
        if presentation.matrix is not None:
            stream.set_display_matrix(presentation.matrix)

    def _mux(self, frame: object | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except self._errors as error:
            raise unwritable(self.path, error) from error

    def _copy_until(self, time: Fraction | None) -> None:
        if self._others is not None:
            try:
                self._others.copy_until(time)
            except self._errors as error:
                raise unwritable(self.path, error) from error

    def finish(self) -> None:
        """Write the file to its end, still under another name; raises FrameError without frames or on a full disk."""
        if self._frames == 0:
            raise FrameError(f"No frame came for {self.path}.")
        self._mux(None)
        self._copy_until(None)
        if self._others is not None:
            self._others.close()
            self.notes += self._others.notes
            self._others = None
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
        if self._others is not None:
            self._others.close()
        if self._container is not None:
            with suppress(*self._errors):  # closing may try to write once more to a full disk
                self._container.close()
        with suppress(OSError):
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


def _options(path: Path, time_base: Fraction) -> dict[str, str]:
    """Return what a container needs to keep times as they are."""
    if path.suffix.lower() == ".mkv":
        return {"avoid_negative_ts": "disabled"}  # sound may begin a moment before zero, as it does in mp4
    return {"movie_timescale": str(time_base.denominator * -(-MOVIE_TICKS // time_base.denominator))}


@contextmanager
def video_writers(
    paths: Sequence[Path],
    fps: Fraction,
    presentations: Sequence[Presentation] | None = None,
    companions: VideoReader | None = None,
) -> Iterator[list[VideoWriter]]:
    """Give a writer for each path; their files appear under their names when all are complete, or none does.

    The arguments are those of VideoWriter; the first file gets the companions.
    """
    writers: list[VideoWriter] = []
    try:
        for index, path in enumerate(paths):
            presentation = None if presentations is None else presentations[index]
            writers.append(VideoWriter(path, fps, presentation, companions if index == 0 else None))
        yield writers
        for writer in writers:
            writer.finish()
        for writer in writers:
            writer.publish()
    finally:
        for writer in writers:
            writer.discard()
