"""What all tests share: one thread each, a cache of their own, a look at child processes, and tiny detectors."""

import os
import signal
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # on a busy machine, threads that wait for each other are many times slower

import numpy as np
import pytest

pytest.register_assert_rewrite("support")

# Whatever runs in the background ignores these two, and so would its children, which tests ask to end.
for asked_to_end, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(asked_to_end) is signal.SIG_IGN:
        signal.signal(asked_to_end, handler)

CAR, PERSON = 2, 0
TWICE = float(np.log(2))


@pytest.fixture(autouse=True)
def one_thread():
    """Let torch compute on one thread, whatever the test before has set."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def children():
    """Call with a process id, or none for this process: the ids of the processes that it has started and that live."""

    def started_by(parent=None):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, its_parent = stat.read_text().rpartition(")")[2].split()[:2]
            except OSError:  # it has just ended
                continue
            if state != "Z" and int(its_parent) == (parent or os.getpid()):
                found.append(int(stat.parent.name))
        return found

    return started_by


def write_bright_cells(path, log_size=TWICE, classes=80, side=64):
    """Write a YOLOX whose objectness is the mean brightness (0..1) of a cell of 8 x 8 pixels, less .2.

    Boxes in the left half are cars for sure, those in the right half persons with a probability of .75; a box is twice
    as wide as its cell unless told otherwise.
    """
    onnx = pytest.importorskip("onnx", reason="onnx is not installed, which writes the tests' detectors")
    from onnx import TensorProto, helper, numpy_helper

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
