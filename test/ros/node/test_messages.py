"""Pixels must survive the way through ROS messages, whatever the camera calls them."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import (
    EncodingError,
    compressed_from_bgr,
    compressed_to_bgr,
    from_attention,
    from_bgr,
    to_bgr,
)

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def message(rows: np.ndarray, encoding: str, width: int, height: int, padding: int = 0, bigendian: int = 0):
    """Make an image message from rows of bytes, padded as some drivers do."""
    rows = rows.reshape(rows.shape[0], -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        encoding=encoding,
        width=width,
        height=height,
        step=padded.shape[1],
        is_bigendian=bigendian,
        data=array.array("B", padded.tobytes()),
    )


@pytest.fixture
def picture() -> np.ndarray:
    """A small smooth BGR picture: YUV formats keep colour at half the resolution only."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(noise, (48, 32), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("padding", [0, 7, 64])
@pytest.mark.parametrize(
    ("encoding", "from_bgr"),
    [
        ("bgr8", None),
        ("8UC3", None),
        ("rgb8", cv2.COLOR_BGR2RGB),
        ("bgra8", cv2.COLOR_BGR2BGRA),
        ("8UC4", cv2.COLOR_BGR2BGRA),
        ("rgba8", cv2.COLOR_BGR2RGBA),
    ],
)
def test_colour_encodings_come_back_exactly(picture, encoding, from_bgr, padding):
    pixels = picture if from_bgr is None else cv2.cvtColor(picture, from_bgr)
    np.testing.assert_array_equal(to_bgr(message(pixels, encoding, 48, 32, padding)), picture)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_becomes_three_equal_colours(picture, encoding, padding):
    grey = picture[:, :, 1].copy()
    np.testing.assert_array_equal(to_bgr(message(grey, encoding, 48, 32, padding)), np.dstack([grey] * 3))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, (200, 120, 40)])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_shows_the_colour_that_made_it(pattern, colour, padding, bits):
    value = dict(zip("bgr", colour, strict=True))
    mosaic = np.zeros((16, 20), np.uint8)
    for index, letter in enumerate(pattern):  # the first row, left to right, then the second, as ROS names it
        mosaic[index // 2 :: 2, index % 2 :: 2] = value[letter]
    rows = mosaic if bits == 8 else mosaic.astype(np.uint16) * 257
    image = to_bgr(message(rows, f"bayer_{pattern}{bits}", 20, 16, padding))
    np.testing.assert_array_equal(image[4:-4, 4:-4], np.broadcast_to(np.array(colour, np.uint8), (8, 12, 3)))


def yuv_planes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    h, w = picture.shape[:2]
    chroma = i420[h:].reshape(2, h // 2, w // 2)
    return i420[:h], chroma[0], chroma[1]


@pytest.mark.parametrize("padding", [0, 16])
@pytest.mark.parametrize("encoding", ["uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21"])
def test_yuv_encodings_show_the_same_picture(picture, encoding, padding):
    y, u, v = yuv_planes(picture)
    if encoding.startswith("nv"):
        pair = (u, v) if encoding == "nv12" else (v, u)
        rows = np.vstack([y, np.dstack(pair).reshape(len(u), -1)])
    else:
        u, v = np.repeat(u, 2, axis=0), np.repeat(v, 2, axis=0)
        first, second = y[:, ::2], y[:, 1::2]
        order = (u, first, v, second) if encoding in ("uyvy", "yuv422") else (first, u, second, v)
        rows = np.dstack(order).reshape(32, -1)
    image = to_bgr(message(rows, encoding, 48, 32, padding))
    assert np.abs(image.astype(int) - picture).mean() < 6


@pytest.mark.parametrize("bigendian", [0, 1])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
def test_16_bits_scale_to_the_same_brightness_in_both_byte_orders(encoding, bigendian):
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    rows = grey.astype(">u2" if bigendian else "<u2")
    image = to_bgr(message(rows, encoding, 16, 16, padding=3, bigendian=bigendian))
    np.testing.assert_array_equal(image[:, :, 0], np.arange(256).reshape(16, 16))


def test_a_12_bit_camera_reaches_white():
    image = to_bgr(message(np.full((2, 2), 4095, "<u2"), "mono16", 2, 2), white_16bit=4095)
    assert image.min() == 255


def test_bgr8_is_not_copied(picture):
    camera = message(picture, "bgr8", 48, 32, padding=5)
    view = to_bgr(camera)
    camera.data[0] ^= 255
    assert view[0, 0, 0] == picture[0, 0, 0] ^ 255


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"step": 0}, "empty"),
        ({"data": array.array("B")}, "cut off"),
        ({"data": array.array("B", bytes(32 * 144 - 1))}, "cut off"),
        ({"width": 49}, "step too small"),
        ({"encoding": "rgba8"}, "step too small"),
        ({"encoding": "nv12", "step": 48, "height": 97}, "even height|cut off"),
        ({"encoding": "uyvy", "width": 47}, "even width"),
        ({"encoding": "bayer_rggb16"}, None),
        ({"encoding": "nv12"}, "cut off"),
    ],
)
def test_contradictions_are_named(picture, change, complaint):
    camera = message(picture, "bgr8", 48, 32)
    vars(camera).update(change)
    if complaint is None:
        assert to_bgr(camera).shape == (32, 48, 3)
    else:
        with pytest.raises(FrameError, match=complaint):
            to_bgr(camera)


@pytest.mark.parametrize("encoding", ["32FC1", "", "no_such_encoding"])
def test_an_unreadable_encoding_is_named_with_what_would_work(picture, encoding):
    with pytest.raises(EncodingError, match=rf"'{encoding}'.*bgr8"):
        to_bgr(message(picture, encoding, 48, 32))


def test_written_messages_read_back(picture):
    messages = pytest.importorskip("std_msgs.msg", reason="ROS messages are not installed")
    header = messages.Header(frame_id="camera_optical_frame")
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, ::2] = picture
    view = from_bgr(wide[:, ::2], header)
    assert (view.encoding, view.step, view.width, view.height) == ("bgr8", 144, 48, 32)
    assert view.header == header
    np.testing.assert_array_equal(to_bgr(view), picture)
    mono = from_attention(picture[:, :, 0], header)
    assert (mono.encoding, mono.step) == ("mono8", 48)
    np.testing.assert_array_equal(to_bgr(mono)[:, :, 2], picture[:, :, 0])
    jpeg = compressed_from_bgr(picture, header, quality=95)
    assert jpeg.format == "bgr8; jpeg compressed bgr8"
    assert jpeg.header == header
    assert np.abs(compressed_to_bgr(jpeg).astype(int) - picture).mean() < 4
