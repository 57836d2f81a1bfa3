"""An Enhancer goes on with another runtime in the middle of a video, as if nothing had happened."""

import cv2
import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.runtimes.select import open_runtime


def test_a_video_goes_on_as_if_its_runtime_had_not_changed(night):
    lights = np.linspace(0.5, 1.5, 9)  # what has been before matters to the frames after
    video = [cv2.convertScaleAbs(night, alpha=light) for light in lights]
    with Enhancer(threads=1) as changing, Enhancer(threads=1) as steady, Enhancer(threads=1) as forgetful:
        before = changing._runtime
        for stamp, frame in enumerate(video):
            if stamp == 5:
                changing.change_runtime(*open_runtime("curve_grid", "onnxruntime", 1))
                forgetful.reset()
            given = (frame, 0.1 * stamp)
            expected = steady.enhance(*given).image
            np.testing.assert_array_equal(changing.enhance(*given).image, expected)
            if stamp == 5:
                assert (forgetful.enhance(*given).image != expected).any()
            else:
                forgetful.enhance(*given)
        assert changing._runtime is not before
        assert changing.runtime_reasons == []
    for closed in (before, changing._runtime):
        assert not hasattr(closed, "session")
