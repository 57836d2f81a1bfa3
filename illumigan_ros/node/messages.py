"""Image and CompressedImage messages to and from NumPy arrays.

Reading works on any object with the fields of the ROS message (rclpy's, or the ones that `rosbags` makes), needs no
ROS installation and copies nothing where the pixels already are BGR. Writing makes real `sensor_msgs` messages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.frames.exposure import FULL_RANGE, to_full_range
from illumigan_ros.node.compressed_format import mosaic_of, why_no_picture
from illumigan_ros.node.compressed_picture import decoded
from illumigan_ros.node.white_level import WhiteLevelWatch

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

JPEG_FORMAT = "bgr8; jpeg compressed bgr8"
LONGEST_NAME = 60
MOST_PIXELS = 1 << 26  # more than most cameras have; a small file can claim any number


class EncodingError(FrameError):
    """The message is well formed, but nobody here can read its pixel encoding."""


class NoPictureError(FrameError):
    """The message is of a kind that holds no picture."""


# cv2 names a Bayer pattern after its second row, starting at the second column: the mosaic that ROS (and the sensor's
# data sheet) call RGGB is "BG" to cv2.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2BGR,
    "bggr": cv2.COLOR_BayerRG2BGR,
    "gbrg": cv2.COLOR_BayerGR2BGR,
    "grbg": cv2.COLOR_BayerGB2BGR,
}

# encoding -> (bytes per pixel in a row, conversion to BGR or None where the pixels are BGR already)
_PACKED: dict[str, tuple[int, int | None]] = {
    "bgr8": (3, None),
    "8UC3": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "8UC4": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "8UC1": (1, cv2.COLOR_GRAY2BGR),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    **{f"bayer_{pattern}8": (1, code) for pattern, code in _BAYER.items()},
}
_SEMIPLANAR = {"nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21}
_SIXTEEN_BIT: dict[str, int] = {
    "mono16": cv2.COLOR_GRAY2BGR,
    "16UC1": cv2.COLOR_GRAY2BGR,
    **{f"bayer_{pattern}16": code for pattern, code in _BAYER.items()},
}
_EVEN_WIDTH = {"uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21"}

FROM_BGR = {"bgr8": None, "rgb8": cv2.COLOR_BGR2RGB, "mono8": cv2.COLOR_BGR2GRAY}
"""Encodings that can be written -> the conversion to them."""

SUPPORTED_ENCODINGS = (*_PACKED, *_SEMIPLANAR, *_SIXTEEN_BIT)


def to_bgr(
    message: Any, white_16bit: int = FULL_RANGE, watch: WhiteLevelWatch | None = None, *, deep: bool = False
) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/Image as uint8 BGR, HxWx3; with `deep`, uint16 where it has sixteen bits.

    bgr8 comes back as a view of the message's own bytes (possibly read-only, rows possibly padded); everything else is
    a new array. 16-bit encodings are scaled so that `white_16bit` becomes white (255, or 65535 with `deep`), the
    same for every frame so that the brightness does not flicker; set it to 4095, say, for a camera that keeps 12 bits
    in the low end of each word. `watch` sees the values before that.

    Raises FrameError when the sizes in the message contradict each other, EncodingError when nobody can read it.
    """
    encoding, height, width = message.encoding, message.height, message.width
    data = _checked_bytes(message)
    if encoding in _PACKED:
        channels, code = _PACKED[encoding]
        rows = _rows(message, data, height, width * channels)
        pixels = rows if channels == 1 else rows.reshape(height, width, channels)
        return pixels if code is None else _convert(pixels, code, message)
    if encoding in _SEMIPLANAR:
        if height % 2:
            raise FrameError(f"{_describe(message)} needs an even height; the driver fills the message wrongly.")
        return _convert(_rows(message, data, height * 3 // 2, width), _SEMIPLANAR[encoding], message)
    if encoding in _SIXTEEN_BIT:
        words = np.ascontiguousarray(_rows(message, data, height, width * 2))
        values = words.view(">u2" if message.is_bigendian else "<u2").astype(np.uint16, copy=False)
        return _convert(_scaled(values, white_16bit, watch, deep), _SIXTEEN_BIT[encoding], message)
    return _through_cv_bridge(message)


def compressed_to_bgr(
    message: Any,
    white_16bit: int = FULL_RANGE,
    watch: WhiteLevelWatch | None = None,
    *,
    deep: bool = False,
    max_pixels: int = MOST_PIXELS,
) -> np.ndarray:
    """
    Return the picture in a sensor_msgs/CompressedImage (JPEG, PNG, TIFF, WebP, ...) as to_bgr does.

    What kind of file it is, its bytes decide; from `format` comes only that a picture is a mosaic, see
    compressed_format. A JPEG that lacks nothing but its end marker is read, one that lacks pixels is refused, see
    illumigan_model.jpeg. 16-bit pictures are scaled as in to_bgr. An orientation tag is ignored, so that the picture
    stays what camera_info describes.

    Raises FrameError, also for a file that claims more than `max_pixels`; NoPictureError for a format that holds none.
    """
    content = np.frombuffer(message.data, np.uint8).tobytes()
    name = f"compressed image of format {_quoted(message.format)} with {len(content)} bytes"
    reason = why_no_picture(message.format)
    if reason is not None:
        raise NoPictureError(f"A compressed image of format {_quoted(message.format)} {reason}.")
    pattern = mosaic_of(message.format)
    picture = decoded(content, name, max_pixels, as_stored=True) if pattern else None
    if picture is None or picture.ndim == 3:  # no mosaic, whatever its name says
        pattern = None
        picture = decoded(content, name, max_pixels)
    if picture.dtype == np.uint16:
        picture = _scaled(picture, white_16bit, watch, deep)
    if picture.dtype not in (np.uint8, np.uint16):
        raise FrameError(f"The {name} has pixels of type {picture.dtype}; send 8 or 16 bits.")
    if pattern is None:
        return picture
    try:
        return cv2.cvtColor(picture, _BAYER[pattern])
    except cv2.error as error:  # a mosaic of one pixel, say
        raise FrameError(f"The {name} cannot be converted to BGR: {error.err}.") from error


def from_bgr(image: np.ndarray, header: Header, encoding: str = "bgr8") -> Image:
    """Return an Image message of these pixels (uint8 HxWx3, BGR) in bgr8, rgb8 or mono8, with exactly this header."""
    code = FROM_BGR[encoding]
    return _image_message(image if code is None else cv2.cvtColor(image, code), header, encoding)


class KeptImage:
    """A bgr8 Image message whose memory serves one frame after another: what is enhanced into it needs no copy.

    Publishing copies it, so that the next frame may overwrite it afterwards.
    """

    def __init__(self) -> None:
        self._message: Image | None = None
        self._pixels = np.empty((0, 0, 3), np.uint8)

    def pixels(self, height: int, width: int) -> np.ndarray:
        """Return the message's own pixels, uint8 H x W x 3, to be overwritten."""
        if self._pixels.shape[:2] != (height, width):
            from std_msgs.msg import Header  # here, as reading must work without ROS

            self._message = from_bgr(np.zeros((height, width, 3), np.uint8), Header())
            self._pixels = np.frombuffer(self._message.data, np.uint8).reshape(height, width, 3)
        return self._pixels

    def holds(self, image: np.ndarray) -> bool:
        """Return whether a picture is this message's pixels."""
        return image is self._pixels

    def with_header(self, header: Header) -> Image:
        """Return the message with exactly this header."""
        assert self._message is not None
        self._message.header = header
        return self._message


def from_attention(attention: np.ndarray, header: Header, encoding: str = "mono8") -> Image:
    """Return an Image message of an attention map (uint8 HxW), mono8 or 32FC1 in [0, 1], with exactly this header."""
    is_float = encoding == "32FC1"
    return _image_message(attention.astype(np.float32) / 255 if is_float else attention, header, encoding)


def compressed_from_bgr(image: np.ndarray, header: Header, quality: int = 90) -> CompressedImage:
    """Return a JPEG CompressedImage of these pixels (uint8 HxWx3, BGR) with exactly this header; quality 1 to 100."""
    from sensor_msgs.msg import CompressedImage  # here, as reading must work without ROS

    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    message = CompressedImage()
    message.header = header
    message.format = JPEG_FORMAT
    message.data.frombytes(encoded)
    return message


def _image_message(image: np.ndarray, header: Header, encoding: str) -> Image:
    from sensor_msgs.msg import Image  # here, as reading must work without ROS

    pixels = np.ascontiguousarray(image)
    message = Image()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.step = pixels.strides[0]
    # The only fast way in that every ROS 2 distribution has: the checked setter walks over each byte in Python.
    message.data.frombytes(pixels.reshape(-1).view(np.uint8))
    return message


def _describe(message: Any) -> str:
    size = f"{message.width}x{message.height} (step {message.step})"
    return f"The image of {size} in encoding {_quoted(message.encoding)}"


def _quoted(text: str) -> str:
    """Return what somebody else wrote, in quotes, on one line and not at any length."""
    return repr(text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "...")


def _checked_bytes(message: Any) -> np.ndarray:
    """Return the message's bytes after checking that they can hold the image the message claims to be."""
    data = np.frombuffer(message.data, np.uint8)
    if message.width == 0 or message.height == 0 or message.step == 0:
        raise FrameError(f"{_describe(message)} is empty; check the camera driver.")
    rows = message.height * 3 // 2 if message.encoding in _SEMIPLANAR else message.height
    if data.size < message.step * rows:
        raise FrameError(
            f"{_describe(message)} is cut off: it has {data.size} bytes and needs {message.step * rows}; "
            "check the camera driver."
        )
    if message.encoding in _EVEN_WIDTH and message.width % 2:
        raise FrameError(f"{_describe(message)} needs an even width; the driver fills the message wrongly.")
    return data


def _rows(message: Any, data: np.ndarray, rows: int, row_bytes: int) -> np.ndarray:
    """Return a view of the first `row_bytes` bytes of each row; what pads a row up to `step` is left out."""
    if message.step < row_bytes:
        raise FrameError(f"{_describe(message)} has rows of {row_bytes} bytes; the driver sets step too small.")
    return data[: rows * message.step].reshape(rows, message.step)[:, :row_bytes]


def _scaled(values: np.ndarray, white: int, watch: WhiteLevelWatch | None, deep: bool) -> np.ndarray:
    if watch is not None:
        watch.observe(values, white)
    return to_full_range(values, white) if deep else cv2.convertScaleAbs(values, alpha=255.0 / white)


def _convert(pixels: np.ndarray, code: int, message: Any) -> np.ndarray:
    try:
        return cv2.cvtColor(pixels, code)
    except cv2.error as error:  # a mosaic of one pixel, say
        raise FrameError(f"{_describe(message)} cannot be converted to BGR: {error.err}.") from error


def _through_cv_bridge(message: Any) -> np.ndarray:
    convert, why = _cv_bridge()
    try:
        if convert is not None:
            return np.asarray(convert(message, "bgr8"))
    except Exception as error:  # CvBridgeError and whatever lies under it
        why = f"not even by cv_bridge, which says {type(error).__name__}"
    name, readable = _quoted(message.encoding), ", ".join(SUPPORTED_ENCODINGS)
    raise EncodingError(f"The encoding {name} cannot be read ({why}); publish one of {readable}.")


@functools.cache
def _cv_bridge() -> tuple[Callable[[Any, str], Any] | None, str]:
    """Return cv_bridge's conversion; None, and the reason, where there is none, or one built for another NumPy."""
    try:
        from cv_bridge import CvBridge  # here, as it is optional

        return CvBridge().imgmsg_to_cv2, ""
    except Exception as error:
        return None, f"{type(error).__name__}: cv_bridge is not usable here"
