"""Compressed pictures of every kind and spelling that drivers and image_transport send."""

import array
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from inputs.compressed_messages import COMPRESSED

from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import NoPictureError, compressed_to_bgr
from illumigan_ros.node.white_level import WhiteLevelWatch

COLOUR = (40, 120, 200)


@pytest.fixture
def picture() -> np.ndarray:
    """A small smooth BGR picture whose last block of pixels is not grey."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    return cv2.resize(noise, (96, 64), interpolation=cv2.INTER_CUBIC)


def encoded(pixels: np.ndarray, kind: str = ".jpg", *options: int) -> bytes:
    return cv2.imencode(kind, pixels, options)[1].tobytes()


def read(content: bytes, format_: str = "jpeg", **options) -> np.ndarray:
    return compressed_to_bgr(SimpleNamespace(data=array.array("B", content), format=format_), **options)


def mosaic(pattern: str, bits: int = 8) -> np.ndarray:
    """Make a mosaic that shows one colour."""
    value = dict(zip("bgr", COLOUR, strict=True))
    made = np.zeros((32, 48), np.uint8)
    for index, letter in enumerate(pattern):
        made[index // 2 :: 2, index % 2 :: 2] = value[letter]
    return made if bits == 8 else made.astype(np.uint16) * 257


@pytest.mark.parametrize(
    ("row", "format_"), [(row, text) for row in COMPRESSED for text in row.formats], ids=lambda value: str(value)[:40]
)
def test_every_kind_is_read_under_every_name_or_refused_with_the_reason(row, format_):
    if row.holds.startswith("AVIF") and not cv2.haveImageWriter("a.avif"):
        pytest.skip("this OpenCV knows no AVIF")
    if row.picture is None:
        with pytest.raises(NoPictureError, match=row.holds.split()[-1]):
            read(row.make(), format_)
        return
    image = read(row.make(), format_)
    edge = 4 if "mosaic in" in row.holds else 0  # demosaicing has no neighbours there
    inner = (slice(edge, 64 - edge), slice(edge, 96 - edge))
    assert image.shape == row.picture.shape
    assert np.abs(image[inner].astype(int) - row.picture[inner]).mean() <= row.tolerance


def test_grey_becomes_three_channels_and_alpha_is_left_out(picture):
    assert read(encoded(picture[:, :, 0]), "mono8; jpeg compressed ").shape == picture.shape
    with_alpha = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    np.testing.assert_array_equal(read(encoded(with_alpha, ".png"), "bgra8; png compressed bgra8"), picture)


@pytest.mark.parametrize(
    ("kind", "bits", "target"), [("jpeg", 8, "bayer_{}8"), ("png", 8, ""), ("png", 16, "bayer_{}16"), ("tiff", 16, "")]
)
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_compressed_mosaic_shows_the_colour_that_made_it(pattern, kind, bits, target):
    content = encoded(mosaic(pattern, bits), f".{kind}", *([cv2.IMWRITE_JPEG_QUALITY, 100] if kind == "jpeg" else []))
    image = read(content, f"bayer_{pattern}{bits}; {kind} compressed {target.format(pattern)}")
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


@pytest.mark.parametrize(
    ("format_", "what"),
    [
        ("16UC1; compressedDepth png", "distances"),
        ("32FC1; compressedDepth rvl", "distances"),
        ("h264", "video stream"),
        ("H.265", "video stream"),
        ("ffmpeg", "video stream"),
    ],
)
def test_what_holds_no_pictures_is_refused_with_the_reason(format_, what):
    with pytest.raises(NoPictureError, match=what):
        read(b"\0\0\0\1 whatever", format_)


def test_corrupt_pictures_are_refused(picture):
    jpeg = encoded(picture)
    starts_only = (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xd9")
    for data in (*starts_only, b"no picture at all", jpeg[: len(jpeg) // 2], jpeg[10:]):
        with pytest.raises(FrameError, match="jpeg"):
            read(data)
    with pytest.raises(FrameError, match="png"):
        read(encoded(picture, ".png")[:-20], "png")
    for pixels in (picture[:, :, 0], picture):
        with pytest.raises(FrameError, match=r"float32|no picture"):
            read(encoded(pixels.astype(np.float32), ".tiff"), "tiff")


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


def test_motion_jpeg_decodes_without_tables_and_behind_a_driver_s_own_bytes(picture):
    jpeg = encoded(picture)
    np.testing.assert_array_equal(read(avi1(without_tables(jpeg), 0)), read(jpeg))
    np.testing.assert_array_equal(read(b"\x55\xaa 16 bytes \x00\xff" + jpeg), read(jpeg))
    np.testing.assert_array_equal(read(b"\x00" * 64 + jpeg[:-2]), read(jpeg))


@pytest.mark.parametrize("upper_first", [True, False])
def test_two_fields_become_one_frame(picture, upper_first):
    best = (".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)
    best += (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    polarities = (1, 2) if upper_first else (2, 1)
    halves = (picture[::2], picture[1::2]) if upper_first else (picture[1::2], picture[::2])
    both = b"".join(avi1(encoded(half, *best), p) + b"\0" * 10 for half, p in zip(halves, polarities, strict=True))
    assert np.abs(read(both).astype(int) - picture).mean() < 2


@pytest.mark.parametrize("format_", ["mono16; png compressed mono16", "bayer_rggb16; png compressed "])
def test_sixteen_bits_are_kept_where_they_are_wanted(format_):
    dark = np.random.default_rng(0).integers(0, 600, (32, 48)).astype(np.uint16)
    image = read(encoded(dark, ".png"), format_, deep=True)
    assert image.dtype == np.uint16 and image.shape == (32, 48, 3)
    assert len(np.unique(image)) > 300  # eight bits would have three
    assert read(encoded(dark, ".png"), format_, white_16bit=600, deep=True).max() > 60000
