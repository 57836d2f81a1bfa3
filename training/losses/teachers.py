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
            photos), "contrast" (`raise_contrast`), or the checkpoint of a generator to distil (Hinton et al., arXiv
            1503.02531).

    Raises:
        ModelError: the checkpoint is missing or damaged.
    """
    if name == "none":
        return None
    return raise_contrast if name == "contrast" else distil(Path(name).expanduser())


def distil(checkpoint: Path) -> Teacher:
    """Return the generator of a checkpoint as a teacher."""
    import torch

    from illumigan_model.generators.checkpoint import load_checkpoint

    generator = load_checkpoint(checkpoint)

    def teach(bgr: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(bgr[None, :, :, ::-1].transpose(0, 3, 1, 2), dtype=np.float32) / 255
        with torch.inference_mode():
            made = generator(torch.from_numpy(planes))[0][0].clamp(0, 1)
        levels = (made * 255 + 0.5).byte().numpy()
        return np.ascontiguousarray(levels.transpose(1, 2, 0)[:, :, ::-1])

    return teach
