from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inputs.section import Section

COLOUR = (40, 120, 200)
SMALL = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
PICTURE = cv2.resize(SMALL, (96, 64), interpolation=cv2.INTER_CUBIC)
GREY = np.dstack([PICTURE[:, :, 1]] * 3)
FLAT = np.full((64, 96, 3), COLOUR, np.uint8)


@dataclass(frozen=True)
class CompressedInput:
    """The texts `format` of a message, what it holds, how one is made, and the picture of it (None: it is refused)."""

    formats: tuple[str, ...]
    holds: str
    make: Callable[[], bytes]
    picture: np.ndarray | None
    tolerance: float = 0.0


def by_opencv(kind: str, pixels: np.ndarray, *options: int) -> Callable[[], bytes]:
    def encode() -> bytes:  # only then, as older OpenCVs do not know every kind
        return cv2.imencode(kind, pixels, options)[1].tobytes()

    return encode


def mosaic(pattern: str, bits: int = 8) -> np.ndarray:
    """Make a mosaic that shows COLOUR."""
    value = dict(zip("bgr", COLOUR, strict=True))
    made = np.zeros((64, 96), np.uint8)
    for index, letter in enumerate(pattern):
        made[index // 2 :: 2, index % 2 :: 2] = value[letter]
    return made if bits == 8 else made.astype(np.uint16) * 257


DRIVERS = ("jpeg", "jpg", "JPEG", "mjpeg", "")
TRANSPORT = ("bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed bgr8", "yuv422; jpeg compressed bgr8")
BEST = (cv2.IMWRITE_JPEG_QUALITY, 100)
COMPRESSED = (
    CompressedInput(DRIVERS, "JPEG, as drivers name it", by_opencv(".jpg", PICTURE), PICTURE, 6),
    CompressedInput(TRANSPORT, "JPEG, as image_transport names it", by_opencv(".jpg", PICTURE), PICTURE, 6),
    CompressedInput(("jpeg",), "JPEG that lacks only its end", lambda: by_opencv(".jpg", PICTURE)()[:-2], PICTURE, 6),
    CompressedInput(("mono8; jpeg compressed ",), "grey JPEG", by_opencv(".jpg", GREY[..., 0]), GREY, 6),
    CompressedInput(
        ("bayer_rggb8; jpeg compressed ", "bayer_rggb8; jpeg compressed bayer_rggb8"),
        "mosaic in a grey JPEG", by_opencv(".jpg", mosaic("rggb"), *BEST), FLAT, 6,
    ),
    CompressedInput(
        ("bayer_rggb8; jpeg compressed bgr8",),
        "mosaic that became colours before", by_opencv(".jpg", PICTURE), PICTURE, 6,
    ),
    CompressedInput(("png", "bgr8; png compressed bgr8"), "PNG", by_opencv(".png", PICTURE), PICTURE),
    CompressedInput(
        ("mono16; png compressed ", "16UC1; png compressed "), "16-bit grey PNG, scaled by `white_16bit`",
        by_opencv(".png", GREY[..., 0].astype(np.uint16) * 257), GREY,
    ),
    CompressedInput(
        ("bayer_grbg16; png compressed ",),
        "16-bit mosaic in a grey PNG", by_opencv(".png", mosaic("grbg", 16)), FLAT, 6,
    ),
    CompressedInput(("tiff", "bgr8; tiff compressed bgr8"), "TIFF", by_opencv(".tiff", PICTURE), PICTURE),
    CompressedInput(("webp",), "WebP", by_opencv(".webp", PICTURE, cv2.IMWRITE_WEBP_QUALITY, 101), PICTURE),
    CompressedInput(("avif",), "AVIF, where OpenCV reads it", by_opencv(".avif", PICTURE), PICTURE, 6),
    CompressedInput(("16UC1; compressedDepth png", "32FC1; compressedDepth rvl"), "refused: distances", bytes, None),
    CompressedInput(("h264", "h265", "hevc", "av1", "ffmpeg", "theora"), "refused: a video stream", bytes, None),
)  # fmt: skip

SECTION = Section(
    title="Compressed images on topics and in bags",
    introduction=(
        "sensor_msgs/CompressedImage, read by the node, `illumigan enhance-bag` and whatever else takes footage. What "
        "kind of file it is, its bytes decide; the format tells a mosaic, and what holds no picture. Motion JPEG "
        "without Huffman tables, with two fields, or behind bytes of the driver's own is read, too; a JPEG that lacks "
        "pixels is refused."
    ),
    head=("format", "what it holds"),
    table=tuple((", ".join(f"`{text}`" if text else "empty" for text in row.formats), row.holds) for row in COMPRESSED),
)
