"""Compressed pictures of every kind and spelling that drivers and image_transport send."""

import array
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from inputs.compressed_messages import MOSAICS, READ, REFUSED, avi1, encoded, two_fields, without_tables

from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import NoPictureError, compressed_to_bgr
from illumigan_ros.node.white_level import WhiteLevelWatch

COLOUR = (40, 120, 200)


@pytest.fixture
def picture() -> np.ndarray:
    """A small smooth BGR picture whose last block of pixels is not grey."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    return cv2.resize(noise, (96, 64), interpolation=cv2.INTER_CUBIC)


def read(content: bytes, format_: str = "jpeg", **options) -> np.ndarray:
    return compressed_to_bgr(SimpleNamespace(data=array.array("B", content), format=format_), **options)


@pytest.mark.parametrize("row", READ, ids=lambda row: f"{row.format} {row.holds}")
def test_every_message_shows_the_picture_by_what_it_is(picture, row):
    shown = np.dstack([cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)] * 3) if row.is_grey else picture
    image = read(row.make(picture), row.format)
    assert image.shape == picture.shape and image.dtype == np.uint8
    assert np.abs(image.astype(int) - shown).mean() <= row.near


@pytest.mark.parametrize("row", MOSAICS, ids=lambda row: row.format)
def test_a_compressed_mosaic_shows_the_colour_that_made_it(row):
    image = read(row.make(np.full((32, 48, 3), COLOUR, np.uint8)), row.format)
    np.testing.assert_allclose(image[4:-4, 4:-4], np.broadcast_to(np.uint8(COLOUR), (24, 40, 3)), atol=3)


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("colours", [1, 3])
def test_12_bits_in_a_16_bit_file_reach_white(picture, kind, colours):
    pixels = picture if colours == 3 else picture[:, :, :1]
    format_ = f"mono16; {kind} compressed mono16" if colours == 1 else f"bgr16; {kind} compressed bgr16"
    image = read(encoded((pixels.astype(np.uint16) * 257) >> 4, f".{kind}"), format_, white_16bit=4095)
    np.testing.assert_allclose(image, np.broadcast_to(pixels, image.shape), atol=1)


def test_12_bits_that_are_taken_for_16_are_noticed_once(picture):
    watch = WhiteLevelWatch()
    dark = encoded(picture[:, :, 0].astype(np.uint16) * 16, ".png")
    for _ in range(9):
        read(dark, "mono16; png compressed ", watch=watch)
    assert re.search(r"lowest 16th.*4095", watch.warning)
    bright = WhiteLevelWatch()
    for values in (picture[:, :, 0].astype(np.uint16) * 257, *[np.zeros((8, 8), np.uint16)] * 9):
        read(encoded(values, ".png"), "mono16; png compressed ", watch=bright)
    assert bright.warning == ""


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.format} {row.holds}")
def test_what_is_refused_is_told_with_the_reason(picture, row):
    with pytest.raises(FrameError, match=row.refused) as refusal:
        read(row.make(picture), row.format)
    assert isinstance(refusal.value, NoPictureError) == (row.holds == "no picture")


def test_corrupt_pictures_are_refused(picture):
    jpeg = encoded(picture)
    starts_only = (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xd9")
    for data in (*starts_only, b"no picture at all", jpeg[: len(jpeg) // 2], jpeg[10:]):
        with pytest.raises(FrameError, match="jpeg"):
            read(data)
    with pytest.raises(FrameError, match="png"):
        read(encoded(picture, ".png")[:-20], "png")


def with_preview(jpeg: bytes, preview: bytes) -> bytes:
    """Put a whole little JPEG into the header, as cameras do."""
    return jpeg[:2] + b"\xff\xe1" + (len(preview) + 2).to_bytes(2, "big") + preview + jpeg[2:]


@pytest.mark.parametrize("padding", [b"", b"\0" * 5000, b"\xff" * 5000])
@pytest.mark.parametrize("grey", [False, True])
def test_a_jpeg_that_lacks_only_its_end_marker_shows_the_same_picture(picture, padding, grey):
    pixels = picture[:, :, 0] if grey else picture
    jpeg = with_preview(encoded(pixels), encoded(picture[:8, :8]))
    whole = read(jpeg)
    np.testing.assert_array_equal(read(jpeg + padding), whole)
    np.testing.assert_array_equal(read(jpeg[:-2] + padding), whole)


@pytest.mark.parametrize("padding", [b"", b"\0" * 5000, b"\xff" * 5000])
@pytest.mark.parametrize("share", [0.5, 0.75, 0.95])
@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)])
def test_a_jpeg_whose_pixels_are_missing_is_refused(picture, padding, share, options):
    jpeg = encoded(picture, ".jpg", *options)
    with pytest.raises(FrameError, match="cut off"):
        read(jpeg[: int(share * len(jpeg))] + padding)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_without_an_end_marker_are_whole(level):
    """A picture that ends in the grey that decoders fill in, and ones whose data end in zeros."""
    flat = np.full((48, 64, 3), level, np.uint8)
    np.testing.assert_array_equal(read(encoded(flat)[:-2]), read(encoded(flat)))
    np.testing.assert_array_equal(read(encoded(flat)[:-2] + bytes(999)), read(encoded(flat)))


def test_motion_jpeg_decodes_without_tables_and_behind_a_driver_s_own_bytes(picture):
    jpeg = encoded(picture)
    np.testing.assert_array_equal(read(avi1(without_tables(jpeg), 0)), read(jpeg))
    np.testing.assert_array_equal(read(b"\x55\xaa 16 bytes \x00\xff" + jpeg), read(jpeg))
    np.testing.assert_array_equal(read(b"\x00" * 64 + jpeg[:-2]), read(jpeg))


@pytest.mark.parametrize("upper_first", [True, False])
def test_two_fields_become_one_frame(picture, upper_first):
    both = two_fields(picture, upper_first=upper_first)
    assert np.abs(read(both).astype(int) - picture).mean() < 2


@pytest.mark.parametrize("format_", ["mono16; png compressed mono16", "bayer_rggb16; png compressed "])
def test_sixteen_bits_are_kept_where_they_are_wanted(format_):
    dark = np.random.default_rng(0).integers(0, 600, (32, 48)).astype(np.uint16)
    image = read(encoded(dark, ".png"), format_, deep=True)
    assert image.dtype == np.uint16 and image.shape == (32, 48, 3)
    assert len(np.unique(image)) > 300  # eight bits would have three
    assert read(encoded(dark, ".png"), format_, white_16bit=600, deep=True).max() > 60000
