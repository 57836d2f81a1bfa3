"""sensor_msgs/CompressedImage messages, as drivers and image_transport send them."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inputs.image_messages import BAYER_PATTERNS, grey, mosaic, sixteen_bits
from inputs.section import Section

BEST = (cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


@dataclass(frozen=True)
class CompressedInput:
    """A message: its `format`, what file is in it, how to make that of a BGR picture, and how far off it may be read.

    `refused` is empty, or words of the sentence that says why nothing is read.
    """

    format: str
    holds: str
    make: Callable[[np.ndarray], bytes]
    near: float = 6
    is_grey: bool = False
    refused: str = ""


def encoded(pixels: np.ndarray, kind: str = ".jpg", *options: int) -> bytes:
    return cv2.imencode(kind, pixels, options)[1].tobytes()


def file_of(kind, *options, of=lambda picture: picture):
    def make(picture):
        return encoded(of(picture), kind, *options)

    return make


def with_alpha(picture):
    return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)


def sixteen(picture):
    return picture.astype(np.uint16) * 257


def without_tables(jpeg: bytes) -> bytes:
    """Leave out the Huffman tables, as Motion JPEG does."""
    begin, kept = 2, jpeg[:2]
    while jpeg[begin + 1] != 0xDA:
        end = begin + 2 + int.from_bytes(jpeg[begin + 2 : begin + 4], "big")
        kept += b"" if jpeg[begin + 1] == 0xC4 else jpeg[begin:end]
        begin = end
    return kept + jpeg[begin:]


def avi1(jpeg: bytes, polarity: int) -> bytes:
    """Put Motion JPEG's own segment first."""
    return jpeg[:2] + b"\xff\xe0\x00\x10AVI1" + bytes([polarity]) + bytes(9) + jpeg[2:]


def two_fields(picture: np.ndarray, *, upper_first: bool = True) -> bytes:
    """Send the even and the odd rows as JPEGs of their own, one behind the other."""
    polarities = (1, 2) if upper_first else (2, 1)
    halves = (picture[::2], picture[1::2]) if upper_first else (picture[1::2], picture[::2])
    fields = zip(halves, polarities, strict=True)
    return b"".join(avi1(encoded(half, ".jpg", *BEST), polarity) + b"\0" * 10 for half, polarity in fields)


def half_a_jpeg(picture):
    jpeg = encoded(picture)
    return jpeg[: len(jpeg) // 2]


def stream(_):
    return b"\0\0\0\1 whatever"


JPEG, PNG_16, GREY_16 = file_of(".jpg"), file_of(".png", of=sixteen), file_of(".png", of=sixteen_bits(grey))
JPEG_FORMATS = ("", "jpg", "jpeg", "JPEG", "mjpeg", "bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed bgr8")
JPEG_FORMATS += ("rgb8; jpeg compressed ", "yuv422; jpeg compressed bgr8", "bayer_rggb8; jpeg compressed bgr8")
MOSAICS = tuple(
    row
    for pattern in BAYER_PATTERNS
    for row in (
        CompressedInput(f"bayer_{pattern}8; jpeg compressed bayer_{pattern}8", "JPEG, a mosaic in grey",
                        file_of(".jpg", *BEST, of=mosaic(pattern)), 2),
        CompressedInput(f"bayer_{pattern}8; png compressed ", "PNG, a mosaic in grey",
                        file_of(".png", of=mosaic(pattern)), 2),
        CompressedInput(f"bayer_{pattern}16; png compressed bayer_{pattern}16", "16-bit PNG, a mosaic in grey",
                        file_of(".png", of=sixteen_bits(mosaic(pattern))), 2),
        CompressedInput(f"bayer_{pattern}16; tiff compressed ", "16-bit TIFF, a mosaic in grey",
                        file_of(".tiff", of=sixteen_bits(mosaic(pattern))), 2),
    )
)  # fmt: skip
READ = (
    *(CompressedInput(format_, "JPEG", JPEG) for format_ in JPEG_FORMATS),
    CompressedInput("mono8; jpeg compressed ", "JPEG, grey", file_of(".jpg", of=grey), is_grey=True),
    CompressedInput("jpeg", "JPEG without its end marker", lambda picture: encoded(picture)[:-2]),
    CompressedInput("jpeg", "JPEG behind a driver's own bytes", lambda picture: b"\x55\xaa\0\xff" + encoded(picture)),
    CompressedInput("mjpeg", "Motion JPEG without Huffman tables", lambda bgr: avi1(without_tables(encoded(bgr)), 0)),
    CompressedInput("mjpeg", "Motion JPEG of two fields, becomes one frame", two_fields, 2),
    CompressedInput("bgr8; png compressed bgr8", "PNG", file_of(".png"), 0),
    CompressedInput("bgra8; png compressed bgra8", "PNG; alpha is left out", file_of(".png", of=with_alpha), 0),
    CompressedInput("bgr16; png compressed bgr16", "16-bit PNG", PNG_16, 0),
    CompressedInput(
        "mono16; png compressed mono16", "16-bit PNG, grey", file_of(".png", of=sixteen_bits(grey)), 0, True
    ),
    CompressedInput("bgr8; tiff compressed bgr8", "TIFF", file_of(".tiff"), 0),
    CompressedInput("bgr16; tiff compressed bgr16", "16-bit TIFF", file_of(".tiff", of=sixteen), 0),
    CompressedInput("bgr8; bmp compressed bgr8", "BMP", file_of(".bmp"), 0),
    CompressedInput("bgr8; webp compressed bgr8", "WebP", file_of(".webp", cv2.IMWRITE_WEBP_QUALITY, 101), 0),
    CompressedInput("bgr8; avif compressed bgr8", "AVIF", file_of(".avif")),
    *MOSAICS,
)
REFUSED = (
    CompressedInput("jpeg", "JPEG that lacks pixels", half_a_jpeg, refused="is a JPEG cut off before its end"),
    CompressedInput("tiff", "TIFF of floats", file_of(".tiff", of=np.float32), refused="has pixels of type float32"),
    *(
        CompressedInput(format_, "no picture", stream, refused="holds distances and no picture")
        for format_ in ("16UC1; compressedDepth png", "32FC1; compressedDepth rvl")
    ),
    *(
        CompressedInput(format_, "no picture", stream, refused="is a piece of a video stream")
        for format_ in ("h264", "H.265", "hevc", "av1", "vp9", "ffmpeg", "theora")
    ),
)


def formats_of_what_is_alike():
    """Return the formats by what is in the file and why that is refused; one line of the table for each."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in READ + REFUSED:
        found.setdefault((row.holds, row.refused), []).append(f"`{row.format.strip()}`" if row.format else "empty")
    return found


SECTION = Section(
    title="CompressedImage messages",
    introduction=(
        "`sensor_msgs/CompressedImage`, from a camera or a bag. What kind of file it is, its bytes say, and not the "
        "text `format`, from which comes only that a picture is a mosaic, and that there is none. What is refused is "
        "counted, with the reason, and nothing goes out for it. The node writes JPEG, `bgr8; jpeg compressed bgr8`."
    ),
    head=("`format`", "what it holds", "refused, as it"),
    table=tuple(
        (", ".join(formats), holds, refused) for (holds, refused), formats in formats_of_what_is_alike().items()
    ),
)
