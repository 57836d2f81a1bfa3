"""Real pictures, generators and exported graphs for the model's tests."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from skimage import data

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


@pytest.fixture
def one_thread():
    """Let torch compute on one thread: on a busy machine, threads that wait for each other are many times slower."""
    torch = pytest.importorskip("torch", reason="needs torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def generators() -> dict:
    """The shipped CurveGrid, and a small AttentionUNet that has seen some data."""
    torch = pytest.importorskip("torch", reason="needs torch")
    from illumigan_model import weights
    from illumigan_model.checkpoint import load_checkpoint
    from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig

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
    from illumigan_model.export import to_onnx

    @lru_cache
    def export(architecture, graph, precision):
        size = None if (architecture, graph) == ("curve_grid", "core") else "x".join(map(str, FRAME_WH))
        return to_onnx(generators[architecture], {}, graph, size, precision)

    return export
