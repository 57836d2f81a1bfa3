"""Ways to run a generator, one a file; `select.open_runtime` picks the first that works.

A runtime is given an image batch of one, float32 RGB 1 x 3 x H x W in [0, 1], and returns the network's answer as
float32: for CurveGrid the curves 25 x 9 x 16 of a 256 x 144 thumbnail, for AttentionUNet the enhanced image 3 x H x W.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Runtime(Protocol):
    """What every runtime offers; `notes` say in one sentence each what of it does not work on this machine."""

    name: str
    architecture: str
    notes: list[str]

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network once; see the package's docstring for shapes."""

    def close(self) -> None:
        """Free what the runtime holds."""
