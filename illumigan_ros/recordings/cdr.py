"""Camera messages as CDR bytes: their stamps, and the messages themselves made and read without ROS.

Messages stay raw wherever possible: the bytes of a bag go into `publisher.publish(...)` and come back from a raw
subscription unchanged, so a header that nobody touches cannot change.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np

from illumigan_model.errors import FrameError, first_line
from illumigan_ros.recordings.definitions import typestore
from illumigan_ros.recordings.messages import BagMessage

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
NOTHING = np.empty(0, np.uint8)
JPEG_QUALITY, PNG_EFFORT = 90, 1
_LENGTH = struct.Struct("<I")
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)


def header_stamp_ns(raw: bytes | memoryview) -> int:
    """Read the header's stamp, in nanoseconds, from the CDR bytes of a message whose first field is a header.

    Raises FrameError if there are too few bytes.
    """
    if len(raw) < 12:
        raise FrameError(f"A message of {len(raw)} bytes cannot hold a header; the bag or its recorder is damaged.")
    seconds, nanoseconds = struct.unpack_from("<iI" if raw[1] & 1 else ">iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def restamped(raw: bytes | memoryview, stamp_ns: int) -> bytes:
    """Return the CDR bytes of a message with another stamp, in nanoseconds, in its header."""
    copy = bytearray(raw)
    struct.pack_into("<iI" if copy[1] & 1 else ">iI", copy, 4, *divmod(stamp_ns, 1_000_000_000))
    return bytes(copy)


def decode(message: BagMessage) -> Any:
    """Turn CDR bytes into an object with the message's fields; its arrays are numpy's, and views of these bytes.

    Raises FrameError if they are cut.
    """
    try:
        return typestore().deserialize_cdr(memoryview(message.raw), message.msgtype)  # of bytes, it copies all
    except Exception as error:
        raise FrameError(
            f"A message on {message.topic} is damaged ({first_line(error)}); skip it or record anew."
        ) from error


def image_cdr(picture: np.ndarray, stamp_ns: int, frame_id: str = "camera") -> bytes:
    """Serialise a picture, uint8 HxWx3 BGR (bgr8) or HxW (mono8), as a sensor_msgs/Image."""
    return b"".join(image_parts(picture, stamp_ns, frame_id))


def image_parts(picture: np.ndarray, stamp_ns: int, frame_id: str) -> tuple[bytes, memoryview]:
    """Return what `image_cdr` does as two parts, of which the second is the memory of the picture itself."""
    height, width = picture.shape[:2]
    message = typestore().types[IMAGE](
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding=_encoding(picture),
        is_bigendian=0,
        step=width * (3 if picture.ndim == 3 else 1),
        data=NOTHING,
    )
    return _with_data(message, IMAGE, np.ascontiguousarray(picture).reshape(-1))


def compressed_image_parts(picture: np.ndarray, stamp_ns: int, frame_id: str, kind: str) -> tuple[bytes, memoryview]:
    """Serialise a picture, uint8 HxWx3 BGR or HxW, as a sensor_msgs/CompressedImage, a "jpeg" of quality 90 or a "png".

    The second part of the message is its data.
    Its format is what image_transport writes, such as "bgr8; jpeg compressed bgr8".
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT]
    encoded, content = cv2.imencode(f".{kind}", picture, options)
    if not encoded:
        raise FrameError(f"A picture of {picture.shape[1]} x {picture.shape[0]} cannot become a {kind}.")
    encoding = _encoding(picture)
    message = typestore().types[COMPRESSED_IMAGE](
        header=_header(stamp_ns, frame_id), format=f"{encoding}; {kind} compressed {encoding}", data=NOTHING
    )
    return _with_data(message, COMPRESSED_IMAGE, content.reshape(-1))


def _encoding(picture: np.ndarray) -> str:
    return "bgr8" if picture.ndim == 3 else "mono8"


def _with_data(message: Any, msgtype: str, data: np.ndarray) -> tuple[bytes, memoryview]:
    """Serialise a message whose last field is `data`, empty as yet, with these bytes in it, which are a part of it."""
    head = bytes(typestore().serialize_cdr(message, msgtype))
    return head[: -_LENGTH.size] + _LENGTH.pack(data.size), data.data


def camera_info_cdr(width: int, height: int, stamp_ns: int, frame_id: str = "camera") -> bytes:
    """Serialise the CameraInfo of an ideal pinhole camera with a horizontal view of 60 degrees."""
    types = typestore().types
    focal = width / 2 / np.tan(np.radians(30.0))
    intrinsics = np.array([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1], np.float64)
    message = types[CAMERA_INFO](
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5, np.float64),
        k=intrinsics,
        r=np.eye(3, dtype=np.float64).reshape(-1),
        p=np.hstack([intrinsics.reshape(3, 3), np.zeros((3, 1))]).reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )
    return bytes(typestore().serialize_cdr(message, CAMERA_INFO))


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = typestore().types
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)
