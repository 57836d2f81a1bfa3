"""Ways to run a generator, one a file; `select.open_runtime` picks the best one that works.

A runtime is given an image batch of one, float32 RGB 1 x 3 x H x W in [0, 1], and returns the network's answer as
float32: for CurveGrid the curves 25 x 9 x 16 of a 128 x 72 thumbnail, for AttentionUNet the enhanced image 3 x H x W.
Those that run a graph take images of the graph's size only; `reduced` brings frames to it and back.

It is loaded by making it, of a model and a number of threads; who loads it may be told how that goes on (`OnProgress`).
`self_check.check` warms it up, and compares its answer with what it should be.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Runtime(Protocol):
    """What whoever enhances frames sees of a runtime.

    `notes` say in one sentence each what of it does not work on this machine.
    """

    notes: list[str]

    @property
    def name(self) -> str:
        """Its name in `select.RUNTIMES`."""

    @property
    def architecture(self) -> str:
        """The generator that it runs: "curve_grid" or "attention_unet"."""

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network once, see the package's docstring for shapes; raises ModelError if that fails."""

    def describe(self) -> str:
        """Return on what device and at which precision it runs, such as "CPU, fp32"."""

    def close(self) -> None:
        """Free what the runtime holds."""


class CheckedRuntime(Runtime, Protocol):
    """What each file of this package offers besides, so that it can be checked and given images of its size.

    `tolerance` is how far its answer, or what of it exceeds 1 in proportion, may be from that of single precision.
    """

    tolerance: float

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the images that it takes, None for any."""

    def reference(self) -> np.ndarray:
        """Return the digest of the answer to the test picture that is known to be right, see `self_check`."""
