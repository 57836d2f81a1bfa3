"""What the demo counts and draws of a detector that sees bright cells, in the dark and after a light is put on."""

import numpy as np
import pytest

from illumigan_model.detectors.detector import Detector
from illumigan_ros.demo.examination import EVERY, FALSE, FOUND, MISSED, Examination, in_words
from illumigan_training.night_drive.truth import DriveTruth

DARK = np.full((64, 128, 3), 10, np.uint8)
CAR, HIDDEN_CAR = (24, 8, 56, 40), (30, 44, 50, 60)
TRUTH = DriveTruth(np.array([CAR, HIDDEN_CAR], np.float32), ("car", "car"), np.array([True, True]))


@pytest.fixture
def lit():
    """The detector takes this for a car where there is one, and for a person where there is nobody."""
    frame = DARK.copy()
    frame[16:32, 32:48], frame[16:32, 96:112] = 255, 204
    return frame


@pytest.fixture
def detector(detector_file):
    return Detector(detector_file, threads=1)


def test_with_a_truth_boxes_are_found_missed_or_false(detector, lit):
    examination = Examination(detector, lambda _: TRUTH)
    examination.look(DARK, lit, stamp=0)
    report = examination.report()
    assert report["input"]["cars"] == {"there": 2, "found": 0, "missed": 2, "false": 0}
    assert report["enhanced"]["cars"] == {"there": 2, "found": 1, "missed": 1, "false": 0}
    assert report["enhanced"]["people"] == {"there": 0, "found": 0, "missed": 0, "false": 1}
    assert examination.labels() == ("input: 0 of 2 found, 0 false", "enhanced: 1 of 2 found, 1 false")
    before, after = examination.drawn(DARK, lit)
    assert (before[30, 24] == MISSED).all() and (after[30, 24] == FOUND).all()
    assert (after[58, 30] == MISSED).all() and (after[30, 88] == FALSE).all()
    assert "  cars, enhanced   1 of 2 found, 1 missed, 0 false" in in_words(report)


def test_without_a_truth_boxes_are_counted_by_class(detector, lit):
    examination = Examination(detector, None)
    examination.look(DARK, lit, stamp=0)
    report = examination.report()
    assert (report["input"], report["enhanced"]) == ({"boxes": {}}, {"boxes": {"car": 1, "person": 1}})
    assert in_words(report)[1:] == ["  input            nothing", "  enhanced         1 x car, 1 x person"]
    assert (examination.drawn(DARK, lit)[1][30, 24] != lit[30, 24]).any()


def test_between_the_frames_that_are_looked_at_the_boxes_stay(detector, lit):
    examination = Examination(detector, None)
    for stamp in range(EVERY):
        examination.look(lit if stamp == 0 else DARK, lit, stamp)
    assert examination.report()["frames"] == 1 and examination.labels()[0] == "input: 2 boxes"
    examination.look(DARK, lit, stamp=EVERY - 1, is_wanted=True)
    assert examination.labels()[0] == "input: 0 boxes"
    examination.look(lit, lit, stamp=EVERY)
    assert examination.report()["frames"] == 2
