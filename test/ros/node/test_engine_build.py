"""The node builds its engine while frames pass: real frames over DDS, a real program that builds.

TensorRT itself needs a GPU. In its place stands the shipped network in ONNX Runtime, which refuses to load unless the
cache has an engine of its precisions, and says which.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import types
from itertools import count, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image
from skimage import data
from std_msgs.msg import Header

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import select
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.tensorrt import engine_cache
from illumigan_model.weights import find_weights
from illumigan_ros.node.messages import to_bgr

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60
NIGHT = (cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)[:240, :320] // 6).copy()
PROGRAM = """
import os, sys, time
folder, onnx, target, precision = sys.argv[1:]
open(f"{folder}/builder.part", "w").write(str(os.getpid()))
os.rename(f"{folder}/builder.part", f"{folder}/builder")  # never there without the number in it
print("layer 1 of 9", flush=True)
while not os.path.exists(f"{folder}/go"):
    time.sleep(0.02)
if open(f"{folder}/go").read():
    sys.exit(open(f"{folder}/go").read())
open(target, "wb").write(bytes(1000))
"""


class Workshop:
    """Where the engine is built: it waits for `finish`, with or without a complaint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "program.py").write_text(PROGRAM)
        command = (sys.executable, "-I", "-S", str(folder / "program.py"), str(folder))
        self.builder = engine_cache.Builder(command, lambda: {"gpu": "none"})

    def finish(self, complaint: str = "") -> None:
        (self.folder / "go.part").write_text(complaint)
        (self.folder / "go.part").rename(self.folder / "go")

    def wait_until_ended(self) -> None:
        process = Path("/proc") / (self.folder / "builder").read_text()
        deadline = time.monotonic() + PATIENCE
        while process.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not process.exists()

    def build(self, precision: str) -> None:
        graph = find_weights("curve_grid_detect", (".onnx",))
        engine_cache.build(graph, precision, PATIENCE, unwatched, self.builder)

    def engine(self, precision: str) -> Path:
        return engine_cache.find(find_weights("curve_grid_detect", (".onnx",)), precision, self.builder)


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Workshop(tmp_path)

    class EngineRuntime(OnnxRuntime):
        name, precisions = "tensorrt", ("fp16", "fp32")

        def __init__(self, model: str, threads: int, on_progress: OnProgress) -> None:
            refusals = []
            for precision in self.precisions:
                try:
                    made.engine(precision)
                except ModelError as error:
                    refusals.append(str(error))
                    continue
                super().__init__(model, threads, on_progress)
                self.precision = precision
                self.notes += [f"tensorrt: {refusal}" for refusal in refusals]
                return
            raise ModelError(" ".join(refusals))

        def describe(self) -> str:
            return f"CUDA, {self.precision}"

    class InSinglePrecision(EngineRuntime):
        precisions = ("fp32",)

    kinds = {"EngineRuntime": EngineRuntime, "InSinglePrecision": InSinglePrecision}
    monkeypatch.setitem(sys.modules, "engine_runtime", types.SimpleNamespace(**kinds))
    for name, kind in zip(("tensorrt", "tensorrt-fp32"), kinds, strict=True):
        monkeypatch.setitem(select.RUNTIMES, name, ("engine_runtime", kind))
    monkeypatch.setattr(select, "has_gpu", lambda: True, raising=False)
    monkeypatch.setattr("illumigan_ros.node.engine_build.TENSORRT", made.builder)
    return made


def image(stamp: int) -> Image:
    header = Header(frame_id="camera_optical_frame")
    header.stamp.sec, header.stamp.nanosec = stamp, 123456789
    message = Image(header=header, encoding="bgr8", height=NIGHT.shape[0], width=NIGHT.shape[1], step=NIGHT.strides[0])
    message.data.frombytes(NIGHT.tobytes())
    return message


def transition(bench, *which: int) -> bool:
    return all(bench.call("change_state", ChangeState.Request(transition=Transition(id=one))).success for one in which)


def told(bench, text: str, key: str = "engine") -> dict[str, str]:
    """Wait until the diagnostics say something; return them."""
    return bench.wait(lambda: bench.diagnostics() if text in bench.diagnostics().get(key, "") else None)


def health(bench) -> tuple[bytes, str]:
    """Wait until the diagnostics tell of frames that went out; return level and message."""
    statuses = bench.wait(lambda: [status for status in bench.statuses() if "frames out" in status.message])
    return statuses[-1].level, statuses[-1].message


def engine_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "engine"]


@pytest.mark.parametrize("runtime", ["auto", "tensorrt", "tensorrt-fp32"])
def test_every_frame_comes_out_before_during_and_after_the_engine_takes_over(bench, workshop, runtime):
    running = bench({"engine_build": "background", "runtime": runtime})
    camera = running.camera(Image)
    pictures, runtimes = [], []
    while len(pictures) < 10 or runtimes[-3] != "tensorrt":
        camera.publish(image(len(pictures) + 1))
        pictures.append(to_bgr(running.output(len(pictures) + 1)))
        runtimes.append(running.node._enhancer.runtime)
        if len(pictures) == 5:
            during = told(running, "layer 1 of 9")
            workshop.finish()
        assert len(pictures) < 5000
    out = running.received["/enhanced/image"]
    assert [message.header for message in out] == [image(stamp).header for stamp in range(1, len(pictures) + 1)]
    assert runtimes == sorted(runtimes)  # onnxruntime, and from one frame on tensorrt
    assert runtimes[4] == during["runtime"] == "onnxruntime"
    precision = "fp32" if runtime == "tensorrt-fp32" else "fp16"
    assert f"engine of curve_grid_detect ({precision}) is being built for" in during["engine"]
    for before, after in pairwise(pictures):
        assert after.mean() > NIGHT.mean() + 5
        assert np.abs(after.astype(int) - before).max() <= 2  # it does not flicker
    told(running, "tensorrt", "runtime")
    after = told(running, "has taken over")
    assert health(running)[0] == DiagnosticStatus.OK
    assert after["frames passed through"] == after["frames skipped"] == after["frames rejected"] == "0"


@pytest.mark.parametrize("runtime,there,wanted", [("tensorrt-fp32", "fp16", "fp32"), ("auto", "fp32", "fp16")])
def test_an_engine_of_the_other_precision_runs_only_until_the_one_that_is_asked_for_is_there(
    bench, workshop, runtime, there, wanted
):
    workshop.finish()
    workshop.build(there)
    running = bench({"engine_build": "background", "runtime": runtime})
    camera = running.camera(Image)
    told(running, f"engine of curve_grid_detect ({wanted}) is there after")
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    stamps = count(2)

    def has_taken_over() -> bool:  # which it does with a frame
        camera.publish(image(next(stamps)))
        return "has taken over" in running.diagnostics().get("engine", "")

    running.wait(has_taken_over)
    told(running, f"tensorrt (CUDA, {wanted})", "runtime in detail")  # the next that is told, as it takes a moment
    assert running.node._enhancer.describe() == f"tensorrt (CUDA, {wanted})"


def test_a_half_precision_that_is_not_good_enough_is_told_where_single_precision_stands_in(
    bench, workshop, monkeypatch
):
    workshop.finish()
    workshop.build("fp32")
    find = workshop.engine

    def refuse_half(precision):
        if precision == "fp16":
            raise ModelError("its answer is off.")
        return find(precision)

    monkeypatch.setattr(workshop, "engine", refuse_half)
    running = bench({"engine_build": "background"}, topics=())
    values = told(running, "The engine of curve_grid_detect (fp16) is not used: its answer is off.")
    assert values["level"] == DiagnosticStatus.WARN
    assert values["runtime in detail"] == "tensorrt (CUDA, fp32)"
    running.listen("/enhanced/image")
    camera = running.camera(Image)
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5


def test_an_engine_that_is_ready_while_the_node_rests_is_used_from_its_next_frame_on(bench, workshop):
    running = bench({"engine_build": "background"})
    camera = running.camera(Image)
    assert transition(running, Transition.TRANSITION_DEACTIVATE)
    running.wait(lambda: camera.get_subscription_count() == 0)
    workshop.finish()
    told(running, "takes over with the next frame")
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    running.wait(lambda: camera.get_subscription_count() == 1)
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    told(running, "tensorrt", "runtime")
    # From now on it is there, also for the next start.
    assert transition(
        running,
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
    )
    assert running.node._enhancer.runtime == "tensorrt"
    assert not engine_threads()


def test_a_node_that_is_cleaned_up_ends_the_building_and_can_begin_again(bench, workshop):
    running = bench({"engine_build": "background"})
    told(running, "layer 1 of 9")
    assert transition(running, Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
    workshop.wait_until_ended()
    assert not engine_threads()
    with pytest.raises(ModelError, match="no engine"):
        workshop.engine("fp16")
    workshop.finish()
    assert transition(running, Transition.TRANSITION_CONFIGURE)
    told(running, "takes over with the next frame")
    assert transition(running, Transition.TRANSITION_CLEANUP)  # nobody has taken the new runtime


@pytest.mark.parametrize("runtime", ["auto", "tensorrt"])
@pytest.mark.parametrize("mode", ["background", "on_start"])
def test_where_the_engine_cannot_be_built_frames_go_on_and_the_reason_is_told(bench, workshop, mode, runtime):
    workshop.finish("out of GPU memory")
    running = bench({"engine_build": mode, "runtime": runtime})
    camera = running.camera(Image)
    told(running, "out of GPU memory")
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    level, message = health(running)
    assert message.endswith("is not used: Building the engine failed: out of GPU memory.")
    assert level == DiagnosticStatus.WARN
    assert running.diagnostics()["runtime"] == "onnxruntime"


@pytest.mark.parametrize("mode", ["background", "on_start"])
def test_an_engine_that_the_runtime_refuses_is_told_and_frames_go_on(bench, workshop, monkeypatch, mode):
    def refuse(_precision):
        raise ModelError("it answers with zeros.")

    monkeypatch.setattr(workshop, "engine", refuse)
    workshop.finish()
    running = bench({"engine_build": mode})
    camera = running.camera(Image)
    told(running, "is not used: it answers with zeros.")
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    assert health(running)[0] == DiagnosticStatus.WARN
    assert running.diagnostics()["runtime"] == "onnxruntime"


def test_on_start_the_first_frame_has_the_engine_and_the_waiting_is_told(bench, workshop):
    running = bench({"engine_build": "on_start", "autostart": False})
    configuring = threading.Thread(target=transition, args=(running, Transition.TRANSITION_CONFIGURE))
    configuring.start()
    values = told(running, "is being built for", "message")
    assert "layer 1 of 9" in told(running, "layer 1 of 9")["engine"]
    assert values["runtime"] == "none"
    workshop.finish()
    configuring.join(PATIENCE)
    assert transition(running, Transition.TRANSITION_ACTIVATE)
    camera = running.camera(Image)
    camera.publish(image(1))
    assert to_bgr(running.output(1)).mean() > NIGHT.mean() + 5
    assert health(running)[0] == DiagnosticStatus.OK
    assert told(running, "is there after")["runtime"] == "tensorrt"


def test_a_runtime_without_engines_is_told_apart(bench, workshop):
    running = bench({"engine_build": "background", "runtime": "onnxruntime"}, topics=())
    values = told(running, "the runtime is onnxruntime, which uses none; set it to auto, tensorrt, tensorrt-fp32")
    assert values["runtime"] == "onnxruntime"
    assert values["level"] == DiagnosticStatus.WARN
    assert not engine_threads()


NODE = """
import sys
from illumigan_model.tensorrt.engine_cache import Builder
from illumigan_ros.node import engine_build, enhance_node

engine_build.TENSORRT = Builder(tuple(sys.argv[1].split("|")), lambda: {})
sys.exit(enhance_node.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("mode", ["background", "on_start"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_node_ends_the_building(workshop, mode, end):
    arguments = ["--ros-args", "-p", f"engine_build:={mode}"]
    command = [sys.executable, "-c", NODE, "|".join(workshop.builder.command), *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    node = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (workshop.folder / "builder").exists() and node.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        node.send_signal(end)
        output, _ = node.communicate(timeout=PATIENCE)
    finally:
        node.kill()
    assert (workshop.folder / "builder").exists(), output
    workshop.wait_until_ended()
    assert node.returncode == (-end if end is signal.SIGKILL else 0), output
    assert "Traceback" not in output
    assert "failed" not in output
