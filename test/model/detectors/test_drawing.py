"""Boxes in pictures, as people see them."""

import numpy as np

from illumigan_model.detectors.coco import NAMES
from illumigan_model.detectors.detections import Detections
from illumigan_model.detectors.drawing import draw_detections

FRAME = np.full((120, 160, 3), 20, np.uint8)


def seen(*boxes, classes):
    return Detections(np.array(boxes, np.float32), np.full(len(boxes), 0.7, np.float32), np.array(classes), NAMES)


def test_a_box_is_drawn_on_a_copy_in_the_colour_of_its_class():
    frame = FRAME.copy()
    drawn = draw_detections(frame, seen((20, 40, 60, 100), (90, 40, 150, 100), classes=[2, 0]))
    np.testing.assert_array_equal(frame, FRAME)
    car, person = drawn[70, 20], drawn[70, 90]
    assert (car != 20).any() and (person != 20).any() and (car != person).any()
    np.testing.assert_array_equal(drawn[70, 21:60], FRAME[70, 21:60])  # what is in the box stays to be seen
    assert (drawn[26:39, 20:60] != 20).any()  # its text is above


def test_boxes_that_reach_over_the_edge_and_frames_too_small_for_text_are_drawn():
    drawn = draw_detections(FRAME, seen((-50, -50, 30, 30), (140, 100, 400, 300), classes=[2, 2]))
    assert (drawn[0, 20] != 20).any() and (drawn[110, 140] != 20).any()
    assert draw_detections(FRAME[:3, :4], seen((0, 0, 9, 9), classes=[79])).shape == (3, 4, 3)
