"""Image and CompressedImage messages to and from NumPy arrays.

Reading works on any object with the fields of the ROS message (rclpy's, or the ones that `rosbags` makes), needs no
ROS installation and copies nothing where the pixels already are BGR. Writing makes real `sensor_msgs` messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_model.photos import is_cut_off_jpeg

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

JPEG_FORMAT = "bgr8; jpeg compressed bgr8"
FULL_RANGE_16 = 65535


class EncodingError(FrameError):
    """The message is well formed, but nobody here can read its pixel encoding."""


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

SUPPORTED_ENCODINGS = (*_PACKED, *_SEMIPLANAR, *_SIXTEEN_BIT)


def to_bgr(message: Any, white_16bit: int = FULL_RANGE_16) -> np.ndarray:
    """
    Return the pixels of a sensor_msgs/Image as uint8 BGR, HxWx3.

    bgr8 comes back as a view of the message's own bytes (possibly read-only, rows possibly padded); everything else is
    a new array. 16-bit encodings are scaled by 255 / `white_16bit`, the same for every frame so that the brightness
    does not flicker; set it to 4095, say, for a camera that keeps 12 bits in the low end of each word.

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
        return _convert(cv2.convertScaleAbs(values, alpha=255.0 / white_16bit), _SIXTEEN_BIT[encoding], message)
    return _through_cv_bridge(message)


def compressed_to_bgr(message: Any) -> np.ndarray:
    """
    Return the picture in a sensor_msgs/CompressedImage (JPEG, PNG, ...) as uint8 BGR, HxWx3.

    The bytes decide, not `format`, of which drivers have many spellings. A JPEG without its end marker was cut off on
    the way and is refused, see is_cut_off_jpeg. An orientation tag is ignored, so that the picture stays what
    camera_info describes. Raises FrameError.
    """
    data = np.frombuffer(message.data, np.uint8)
    name = f"compressed image of format '{message.format}' with {data.size} bytes"
    if is_cut_off_jpeg(data.tobytes()):
        raise FrameError(f"The {name} is a JPEG cut off before its end; check the link to the camera.")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise FrameError(f"The {name} is no picture that OpenCV can decode; send JPEG or PNG.")
    return image


def from_bgr(image: np.ndarray, header: Header) -> Image:
    """Return a bgr8 Image message with these pixels (uint8 HxWx3, BGR) and exactly this header."""
    return _image_message(image, header, "bgr8")


def from_mono(image: np.ndarray, header: Header) -> Image:
    """Return a mono8 Image message with these pixels (uint8 HxW) and exactly this header."""
    return _image_message(image, header, "mono8")


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
    message.data.frombytes(pixels)
    return message


def _describe(message: Any) -> str:
    return f"The {message.encoding or 'unnamed'} image of {message.width}x{message.height} (step {message.step})"


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


def _convert(pixels: np.ndarray, code: int, message: Any) -> np.ndarray:
    try:
        return cv2.cvtColor(pixels, code)
    except cv2.error as error:  # a mosaic of one pixel, say
        raise FrameError(f"{_describe(message)} cannot be converted to BGR: {error.err}.") from error


def _through_cv_bridge(message: Any) -> np.ndarray:
    try:
        convert = _cv_bridge()
    except Exception as error:  # an absent cv_bridge, or one built for another NumPy
        raise EncodingError(
            f"The encoding '{message.encoding}' cannot be read ({type(error).__name__}: cv_bridge is not usable here); "
            f"publish one of {', '.join(SUPPORTED_ENCODINGS)}."
        ) from error
    try:
        return np.asarray(convert(message, "bgr8"))
    except Exception as error:  # CvBridgeError and whatever lies under it
        raise EncodingError(
            f"The encoding '{message.encoding}' cannot be read, not even by cv_bridge; "
            f"publish one of {', '.join(SUPPORTED_ENCODINGS)}."
        ) from error


def _cv_bridge() -> Callable[[Any, str], Any]:
    from cv_bridge import CvBridge  # here, as it is optional

    return CvBridge().imgmsg_to_cv2
