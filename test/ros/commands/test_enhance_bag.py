"""`illumigan enhance-bag` on bags whose images have sixteen bits."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import cv2
import numpy as np
import pytest

from illumigan_ros.commands.main import main
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import COMPRESSED_IMAGE, IMAGE, image_cdr
from illumigan_ros.recordings.definitions import typestore
from illumigan_ros.recordings.footage import picture_of

GREY = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)
TWELVE_BITS = (GREY.astype(np.uint16) * 257) >> 4


def illumigan(*arguments):
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
        patch.setattr(sys, "argv", ["illumigan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
    assert not ending.value.code, output.getvalue()
    return output.getvalue()


def first_image(bag):
    with BagReader(bag) as reader:
        return picture_of(next(reader.messages(["/enhanced/image"])))


@pytest.mark.parametrize("kind", [IMAGE, COMPRESSED_IMAGE])
def test_12_bits_are_warned_about_once_and_put_right_by_the_option_that_is_named(kind, tmp_path):
    image = typestore().deserialize_cdr(image_cdr(GREY, 1), IMAGE)
    if kind == IMAGE:
        data = TWELVE_BITS.reshape(-1).view(np.uint8)
        message = replace(image, encoding="mono16", step=2 * image.step, data=data)
    else:
        data = cv2.imencode(".png", TWELVE_BITS)[1].reshape(-1)
        message = typestore().types[kind](header=image.header, format="mono16; png compressed ", data=data)
    with BagWriter(tmp_path / "in") as bag:
        bag.add_topic("/image", kind)
        for time_ns in range(4):
            bag.write("/image", time_ns, bytes(typestore().serialize_cdr(message, kind)))
    options = ("--strength", "0")
    output = " ".join(illumigan("enhance-bag", tmp_path / "in", tmp_path / "dark", *options).split())
    assert output.count("warning: ") == 1 and "set --white-16bit to 4095" in output
    options += ("--white-16bit", "4095")
    assert "warning" not in illumigan("enhance-bag", tmp_path / "in", tmp_path / "right", *options)
    assert first_image(tmp_path / "dark").max() <= 16
    np.testing.assert_allclose(first_image(tmp_path / "right")[..., 1], GREY, atol=1)
