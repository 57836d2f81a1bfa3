"""The `illumigan` command as people run it, whatever it enhances."""

import shutil
import sys
import types

import numpy as np
import pytest
from support.commands import illumigan, illumigan_process
from support.footage import NIGHT, STAMPS

from illumigan_model import weights
from illumigan_model.runtimes import select
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import decode


def test_version_and_help():
    assert illumigan_process("--version").startswith("illumigan 0.")
    helped = illumigan("--help")
    for command in ("demo", "enhance-images", "enhance-video", "enhance-bag", "play-bag", "doctor"):
        assert command in helped


def test_it_is_told_why_the_best_runtime_does_not_run(night_folder, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs a second runtime")
    shipped = tmp_path / "weights"
    shutil.copytree(weights.FOLDER, shipped)
    monkeypatch.setattr(weights, "FOLDER", shipped)
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    assert "note: " not in illumigan("enhance-images", night_folder, tmp_path / "out")
    with (shipped / "curve_grid.onnx").open("ab") as file:
        file.write(b"!")
    output = illumigan("enhance-images", night_folder, tmp_path / "out")
    assert f"note: onnxruntime: {shipped / 'curve_grid.onnx'} is damaged (its sha256 is not the recorded one)" in output
    assert "3 pictures enhanced" in output


@pytest.mark.parametrize("kind", ["images", "video", "bag"])
def test_a_runtime_that_fails_in_the_middle_is_one_line_of_warning(
    kind, night_folder, night_video, night_bag, tmp_path, monkeypatch
):
    pytest.importorskip("torch", reason="needs a second runtime")

    class Breaking(OnnxRuntime):
        asked = 0

        def infer(self, image):
            self.asked += 1
            if self.asked == 4:  # the third frame: one was to try it out
                self.input = "no such input"
            return super().infer(image)

    monkeypatch.setitem(sys.modules, "breaking", types.SimpleNamespace(Breaking=Breaking))
    monkeypatch.setitem(select.RUNTIMES, "onnxruntime", ("breaking", "Breaking"))
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "torch"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    source = {"images": night_folder, "video": night_video, "bag": night_bag}[kind]
    target = tmp_path / ("out.mp4" if kind == "video" else "out")
    lines = illumigan(f"enhance-{kind}", source, target).splitlines()
    (warning,) = [line for line in lines if "warning: " in line]
    why = "onnxruntime: ONNX Runtime failed on this frame"
    assert warning.startswith(f"warning: torch (CPU, fp32) takes over: {why}")
    count = {"images": 3, "video": 12, "bag": len(STAMPS)}[kind]
    assert any(line.startswith(f"{count} ") and "enhanced into" in line for line in lines)


@pytest.mark.parametrize("kind", ["images", "video", "bag"])
def test_what_cannot_be_enhanced_is_there_as_it_came_and_the_command_ends_in_1(
    kind, night_folder, night_video, night_bag, tmp_path, monkeypatch
):
    class Faltering(OnnxRuntime):
        asked = 0

        def infer(self, image):
            self.asked += 1
            answer = super().infer(image)
            return answer * np.float32(np.nan if self.asked == 3 else 0 if self.asked == 4 else 1)

    monkeypatch.setitem(sys.modules, "faltering", types.SimpleNamespace(Faltering=Faltering))
    monkeypatch.setitem(select.RUNTIMES, "onnxruntime", ("faltering", "Faltering"))
    source = {"images": night_folder, "video": night_video, "bag": night_bag}[kind]
    target = tmp_path / ("out.mp4" if kind == "video" else "out")
    lines = illumigan(f"enhance-{kind}", source, target, "--runtime", "onnxruntime", code=1).splitlines()
    what = {"images": "pictures", "video": "frames", "bag": "images"}[kind]
    count = {"images": 3, "video": 12, "bag": len(STAMPS)}[kind]
    assert any(line.startswith(f"{count - 2} {what}") and "enhanced into" in line for line in lines)
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert error.startswith(f"error: 2 of {count} {what}")
    assert error.endswith("are not enhanced, see the warnings.")
    (warning,) = [line for line in lines if line.startswith(f"warning: 2 {what}")]
    assert "could not be enhanced and are there as they came: The network answered with curves that do not" in warning
    if kind == "bag":
        with BagReader(target) as bag:
            images = [decode(message) for message in bag.messages(["/enhanced/image"])]
        bright = [image.data.mean() > 1.2 * NIGHT.mean() for image in images]
        assert bright == [True, False, False, True]
