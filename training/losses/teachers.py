"""Who says what is wanted of a real dark photo that has no well-lit twin: local contrast, or a trained generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.attention import luminance_u8
from illumigan_model.frames.baselines import CLIP, TILES

Teacher = Callable[[np.ndarray], np.ndarray]


def raise_contrast(bgr: np.ndarray, clip: float = CLIP, tiles: int = TILES) -> np.ndarray:
    """Equalise the luminance by tiles as `clahe` does, and change all three colours by as much as the luminance.

    Under red and sodium lamps that keeps more of what a detector looks for than equalising L, let alone each colour.
    """
    luma = luminance_u8(bgr)
    change = cv2.createCLAHE(clip, (tiles, tiles)).apply(luma).astype(np.int16) - luma
    return np.clip(bgr + change[:, :, None], 0, 255).astype(np.uint8)


def open_teacher(name: str) -> Teacher | None:
    """Return a teacher: a function from a dark photo to the wanted one, both uint8 BGR H x W x 3.

    Args:
        name: "none" (the answer is None: nothing but the adversarial and feature-preserving losses is known of dark
            photos), "contrast" (`raise_contrast`), or a generator to distil (Hinton et al., arXiv 1503.02531): a
            name of shipped weights or a file.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    if name == "none":
        return None
    return raise_contrast if name == "contrast" else distil(name)


def distil(model: str) -> Teacher:
    """Return what a generator makes of single photos, denoised, as a teacher."""
    from illumigan_model.enhancer import Enhancer

    enhancer = Enhancer(str(Path(model).expanduser()), "torch", daylight_gate=False, temporal=False, threads=1)
    return lambda bgr: enhancer.enhance(bgr).image
