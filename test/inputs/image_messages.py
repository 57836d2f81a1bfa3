"""sensor_msgs/Image messages by their encoding, as cameras send them to the node or into a bag."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inputs.section import Section

BAYER_PATTERNS = ("rggb", "bggr", "gbrg", "grbg")


@dataclass(frozen=True)
class ImageEncoding:
    """An encoding: what it holds, and how to make the rows of such a message of a BGR picture.

    `near` is how far off what is read may be on the average: colour at half the resolution costs some. `outputs` are
    those of the node that can have this encoding.
    """

    name: str
    holds: str
    make: Callable[[np.ndarray], np.ndarray]
    near: float = 0
    bits: int = 8
    is_grey: bool = False
    outputs: str = ""


def as_it_is(picture):
    return picture


def by_opencv(code):
    def make(picture):
        return cv2.cvtColor(picture, code)

    return make


def grey(picture):
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def mosaic(pattern):
    """Keep one colour of each pixel: the first row, left to right, then the second, as ROS names it."""

    def make(picture):
        made = np.zeros(picture.shape[:2], np.uint8)
        for index, letter in enumerate(pattern):
            made[index // 2 :: 2, index % 2 :: 2] = picture[index // 2 :: 2, index % 2 :: 2, "bgr".index(letter)]
        return made

    return make


def sixteen_bits(make):
    def deep(picture):
        return make(picture).astype("<u2") * np.uint16(257)

    return deep


def planes(picture):
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    height, width = picture.shape[:2]
    u, v = i420[height:].reshape(2, height // 2, width // 2)
    return i420[:height], u, v


def semiplanar(order):
    def make(picture):
        y, u, v = planes(picture)
        return np.vstack([y, np.dstack((u, v) if order == "uv" else (v, u)).reshape(len(u), -1)])

    return make


def packed_yuv(order):
    def make(picture):
        y, u, v = planes(picture)
        parts = {"u": np.repeat(u, 2, axis=0), "v": np.repeat(v, 2, axis=0), "0": y[:, ::2], "1": y[:, 1::2]}
        return np.dstack([parts[letter] for letter in order]).reshape(len(y), -1)

    return make


WRITTEN, ANY = "enhanced image", "enhanced image, attention map"
UYVY, YUYV = packed_yuv("u0v1"), packed_yuv("0u1v")
BAYER_8 = [
    ImageEncoding(f"bayer_{pattern}8", "a mosaic of the sensor's colours", mosaic(pattern), 2)
    for pattern in BAYER_PATTERNS
]
BAYER_16 = [
    ImageEncoding(f"bayer_{pattern}16", "a mosaic of the sensor's colours", sixteen_bits(mosaic(pattern)), 2, 16)
    for pattern in BAYER_PATTERNS
]
ENCODINGS = (
    ImageEncoding("bgr8", "colours", as_it_is, outputs=WRITTEN),
    ImageEncoding("rgb8", "colours", by_opencv(cv2.COLOR_BGR2RGB), outputs=WRITTEN),
    ImageEncoding("8UC3", "colours, blue first", as_it_is),
    ImageEncoding("bgra8", "colours; alpha is left out", by_opencv(cv2.COLOR_BGR2BGRA)),
    ImageEncoding("rgba8", "colours; alpha is left out", by_opencv(cv2.COLOR_BGR2RGBA)),
    ImageEncoding("8UC4", "colours, blue first; the fourth channel is left out", by_opencv(cv2.COLOR_BGR2BGRA)),
    ImageEncoding("mono8", "grey", grey, is_grey=True, outputs=ANY),
    ImageEncoding("8UC1", "grey", grey, is_grey=True),
    ImageEncoding("mono16", "grey", sixteen_bits(grey), bits=16, is_grey=True),
    ImageEncoding("16UC1", "grey", sixteen_bits(grey), bits=16, is_grey=True),
    *BAYER_8,
    *BAYER_16,
    ImageEncoding("uyvy", "YUV 4:2:2, packed", UYVY, 6),
    ImageEncoding("yuv422", "YUV 4:2:2, packed as in uyvy", UYVY, 6),
    ImageEncoding("yuyv", "YUV 4:2:2, packed", YUYV, 6),
    ImageEncoding("yuv422_yuy2", "YUV 4:2:2, packed as in yuyv", YUYV, 6),
    ImageEncoding("nv12", "YUV 4:2:0, colour behind the brightness", semiplanar("uv"), 6),
    ImageEncoding("nv21", "YUV 4:2:0, colour behind the brightness", semiplanar("vu"), 6),
)
UNREADABLE = ("32FC1", "", "no_such_encoding")

SECTION = Section(
    title="Image messages",
    introduction=(
        "`sensor_msgs/Image`, from a camera or a bag, with rows padded to any `step` and, in sixteen bits, either byte "
        "order; white in sixteen bits is what `white_16bit` says. Other encodings are read where cv_bridge is "
        "installed and knows them; if not, the node names the encoding once and passes the frames on as they are. A "
        "message whose sizes contradict each other is refused and counted. Attention maps can be `32FC1`, too."
    ),
    head=("encoding", "what it holds", "bits", "the node writes it as"),
    table=tuple((f"`{row.name}`", row.holds, str(row.bits), row.outputs) for row in ENCODINGS),
)
