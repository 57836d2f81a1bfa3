"""PyTurboJPEG, where it is installed, makes no difference but that of time."""

import array
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from illumigan_model.errors import FrameError
from illumigan_ros.node import compressed_picture
from illumigan_ros.node.messages import compressed_to_bgr
from illumigan_ros.node.turbo_jpeg import decoded_by_turbo_jpeg, why_not_turbo_jpeg

if why := why_not_turbo_jpeg():
    pytest.skip(why, allow_module_level=True)

PICTURE = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8), (150, 101), interpolation=cv2.INTER_CUBIC
)
SAMPLINGS = {name[-3:]: getattr(cv2, name) for name in dir(cv2) if name.startswith("IMWRITE_JPEG_SAMPLING_FACTOR_")}
KINDS = {
    "plain": (),
    "progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "with restart markers": (cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
    **{name: (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, value) for name, value in SAMPLINGS.items()},
}


def by_opencv(pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", pixels, options)[1].tobytes()


def by_pillow(pixels: np.ndarray, mode: str, **options) -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels, mode).save(made, "JPEG", **options)
    return made.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by a quarter
    return by_pillow(PICTURE, "RGB", exif=exif)


def read(content: bytes) -> np.ndarray | str:
    """Return the picture, or why there is none."""
    try:
        return compressed_to_bgr(SimpleNamespace(data=array.array("B", content), format="jpeg"))
    except FrameError as error:
        return str(error)


def read_by_opencv_alone(content: bytes) -> np.ndarray | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compressed_picture, "decoded_by_turbo_jpeg", lambda content: None)
        return read(content)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("pixels", [PICTURE, PICTURE[..., 0]], ids=["colours", "grey"])
def test_it_decodes_what_cameras_send_to_the_same_pixels(pixels, options):
    content = by_opencv(pixels, *options)
    decoded = decoded_by_turbo_jpeg(content)
    assert decoded is not None
    np.testing.assert_array_equal(decoded, read_by_opencv_alone(content))
    np.testing.assert_array_equal(read(content), decoded)


@pytest.mark.parametrize(
    "content",
    [
        by_pillow(np.dstack([PICTURE, PICTURE[..., 0]]), "CMYK"),
        by_pillow(PICTURE, "RGB", keep_rgb=True),
        turned(),
        by_opencv(PICTURE)[:-2],
        by_opencv(PICTURE)[:-2] + bytes(100),
        by_opencv(PICTURE)[:-500],
    ],
    ids=["CMYK", "stored as RGB", "turned", "without its end", "padded", "cut off"],
)
def test_rare_pictures_come_out_as_without_it(content):
    np.testing.assert_array_equal(read(content), read_by_opencv_alone(content))


def test_bytes_before_the_end_which_many_cameras_leave_are_no_reason_to_decode_twice():
    content = by_opencv(PICTURE)
    decoded = decoded_by_turbo_jpeg(content[:-2] + b"\x12\x34\x56" + content[-2:])
    np.testing.assert_array_equal(decoded, read_by_opencv_alone(content))


def test_damaged_pictures_come_through_or_not_as_without_it():
    random = np.random.default_rng(0)
    for options in (*KINDS.values(),) * 20:
        content = bytearray(by_opencv(PICTURE, *options))
        for _ in range(random.integers(1, 4)):
            content[random.integers(2, len(content))] = random.integers(0, 256)
        one, other = read(bytes(content)), read_by_opencv_alone(bytes(content))
        assert getattr(one, "shape", one) == getattr(other, "shape", other)  # versions differ in the damaged pixels


def test_without_its_library_opencv_decodes_and_the_reason_is_said(tmp_path):
    (tmp_path / "turbojpeg.py").write_text("def TurboJPEG():\n    raise RuntimeError('no libturbojpeg here')\n")
    program = (
        "from illumigan_ros.node.turbo_jpeg import *; "
        "print(jpeg_decoder(), why_not_turbo_jpeg(), decoded_by_turbo_jpeg(bytes(9)))"
    )
    search = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("OpenCV") and "no libturbojpeg here None" in said
