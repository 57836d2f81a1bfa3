"""Real pictures for the model's tests."""

import cv2
import numpy as np
import pytest
from skimage import data


@pytest.fixture(scope="session")
def day() -> np.ndarray:
    """A bright photo, 512 x 512 BGR."""
    return cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)


@pytest.fixture(scope="session")
def night(day: np.ndarray) -> np.ndarray:
    """The same photo taken with a twentieth of the light, with the noise of a real sensor."""
    light = (day.astype(np.float32) / 255) ** 2.2 / 20
    noise = np.random.default_rng(7).normal(0, 0.0008, light.shape)
    return (255 * np.clip(light + noise, 0, 1) ** (1 / 2.2)).astype(np.uint8)
