"""Folders of real photos and tiny detectors for the training tests."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skimage import data

CAR, PERSON = 2, 0
TWICE = float(np.log(2))


def write_bright_cells(path, log_size=TWICE, classes=80, side=64):
    """Write a YOLOX whose objectness is the mean brightness (0..1) of a cell of 8 x 8 pixels, less .2.

    Boxes in the left half are cars for sure, those in the right half persons with a probability of .75; a box is twice
    as wide as its cell unless told otherwise.
    """
    fine, coarse = (side // 8) ** 2, (side // 16) ** 2 + (side // 32) ** 2
    cells, columns = fine + coarse, np.arange(fine) % (side // 8)
    boxes = np.full((1, cells, 4), (0.5, 0.5, log_size, log_size), np.float32)
    kinds = np.zeros((1, cells, classes), np.float32)
    kinds[0, :fine, CAR], kinds[0, :fine, PERSON] = columns < side // 16, 0.75 * (columns >= side // 16)
    constants = {
        "mean": np.full((1, 3, 8, 8), 1 / (192 * 255), np.float32),
        "bias": np.array([-0.2], np.float32),
        "shape": np.array([1, fine, 1]),
        "coarse": np.zeros((1, coarse, 1), np.float32),
        "boxes": boxes,
        "kinds": kinds,
    }
    nodes = [
        helper.make_node("Conv", ["images", "mean", "bias"], ["bright"], strides=[8, 8]),
        helper.make_node("Reshape", ["bright", "shape"], ["fine"]),
        helper.make_node("Concat", ["fine", "coarse"], ["objects"], axis=1),
        helper.make_node("Concat", ["boxes", "objects", "kinds"], ["output"], axis=2),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, cells, 5 + classes])
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "bright_cells", [image], [output], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="session")
def write_detector():
    """The function that writes a tiny YOLOX."""
    return write_bright_cells


@pytest.fixture(scope="session")
def detector_file(tmp_path_factory) -> Path:
    """A tiny YOLOX for pictures of 64 x 64."""
    return write_bright_cells(tmp_path_factory.mktemp("detector") / "bright.onnx")


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A root folder with day/ (three real photos and a broken file) and dark/ (the same photos, dimmed)."""
    root = tmp_path_factory.mktemp("photos")
    (root / "day").mkdir()
    (root / "dark").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        photo = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / "day" / f"{name}.jpg"), photo)
        cv2.imwrite(str(root / "dark" / f"{name}.png"), photo // 8)
    (root / "day" / "broken.jpg").write_bytes(b"not a picture")
    (root / "day" / "notes.txt").write_text("not a picture either")
    return root
