"""What the numbers in a video's planes mean as colours, and the way from them to BGR and back.

Codes of matrix, primaries and transfer are those of ITU-T H.273. Eight-bit 4:2:0 goes through kernels of our own,
which are exact to the level; swscale is exact only at ten times the time, and not at all where it writes the full
range. What else is read goes through swscale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.frames.kernels import as_rows, open_kernels

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.plane import VideoPlane

RGB, BT709, UNKNOWN, RESERVED, BT601_625, BT601_525, BT2020 = 0, 1, 2, 3, 5, 6, 9
PQ, HLG = 16, 18
LIMITED, FULL = 1, 2
TONE_MAPPING_SINCE = 18  # PyAV's version
MATRICES = {  # shares of red and blue in luma, and swscale's code
    BT709: (0.2126, 0.0722, 1),
    4: (0.30, 0.11, 4),  # FCC
    BT601_625: (0.299, 0.114, 5),
    BT601_525: (0.299, 0.114, 5),
    7: (0.212, 0.087, 7),  # SMPTE 240M
    BT2020: (0.2627, 0.0593, 9),
}
OTHER_MATRICES = {8: "YCgCo", 10: "BT.2020 constant luminance", 14: "ICtCp"}
PRIMARIES_OF = {BT601_625: BT601_625, BT601_525: BT601_525, 7: 7, BT2020: BT2020}
TRANSFER_OF = {BT601_625: 6, BT601_525: 6, 7: 7, BT2020: 14}
PLANAR = ("yuv420p", "yuvj420p", "gray")
NTSC_HEIGHTS = (480, 486, 488)
EXACT = 0x2 | 0x2000 | 0x4000 | 0x40000  # swscale: bilinear, full chroma (out and in), accurate rounding


@dataclass(frozen=True)
class Colour:
    """Matrix, primaries and transfer (H.273's codes) of a video, and whether its levels fill 0..255 (or 16..235)."""

    matrix: int
    primaries: int
    transfer: int
    full_range: bool = False

    @property
    def range(self) -> int:
        """The range's code in FFmpeg."""
        return FULL if self.full_range else LIMITED


def usual_colour(width: int, height: int) -> Colour:
    """Return what players take for the colour of a video without tags, by its size (mpv's rule)."""
    if width >= 1280 or height > 576:
        return Colour(BT709, BT709, BT709)
    if height == 576:
        return Colour(BT601_625, BT601_625, 6)
    return Colour(BT601_525, BT601_525 if height in NTSC_HEIGHTS else BT709, 6)


def colour_of(frame: VideoFrame) -> Colour:
    """Return the colour of a decoded frame; what its tags leave open is taken as players do.

    Raises FrameError for a matrix that cannot be undone here, and for HDR where this PyAV cannot map its tones.
    """
    if is_hdr(frame) and not can_map_tones():
        raise FrameError("this PyAV cannot bring HDR to BT.709; update it to version 18, or convert the video first.")
    if frame.color_trc in (0, UNKNOWN) and "DOVI_METADATA" in frame.side_data:
        raise FrameError("it is Dolby Vision without a layer of another kind; convert it to BT.709 first.")
    usual = usual_colour(frame.width, frame.height)
    matrix = frame.colorspace
    rgb = frame.format.is_rgb or frame.format.has_palette
    if rgb or matrix in (RGB, UNKNOWN, RESERVED):
        matrix = usual.matrix
        primaries, transfer = usual.primaries, usual.transfer
    else:
        primaries, transfer = PRIMARIES_OF.get(matrix, BT709), TRANSFER_OF.get(matrix, BT709)
    if matrix not in MATRICES:
        name = OTHER_MATRICES.get(matrix, f"number {matrix}")
        raise FrameError(f"its colour matrix ({name}) is not supported; convert it to BT.709 first.")
    if frame.color_primaries not in (0, UNKNOWN, RESERVED):
        primaries = frame.color_primaries
    if frame.color_trc not in (0, UNKNOWN, RESERVED):
        transfer = frame.color_trc
    return Colour(matrix, primaries, transfer, not rgb and _fills_the_range(frame))


def _fills_the_range(frame: VideoFrame) -> bool:
    name = frame.format.name
    untagged_grey = name.startswith("gray") and frame.color_range != LIMITED
    return name.startswith("yuvj") or frame.color_range == FULL or untagged_grey


def can_map_tones() -> bool:
    """Tell whether this PyAV lets swscale convert transfers; before version 18 it only changes their tag."""
    import av

    return int(av.__version__.split(".")[0]) >= TONE_MAPPING_SINCE


def is_hdr(frame: VideoFrame) -> bool:
    """Tell whether a decoded frame has a transfer whose white is far brighter than paper."""
    return frame.color_trc in (PQ, HLG)


@cache
def _weights_to_bgr(colour: Colour) -> np.ndarray:
    red, blue, _ = MATRICES[colour.matrix]
    green = 1 - red - blue
    luma, black, chroma = (1, 0, 1) if colour.full_range else (255 / 219, 16, 255 / 224)
    to_blue, to_red = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    weights = [luma, -luma * black, to_blue, -to_blue * blue / green, -to_red * red / green, to_red]
    return np.array(weights, np.float32)


@cache
def _weights_from_bgr(colour: Colour) -> np.ndarray:
    red, blue, _ = MATRICES[colour.matrix]
    shares = np.array([blue, 1 - red - blue, red])
    luma, black, chroma = (1, 0, 1) if colour.full_range else (219 / 255, 16, 224 / 255)
    u = (np.array([1, 0, 0]) - shares) / (2 * (1 - blue)) * chroma
    v = (np.array([0, 0, 1]) - shares) / (2 * (1 - red)) * chroma
    return np.concatenate([luma * shares, [black], u, v]).astype(np.float32)


class ToBgr:
    """Turns decoded frames into uint8 HxWx3 BGR; keeps what swscale prepares for one kind of frame."""

    def __init__(self) -> None:
        """Prepare nothing yet."""
        from av.video.reformatter import VideoReformatter

        self._swscale, self._tone_mapping = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame, colour: Colour, fields: int) -> np.ndarray:
        """Return a frame of this colour as BGR; `fields` is 2 where it is interlaced, else 1.

        HDR is brought to BT.709 by swscale's colour management, which puts diffuse white (203 nits) at white.
        """
        if is_hdr(frame):
            # swscale maps tones right from planar RGB only: 4:2:0 comes out striped, packed RGB in other colours.
            frame = self._reformat(frame, "gbrp16le", colour)
            bgr = self._tone_mapping.reformat(
                frame,
                format="bgr24",
                src_color_range=FULL,
                dst_color_range=FULL,
                dst_color_trc=BT709,
                dst_color_primaries=BT709,
                interpolation=EXACT,
            )
        elif frame.format.name in PLANAR:
            luma, u, v = _planes_of(frame)
            picture = np.empty((frame.height, frame.width, 3), np.uint8)
            rows = picture.reshape(frame.height, -1)
            open_kernels().yuv.to_bgr(luma, u, v, fields, _weights_to_bgr(colour), rows)
            return picture
        else:
            bgr = self._reformat(frame, "bgr24", colour)
        return np.ascontiguousarray(bgr.to_ndarray())

    def _reformat(self, frame: VideoFrame, name: str, colour: Colour) -> VideoFrame:
        return self._swscale.reformat(
            frame,
            format=name,
            src_colorspace=MATRICES[colour.matrix][2],
            src_color_range=colour.range,
            dst_color_range=FULL,
            interpolation=EXACT,
        )


def _levels_of(plane: VideoPlane) -> np.ndarray:
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


def _planes_of(frame: VideoFrame) -> list[np.ndarray]:
    planes = [_levels_of(plane) for plane in frame.planes]
    if len(planes) == 1:
        grey = np.full((frame.height // 2 + 2, frame.width // 2 + 1), 128, np.uint8)
        planes += [grey, grey]
    for plane in planes:
        plane.flags.writeable = False  # kernels are compiled for one kind of array
    return planes


def fill(frame: VideoFrame, picture: np.ndarray, colour: Colour, fields: int) -> None:
    """Write a picture, uint8 HxWx3 BGR with even sides, into the planes of a yuv420p frame of its size."""
    luma, u, v = (_levels_of(plane) for plane in frame.planes)
    rows = as_rows(np.ascontiguousarray(picture))
    open_kernels().yuv.from_bgr(rows, fields, _weights_from_bgr(colour), luma, u, v)
