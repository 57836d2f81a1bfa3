"""The detector that is shipped, and how others are found."""

import shutil

import cv2
import pytest
from skimage import data

from illumigan_model.detectors.detector import Detector
from illumigan_model.errors import ModelError
from illumigan_model.weights import DETECTORS, available_detectors, find_detector


def test_the_shipped_one_sees_a_cat_and_comes_with_its_card():
    assert available_detectors() == ["yolox_nano"]
    seen = Detector(find_detector("yolox_nano")).detect(cv2.cvtColor(data.chelsea(), cv2.COLOR_RGB2BGR))
    assert seen.names[seen.classes[seen.scores.argmax()]] == "cat"
    assert "Apache-2.0" in (DETECTORS / "yolox_nano.md").read_text()


def test_a_file_that_is_not_as_recorded_is_refused(tmp_path):
    for suffix in (".onnx", ".sha256"):
        shutil.copy(DETECTORS / f"yolox_nano{suffix}", tmp_path)
    mine = tmp_path / "yolox_nano.onnx"
    assert find_detector(str(mine)) == mine
    mine.write_bytes(mine.read_bytes() + b"!")
    with pytest.raises(ModelError, match=r"yolox_nano.onnx is damaged .*; get the file again"):
        find_detector(str(mine))


def test_a_detector_that_is_not_there_is_refused_naming_the_shipped_ones():
    with pytest.raises(ModelError, match=r"There is no detector yolo; give an ONNX file, or .*: yolox_nano"):
        find_detector("yolo")
