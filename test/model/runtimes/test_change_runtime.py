"""An Enhancer goes on with another runtime in the middle of a video, as if nothing had happened."""

import cv2
import numpy as np
import pytest

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.select import open_runtime


def test_a_video_goes_on_as_if_its_runtime_had_not_changed(night):
    video = [cv2.convertScaleAbs(night, alpha=light) for light in np.linspace(0.5, 1.5, 9)]
    changing, steady, forgetful = (Enhancer(runtime="onnxruntime", threads=1) for _ in range(3))
    before, after = changing._runtime, open_runtime("curve_grid", "onnxruntime", 1)
    for stamp, frame in enumerate(video):
        if stamp == 5:
            changing.change_runtime(*after)
            forgetful.reset()
        images = [enhancer.enhance(frame, 0.1 * stamp).image for enhancer in (changing, steady, forgetful)]
        np.testing.assert_array_equal(images[0], images[1])
        if stamp == 5:
            assert (images[2] != images[1]).any()  # what has been before matters
    with pytest.raises(ModelError):
        before.infer(np.zeros((1, 3, 72, 128), np.float32))
    assert changing._runtime is after[0]
    assert changing.runtime_reasons is after[1]
    for enhancer in (changing, steady, forgetful):
        enhancer.close()
    with pytest.raises(ModelError):
        after[0].infer(np.zeros((1, 3, 72, 128), np.float32))
