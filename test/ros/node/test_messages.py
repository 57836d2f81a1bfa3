"""Pixels must survive the way through ROS messages, whatever the camera calls them."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from inputs.image_messages import BAYER_PATTERNS, ENCODINGS, UNREADABLE, mosaic

from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import (
    FROM_BGR,
    SUPPORTED_ENCODINGS,
    EncodingError,
    KeptImage,
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


def test_the_list_of_what_is_read_and_written_is_whole():
    assert {row.name for row in ENCODINGS} == set(SUPPORTED_ENCODINGS)
    assert {row.name for row in ENCODINGS if row.outputs} == set(FROM_BGR)


@pytest.mark.parametrize("padding", [0, 6, 64])
@pytest.mark.parametrize("row", ENCODINGS, ids=lambda row: row.name)
def test_every_encoding_shows_the_picture(picture, row, padding):
    shown = np.dstack([cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)] * 3) if row.is_grey else picture
    for bigendian in (0, 1) if row.bits == 16 else (0,):
        rows = row.make(picture)
        image = to_bgr(message(rows.byteswap() if bigendian else rows, row.name, 48, 32, padding, bigendian))
        assert image.shape == picture.shape and image.dtype == np.uint8
        assert np.abs(image.astype(int) - shown).mean() <= row.near


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, (200, 120, 40)])
@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_a_mosaic_shows_the_colour_that_made_it(pattern, colour, padding, bits):
    made = mosaic(pattern)(np.full((16, 20, 3), colour, np.uint8))
    rows = made if bits == 8 else made.astype(np.uint16) * 257
    image = to_bgr(message(rows, f"bayer_{pattern}{bits}", 20, 16, padding))
    np.testing.assert_array_equal(image[4:-4, 4:-4], np.broadcast_to(np.array(colour, np.uint8), (8, 12, 3)))


@pytest.mark.parametrize("bigendian", [0, 1])
@pytest.mark.parametrize("encoding", [row.name for row in ENCODINGS if row.bits == 16 and row.is_grey])
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


@pytest.mark.parametrize("encoding", UNREADABLE)
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
    np.testing.assert_array_equal(to_bgr(from_bgr(picture, header, "rgb8")), picture)
    grey = from_bgr(picture, header, "mono8")
    np.testing.assert_array_equal(to_bgr(grey)[:, :, 0], cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    mono = from_attention(picture[:, :, 0], header)
    assert (mono.encoding, mono.step) == ("mono8", 48)
    np.testing.assert_array_equal(to_bgr(mono)[:, :, 2], picture[:, :, 0])
    floats = from_attention(picture[:, :, 0], header, "32FC1")
    shares = np.frombuffer(floats.data, np.float32).reshape(32, 48)
    np.testing.assert_allclose(shares, picture[:, :, 0] / 255, atol=1e-6)
    jpeg = compressed_from_bgr(picture, header, quality=95)
    assert jpeg.format == "bgr8; jpeg compressed bgr8"
    assert jpeg.header == header
    assert np.abs(compressed_to_bgr(jpeg).astype(int) - picture).mean() < 4


def test_a_kept_message_has_the_pixels_that_were_last_written_and_each_frames_header(picture):
    header = pytest.importorskip("std_msgs.msg").Header
    kept = KeptImage()
    for index, pixels in enumerate((picture, 255 - picture, picture[:, :8])):
        room = kept.pixels(*pixels.shape[:2])
        room[:] = pixels
        made = kept.with_header(header(frame_id=str(index)))
        assert kept.holds(room) and not kept.holds(pixels)
        assert made.header.frame_id == str(index)
        assert (made.height, made.width, made.step, made.encoding) == (*pixels.shape[:2], 3 * pixels.shape[1], "bgr8")
        np.testing.assert_array_equal(to_bgr(made), pixels)
