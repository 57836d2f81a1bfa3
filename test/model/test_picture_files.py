import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from inputs.pictures import ALPHA, PICTURES, PROFILE, RGB, chunk
from PIL import Image, ImageCms

from illumigan_model.errors import FrameError
from illumigan_model.photos import read_photo
from illumigan_model.picture_files import Picture, read_picture, write_picture
from illumigan_model.system.files import shown

MARKED = np.full((24, 40, 3), 30, np.uint8)
MARKED[:12, :20] = (200, 40, 40)
MARKED[12:, 20:] = (40, 40, 200)
GREY_PROFILE = PROFILE[:16] + b"GRAY" + PROFILE[20:]


def saved(picture, format_, **options):
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()


def read(tmp_path, content, name="picture.png", **options):
    (tmp_path / name).write_bytes(content)
    return read_picture(tmp_path / name, **options)


@pytest.mark.parametrize("row", PICTURES, ids=lambda row: f"{row.suffixes} {row.holds}")
def test_each_kind_of_picture_is_read_with_all_that_belongs_to_it(row, tmp_path):
    if not row.needs():
        pytest.skip("what reads it is not installed")
    path = tmp_path / f"picture{row.suffixes.split(',')[0]}"
    path.write_bytes(row.make())
    picture = read_picture(path)
    assert picture.bgr.dtype == row.pixels.dtype
    kept = ALPHA > 0 if row.alpha else np.ones_like(ALPHA, bool)
    difference = np.abs(picture.bgr[..., ::-1].astype(int) - row.pixels)[kept]
    assert np.quantile(difference, 0.9) <= row.near
    assert (picture.alpha is not None) == row.alpha
    if row.alpha:
        assert np.abs(picture.alpha.astype(int) - ALPHA).max() <= 2
    assert (picture.profile == PROFILE) == row.profile
    assert picture.is_grey == row.is_grey
    assert (picture.peak is None) == (picture.bgr.dtype == np.uint8)
    photo = read_photo(path)
    assert photo.dtype == np.uint8 and photo.shape == RGB.shape


@pytest.mark.parametrize("row", PICTURES, ids=lambda row: f"{row.suffixes} {row.holds}")
def test_written_unchanged_it_looks_the_same(row, tmp_path):
    if not row.needs():
        pytest.skip("what reads it is not installed")
    picture = read(tmp_path, row.make(), f"picture{row.suffixes.split(',')[0]}")
    eight = np.round(picture.bgr / 257).astype(np.uint8) if picture.bgr.dtype == np.uint16 else picture.bgr
    write_picture(tmp_path / "out.png", eight, picture)
    with Image.open(tmp_path / "out.png") as written:
        colours = "L" if row.is_grey else "RGB"
        assert written.mode == colours + "A" * row.alpha
        assert written.info.get("icc_profile", b"") == (PROFILE if row.profile else b"")
        assert (np.asarray(written.convert("RGB"))[..., ::-1] == eight).all()
        if row.alpha:
            assert (np.asarray(written.getchannel("A")) == picture.alpha).all()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "16-bit PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_heeded_once(format_, orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation
    if format_ == "16-bit PNG":
        content = cv2.imencode(".png", MARKED[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
        content = content[:33] + chunk(b"eXIf", exif.tobytes()[6:]) + content[33:]
    elif format_ == "AVIF" and not Image.registered_extensions().get(".avif"):
        pytest.skip("this Pillow has no AVIF")
    else:
        content = saved(Image.fromarray(MARKED), format_, exif=exif, quality=95)
    transpose = [None, None, "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270",
                 "TRANSVERSE", "ROTATE_90"][orientation]  # fmt: skip
    upright = Image.fromarray(MARKED)
    upright = np.asarray(upright.transpose(getattr(Image.Transpose, transpose)) if transpose else upright)
    picture = read(tmp_path, content)
    found = picture.bgr[..., ::-1] // (257 if picture.bgr.dtype == np.uint16 else 1)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 4


def test_a_profile_that_does_not_fit_the_pixels_is_not_written(tmp_path):
    grey, colour = np.full((20, 20, 3), 50, np.uint8), np.full((20, 20, 3), (10, 50, 90), np.uint8)
    for pixels, is_grey, profile, mode, kept in (
        (grey, True, GREY_PROFILE, "L", True),
        (grey, True, PROFILE, "RGB", True),  # PNG wants the colours of the profile
        (colour, False, GREY_PROFILE, "RGB", False),
        (colour, False, b"nonsense", "RGB", False),
    ):
        write_picture(tmp_path / "out.png", pixels, Picture(pixels, profile=profile, is_grey=is_grey))
        with Image.open(tmp_path / "out.png") as written:
            assert (written.mode, "icc_profile" in written.info) == (mode, kept)


def test_printing_inks_become_srgb_by_their_profile_where_there_is_one(tmp_path):
    inks = Image.fromarray(RGB).convert("CMYK")
    for profile in (PROFILE, b"damaged"):  # one for other colours, and none
        content = saved(inks, "JPEG", quality=95, icc_profile=profile)
        picture = read(tmp_path, content, "inks.jpg")
        assert np.abs(picture.bgr[..., ::-1].astype(int) - RGB).mean() < 3
        assert picture.profile == b""
    lab = ImageCms.profileToProfile(
        Image.fromarray(RGB), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert np.abs(read(tmp_path, saved(lab, "TIFF"), "lab.tif").bgr[..., ::-1].astype(int) - RGB).mean() < 3


def test_what_a_png_says_of_its_colours_beside_a_profile_is_kept(tmp_path):
    content = saved(Image.fromarray(RGB), "PNG")
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    picture = read(tmp_path, content[:33] + gamma + content[33:])
    write_picture(tmp_path / "out.png", picture.bgr, picture)
    assert gamma in (tmp_path / "out.png").read_bytes()


def test_white_of_sixteen_bits_can_be_named(tmp_path):
    twelve = np.full((20, 20, 3), 2048, np.uint16)
    content = cv2.imencode(".png", twelve)[1].tobytes()
    assert read(tmp_path, content).bgr.max() == 2048
    picture = read(tmp_path, content, white_16bit=4095)
    assert abs(int(picture.bgr[0, 0, 0]) - 2048 * 65535 // 4095) <= 1
    assert picture.peak == 2048


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM"])
def test_what_is_cut_off_or_no_picture_is_named_and_refused(format_, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    try:
        content = saved(Image.fromarray(noise), format_)
    except (KeyError, OSError):
        pytest.skip("this Pillow cannot write it")
    for damaged in (content[: len(content) // 2], content[:20], b"", b"no picture", b"\0" * 1000):
        with pytest.raises(FrameError, match=r"picture\.png (is|has)") as refusal:
            read(tmp_path, damaged)
        assert str(refusal.value).count("\n") == 0


@pytest.mark.parametrize("side", [16_400, 60_000, 1 << 31])
def test_a_small_file_that_claims_to_be_huge_is_refused_unread(side, tmp_path):
    head = struct.pack(">IIBBBBB", side % (1 << 31), side % (1 << 31), 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(FrameError, match=r"million pixels|no picture|damaged"):
        read(tmp_path, content)


def test_a_path_can_be_printed_whatever_is_in_it():
    assert shown(Path("a\nb\x1b[31m/\udcff é.png")) == "a\\nb\\x1b[31m/\\udcff é.png"
    shown(Path("\udcff")).encode()


def test_a_deep_tiff_that_is_cut_off_is_refused_in_one_sentence_and_nothing_else_is_printed(tmp_path, capfd):
    content = cv2.imencode(".tiff", np.full((64, 96, 3), 9000, np.uint16))[1].tobytes()
    with pytest.raises(FrameError, match=r"picture\.tif is damaged"):
        read(tmp_path, content[:-200], "picture.tif")
    assert "".join(capfd.readouterr()) == ""
