"""Whatever a message claims, it is read or refused in one sentence: nothing else is raised, and nothing read beyond."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from illumigan_model.errors import FrameError
from illumigan_ros.node.messages import SUPPORTED_ENCODINGS, compressed_to_bgr, to_bgr

FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None)
SIZES = st.integers(0, 40) | st.sampled_from([2**16, 2**31, 2**32 - 1])
FILES = [
    cv2.imencode(kind, np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))[1].tobytes()
    for kind in (".jpg", ".png", ".webp")
]
FORMATS = st.sampled_from(["jpeg", "png", "bayer_rggb8; png compressed ", "mono16; png compressed mono16"]) | st.text()


@FEW
@given(
    encoding=st.sampled_from(SUPPORTED_ENCODINGS) | st.text(max_size=12),
    height=SIZES,
    width=SIZES,
    step=SIZES,
    length=st.integers(0, 5000),
    is_bigendian=st.integers(0, 255),
    white=st.integers(1, 65535),
)
def test_a_raw_message_is_read_or_refused(encoding, height, width, step, length, is_bigendian, white):
    fields = {"height": height, "width": width, "step": step, "is_bigendian": is_bigendian}
    message = SimpleNamespace(encoding=encoding, data=array.array("B", bytes(length)), **fields)
    try:
        image = to_bgr(message, white)
    except FrameError as error:
        assert str(error).count("\n") == 0
    else:
        assert (image.shape, image.dtype) == ((height, width, 3), np.uint8)


@FEW
@given(
    width=st.integers(2, 20).map(lambda half: 2 * half),
    height=st.integers(2, 20).map(lambda half: 2 * half),
    padding=st.integers(0, 9),
    surplus=st.integers(0, 9),
    encoding=st.sampled_from(SUPPORTED_ENCODINGS),
)
def test_a_message_that_fits_is_read_whatever_pads_it(width, height, padding, surplus, encoding):
    bytes_each = {"8UC3": 3, "bgr8": 3, "rgb8": 3, "bgra8": 4, "8UC4": 4, "rgba8": 4}.get(encoding, 1)
    bytes_each = 2 if encoding.endswith("16") or encoding[:2] in ("16", "uy", "yu") else bytes_each
    step = width * bytes_each + padding
    rows = height * 3 // 2 if encoding[:2] == "nv" else height
    data = array.array("B", bytes(rows * step + surplus))
    message = SimpleNamespace(encoding=encoding, height=height, width=width, step=step, is_bigendian=0, data=data)
    assert to_bgr(message).shape == (height, width, 3)


@FEW
@given(
    content=st.binary(max_size=200) | st.sampled_from(FILES),
    format_=FORMATS,
    cut=st.integers(0, 2000),
    at=st.integers(0, 2000),
    noise=st.binary(max_size=6),
)
def test_a_compressed_message_is_read_or_refused(content, format_, cut, at, noise):
    damaged = content[:at] + noise + content[at + len(noise) :]
    try:
        image = compressed_to_bgr(SimpleNamespace(format=format_, data=array.array("B", damaged[: max(cut, 60)])))
    except FrameError as error:
        assert str(error).endswith((".", "!"))
    else:
        assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
