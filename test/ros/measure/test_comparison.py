"""Methods of the literature, and how docs/comparison.md says what came out."""

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.attention import mean_luma
from illumigan_ros.measure.comparison import Compared, shown, table
from illumigan_ros.measure.from_papers import lime_style, zero_dce_style
from illumigan_training.evaluation.intervals import Interval

DAY = cv2.cvtColor(cv2.resize(data.astronaut(), (128, 96)), cv2.COLOR_RGB2BGR)


@pytest.mark.parametrize("method", [lime_style, zero_dce_style])
def test_a_dark_picture_gets_brighter_and_its_order_of_brightness_stays(method):
    night = DAY // 6
    made = method(night)
    assert (made.shape, made.dtype) == (night.shape, np.uint8)
    assert mean_luma(made) > 2 * mean_luma(night)
    before, after = (
        cv2.resize(picture, (8, 6), interpolation=cv2.INTER_AREA).mean(2).ravel() for picture in (DAY, made)
    )
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_a_difference_inside_its_interval_is_called_equal_and_what_was_not_measured_stays_empty():
    assert shown(Interval(0.02, -0.01, 0.05), 1, 100, "+") == "+2.0 [-1.0, +5.0] equal"
    assert shown(Interval(0.02, 0.01, 0.05), 1, 100, "+") == "+2.0 [+1.0, +5.0]"
    head, _, row = table({"raw": Compared({"psnr": Interval(10, 9, 11)}, flicker=1.26)})
    assert head.count("|") == row.count("|")
    assert [cell.strip() for cell in row.split("|")[2:9]] == ["10.00 [9.00, 11.00]", *[""] * 6]
