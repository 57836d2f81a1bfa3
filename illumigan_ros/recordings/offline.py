"""Enhance files without ROS running: folders of pictures, and videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from illumigan_model.errors import FrameError
from illumigan_model.frames.exposure import FULL_RANGE
from illumigan_model.photos import write_png
from illumigan_model.picture_files import read_picture, write_picture
from illumigan_model.system.files import make_folder, require_other_place, require_two_places, shown
from illumigan_ros.recordings.picture_folder import PictureFolder, require_apart, result_names
from illumigan_ros.recordings.sheets import side_by_side
from illumigan_ros.recordings.video import VideoReader, video_writers
from illumigan_ros.recordings.window import Window

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer
    from illumigan_model.report import Report

LOW_SHARE = 16  # twelve bits fill a 16th of what sixteen can say

Advance = Callable[[], None]


@dataclass
class BatchResult:
    """What became of a run.

    Frames enhanced, one sentence for each input that could not be read, for each thing that the source lacks (as one
    that was cut off does), and for what else one should know. `kept` are the frames that could not be enhanced and are
    in the result as they were, the last of them because of `why_kept`. `restarts` counts by reason how often what is
    remembered of past frames had to begin anew.
    """

    done: int = 0
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    kept: int = 0
    why_kept: str = ""
    restarts: Mapping[str, int] = field(default_factory=dict)

    def count(self, report: Report) -> None:
        """Count a frame that is in the result."""
        self.restarts = report.restarts
        if report.failure:
            self.kept, self.why_kept = self.kept + 1, report.failure
        else:
            self.done += 1


def enhance_images(
    folder: PictureFolder,
    out: Path,
    attention: Path | None,
    enhancer: Enhancer,
    advance: Advance,
    white_16bit: int = FULL_RANGE,
) -> BatchResult:
    """Enhance each picture into `out` as PNG, see `result_names`; those that fail are told in the result.

    Transparency and colour profile are carried over. `white_16bit` is white in pictures of sixteen bits. Raises
    FrameError if an output folder cannot be written, or a result would lie where a picture lies; then nothing is done.
    """
    result = BatchResult(failures=list(folder.unreadable))
    names = result_names(folder.pictures)
    folders = [out] + ([attention] if attention is not None else [])
    for place in folders:
        require_other_place(place, folder.root)
    if attention is not None:
        require_two_places(out, attention)
    require_apart(folder.root, folder.pictures, [place / name for place in folders for name in names.values()])
    for place in folders:
        make_folder(place)
    peaks: list[int] = []
    for path in folder.pictures:
        source = folder.root / path
        try:
            picture = read_picture(source, white_16bit)
            enhancer.reset()
            enhanced = enhancer.enhance(picture.bgr)
        except FrameError as error:
            result.failures.append(str(error) if shown(source) in str(error) else f"{shown(source)}: {error}")
        else:
            peaks += [] if picture.peak is None else [picture.peak]
            for place in folders:
                make_folder((place / names[path]).parent)
            write_picture(out / names[path], enhanced.image, picture)
            if attention is not None:
                write_png(attention / names[path], enhanced.attention)
            result.count(enhanced.report)
        advance()
    if peaks and max(peaks) * LOW_SHARE <= white_16bit:
        result.warnings.append(
            f"The pictures of sixteen bits stay in the lowest {LOW_SHARE}th of their range, the highest value is "
            f"{max(peaks)}. If that is white in them, or nearly, use --white-16bit {white_of_bits(max(peaks))}."
        )
    return result


def white_of_bits(peak: int) -> int:
    """Return the least of 1023, 4095, ... (10 bits, 12 bits, ...) that a value fits into."""
    return max(1 << 10, 1 << (peak.bit_length() + 1) // 2 * 2) - 1


def enhance_video(
    source: VideoReader,
    out: Path,
    enhancer: Enhancer,
    advance: Advance,
    *,
    compare: bool = False,
    attention: Path | None = None,
    window: Window | None = None,
) -> BatchResult:
    """Enhance a video frame by frame: same frames, times, colour and orientation, and what else the file has in it.

    `compare` puts the input to the left of the result; `attention` names a second video for the attention map; `window`
    shows both sides meanwhile. Of a damaged input, what can be read is done, and the result says what is missing.
    Raises FrameError for an output that cannot be written; then no output is left.
    """
    result = BatchResult()
    paths = [out] + ([attention] if attention is not None else [])
    for path in paths:
        require_other_place(path, source.path)
    if attention is not None:
        require_two_places(out, attention)
    stored = source.presentation
    size: tuple[int, int] | None = None
    scaled = 0
    presentations = [stored.upright() if compare else stored, stored]
    with video_writers(paths, source.fps, presentations, source) as writers:
        for frame, time, duration in source:
            size = size or (frame.shape[1], frame.shape[0])
            fits = frame.shape[1::-1] == size
            scaled += not fits
            picture = frame if fits else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            enhanced = enhancer.enhance(picture, stamp=float(time))
            shown = side_by_side(picture, enhanced.image) if compare else enhanced.image
            for writer, made in zip(writers, (shown, enhanced.attention), strict=False):
                writer.write(made, time, duration)
            if window is not None:
                window.show(picture, enhanced.image, float(time))
            result.count(enhanced.report)
            advance()
    result.warnings += source.notes + writers[0].notes
    result.losses += source.losses
    if scaled and size is not None:
        result.warnings.append(f"{scaled} frames of another size were scaled to {size[0]}x{size[1]}, as the first is")
    return result
