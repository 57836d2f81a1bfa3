"""Check that a runtime answers what it should: on a real night picture, which no conversion has ever seen.

A graph carries the right answer with it: whoever exports it runs the generator in PyTorch, in single precision, on
`night.png` (the launch "rocket" of scikit-image, SpaceX, CC0, with a twelfth of its light and a sensor's noise),
and writes the digest of the answer to the graph's metadata. So a frozen constant, a wrong operator, a half precision
that overflows and a file that was tampered with are all found out when a runtime is loaded, without PyTorch.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.errors import ModelError
from illumigan_model.frames.soundness import require_finite
from illumigan_model.runtimes import CheckedRuntime

PICTURE = Path(__file__).with_name("night.png")
PICTURE_WH = (256, 144)  # for runtimes that take any size
DIGEST_WH = (16, 9)
PRECISION_OF_RECORD = 1e-3  # a reference is kept in half precision


def night_picture(size: tuple[int, int]) -> np.ndarray:
    """Return the test picture at a width and height, float32 RGB 1 x 3 x H x W in [0, 1]."""
    picture = cv2.imread(str(PICTURE), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelError(f"{PICTURE} is missing or damaged; install the package again.")
    scaled = cv2.resize(picture.astype(np.float32) / 255, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled[None, :, :, ::-1].transpose(0, 3, 1, 2))


def digest(answer: np.ndarray) -> np.ndarray:
    """Return the means of an answer C x H x W over 16 x 9 tiles, float32 C x 9 x 16; curves are their own digest."""
    return np.stack([cv2.resize(plane, DIGEST_WH, interpolation=cv2.INTER_AREA) for plane in answer])


def to_text(reference: np.ndarray) -> str:
    """Write a digest as text, for the metadata of a graph."""
    return base64.b64encode(reference.astype("<f2").tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """Return the digest that `to_text` wrote; raises ModelError if it is none."""
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32).reshape(-1, 9, 16)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"The reference in the graph's metadata cannot be read ({error}); export it again.") from error


def check(runtime: CheckedRuntime) -> None:
    """Run a runtime on the test picture.

    Raises:
        ModelError: it fails, or its answer is not what it should be.
    """
    image = night_picture(runtime.size or PICTURE_WH)
    answer = runtime.infer(image)
    require_finite(answer)
    found, wanted = digest(answer), runtime.reference()
    if found.shape != wanted.shape:
        raise ModelError(f"Its answer to the test picture has the shape {found.shape} instead of {wanted.shape}.")
    off = float(np.abs(found - wanted).max())
    allowed = (runtime.tolerance + PRECISION_OF_RECORD) * max(1.0, float(np.abs(wanted).max()))
    if not off <= allowed:
        raise ModelError(
            f"Its answer to the test picture is off by {off:.3g}, where {allowed:.2g} is allowed; "
            "the model's file or the runtime is damaged."
        )
