"""IllumiGAN's model floor: what an enhanced frame is. Nothing here imports ROS, and the run-time path imports no torch.

    from illumigan_model import Enhancer

    with Enhancer() as enhancer:
        enhanced = enhancer.enhance(frame)  # uint8 BGR, H x W x 3

Importing the package is cheap: what it offers is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from illumigan_model.enhancer import EnhancedFrame, Enhancer
    from illumigan_model.version import __version__
    from illumigan_model.weights import available_models

__all__ = ["EnhancedFrame", "Enhancer", "__version__", "available_models"]

_ROOMS = {"EnhancedFrame": "enhancer", "Enhancer": "enhancer", "available_models": "weights", "__version__": "version"}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
