"""Real pictures, generators and exported graphs for the model's tests."""

import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from skimage import data

from illumigan_model.tensorrt import engine_cache
from illumigan_model.tensorrt.engine_cache import Builder
from illumigan_model.weights import find_weights

FRAME_WH = (160, 90)
NIGHTS = (1, 4, 20, 80)  # how many times less light


@pytest.fixture(scope="session")
def day() -> np.ndarray:
    """A bright photo, 512 x 512 BGR."""
    return cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)


@pytest.fixture(scope="session")
def night(day: np.ndarray) -> np.ndarray:
    """The same photo taken with a twentieth of the light, with the noise of a real sensor."""
    return dimmed(day, 20)


def dimmed(photo: np.ndarray, times: float) -> np.ndarray:
    """A photo taken with less light, with the noise of a real sensor."""
    light = (photo.astype(np.float32) / 255) ** 2.2 / times
    noise = np.random.default_rng(7).normal(0, 0.0008, light.shape)
    return (255 * np.clip(light + noise, 0, 1) ** (1 / 2.2)).astype(np.uint8)


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """Twelve frames, uint8 BGR 90 x 160 x 3: three photos at four lights."""
    photos = (data.astronaut(), data.coffee(), data.rocket())
    small = [cv2.resize(photo[:, :, ::-1], FRAME_WH, interpolation=cv2.INTER_AREA) for photo in photos]
    return [dimmed(photo, times) for photo in small for times in NIGHTS]


@pytest.fixture(scope="session")
def generators() -> dict:
    """The shipped CurveGrid, and a small AttentionUNet that has seen some data."""
    torch = pytest.importorskip("torch", reason="needs torch")
    from illumigan_model import weights
    from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
    from illumigan_model.generators.checkpoint import load_checkpoint

    torch.manual_seed(0)
    unet = AttentionUNet(AttentionUNetConfig(width=4)).train()
    with torch.no_grad():
        for _ in range(4):  # batch norms take up what passes
            unet(torch.rand(2, 3, 64, 64))
    grid = load_checkpoint(weights.find_weights("curve_grid", (".safetensors",)))
    return {"curve_grid": grid, "attention_unet": unet.eval()}


@pytest.fixture(scope="session")
def exported(generators):
    """Call with architecture, graph and precision: the ONNX graph for frames of 160 x 90, made once."""
    from illumigan_model.export.export import to_onnx

    @lru_cache
    def export(architecture, graph, precision):
        size = None if (architecture, graph) == ("curve_grid", "core") else "x".join(map(str, FRAME_WH))
        return to_onnx(generators[architecture], {}, graph, size, precision)

    return export


# Builds what stands for an engine and tells what it was built from; its first argument is a file that notes who ran.
PROGRAM = """
import hashlib, os, sys, time
runs, onnx, target, precision = sys.argv[1:]
with open(runs, "a") as file:
    file.write(f"{os.getpid()}\\n")
print("parsing", flush=True)
content = hashlib.sha256(open(onnx, "rb").read()).hexdigest() + precision
{body}
with open(target, "wb") as file:
    file.write(1000 * content.encode())
"""


class Workshop:
    """A cache of engines of the test's own, and a real program that builds engines for it, of the shipped network."""

    facts: ClassVar = {"tensorrt": "10.3.0", "gpu": "Orin", "driver": "540.4"}
    patience = 60.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache" / "illumigan" / "trt"
        self.onnx = find_weights("curve_grid", (".onnx",))

    def builder(self, body="", facts=None) -> Builder:
        """The program, with some lines to run before the engine is written."""
        script = self.folder / "program.py"
        script.write_text(PROGRAM.replace("{body}", body))
        command = (sys.executable, "-I", "-S", str(script), str(self.folder / "runs"))
        return Builder(command, lambda: facts or self.facts)

    def build(self, body="", *, facts=None, onnx=None, precision="fp16", timeout_s=patience, on_progress=None) -> Path:
        told = on_progress or (lambda _: None)
        return engine_cache.build(onnx or self.onnx, precision, timeout_s, told, self.builder(body, facts))

    def find(self, *, facts=None, onnx=None, precision="fp16") -> Path:
        return engine_cache.find(onnx or self.onnx, precision, self.builder(facts=facts))

    def runs(self) -> list[int]:
        """The process ids of all builders so far."""
        path = self.folder / "runs"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def wait_until_ended(self, *pids: int) -> None:
        self.wait_until(lambda: not any(map(is_alive, pids)))

    def wait_until(self, condition) -> None:
        deadline = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def workshop(tmp_path, monkeypatch) -> Workshop:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Workshop(tmp_path)
