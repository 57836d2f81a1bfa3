"""A bench whose node detects, with a tiny detector that finds bright cells."""

from functools import partial

import numpy as np
import pytest


@pytest.fixture
def detect_bench(bench, detector_file):
    """Make benches of the detecting node."""
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from illumigan_ros.detection.detect_node import DetectNode

    def make(parameters=None, *, topics=("/detections/image",)):
        return bench({"detector": str(detector_file), **(parameters or {})}, topics=topics, make_node=DetectNode)

    return make


@pytest.fixture
def street():
    """A dark frame of 128 x 64 with a car (score .8) at 24, 8 to 56, 40 and a person (.45) at 88, 8 to 120, 40."""
    frame = np.full((64, 128, 3), 10, np.uint8)
    frame[16:32, 32:48], frame[16:32, 96:112] = 255, 204
    return frame


CAR_EDGE, PERSON_EDGE = (24, 30), (88, 30)  # column, row


def is_drawn(street, picture, edge):
    column, row = edge
    return bool((picture[row, column] != street[row, column]).any())


@pytest.fixture
def drawn(street):
    """Call with a picture: whether the box of the car, and that of the person, is drawn in it."""
    car, person = (partial(is_drawn, street, edge=edge) for edge in (CAR_EDGE, PERSON_EDGE))
    return lambda picture: (car(picture), person(picture))
