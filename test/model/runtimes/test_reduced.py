"""A frame reduced for the network and its answer brought back: the frame keeps its own detail."""

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.frames.given import as_planes
from illumigan_model.runtimes import reduced

SIZE = (176, 144)


def brighten(image):
    """A network whose answer is known at every size: dark places gain, as in an AttentionUNet."""
    return image[0] + 0.6 * (1 - reduced.luminance(image[0])) ** 2


def psnr(one, other):
    return -10 * np.log10(np.mean((one - other) ** 2))


@pytest.mark.parametrize("name", ["rocket", "astronaut", "coffee"])
def test_the_answer_is_close_to_that_of_a_network_on_the_whole_frame(name):
    frame = as_planes(getattr(data, name)()[:, :, ::-1])
    whole = brighten(frame)
    made = reduced.enhance(frame, SIZE, brighten)
    small = reduced.reduce(frame[0], SIZE)
    image, residual = (
        np.stack([cv2.resize(plane, whole.shape[:0:-1], interpolation=cv2.INTER_CUBIC) for plane in planes])
        for planes in (brighten(small[None]), brighten(small[None]) - small)
    )
    assert psnr(made, whole) > 38
    for simpler in (image, frame[0] + residual):
        assert psnr(made, whole) > psnr(simpler, whole) + 5


@pytest.mark.parametrize("width,height", [(1920, 1080), (480, 640), (177, 145), (16, 16), (4000, 16)])
def test_every_frame_meets_the_network_at_its_size_and_in_its_own_proportions(width, height, day):
    seen = []

    def look(image):
        seen.append(image.shape)
        return brighten(image)

    frame = as_planes(cv2.resize(day, (width, height)))
    made = reduced.enhance(frame, SIZE, look)
    assert made.shape == (3, height, width)
    assert np.isfinite(made).all()
    assert seen == [(1, 3, SIZE[1], SIZE[0])]
    inner = reduced.reduce(frame[0], SIZE).shape
    assert abs(inner[2] - inner[1] * width / height) <= max(1, width / height)


def test_a_frame_that_fits_is_not_reduced(day):
    frame = as_planes(cv2.resize(day, (100, 80)))
    # not bit by bit: the sums of the known answer depend on the size of the image around it
    np.testing.assert_allclose(reduced.enhance(frame, SIZE, brighten), brighten(frame), atol=1e-6)
