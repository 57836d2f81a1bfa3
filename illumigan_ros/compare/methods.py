"""The methods that are compared: the frame as it is, the classical baselines, models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from illumigan_model.enhancer import Enhancer
from illumigan_model.frames.baselines import BASELINES
from illumigan_ros.compare.sources import SourceFrame

RAW = "raw"


class Method:
    """A way to see a frame.

    `name` is for people, `how` says what runs it ("" where nothing needs to be said), `remembers` whether the frames
    before make a difference.
    """

    remembers = False

    def __init__(self, name: str, how: str = "") -> None:
        """Name it."""
        self.name, self.how = name, how

    def begin(self, is_still: bool) -> None:
        """Be told that other footage begins, and whether its frames have nothing to do with each other."""

    def apply(self, frame: SourceFrame) -> tuple[np.ndarray, str]:
        """Return what it makes of a frame, uint8 H x W x 3, and why that is the frame itself ("" if it is not)."""
        return frame.bgr, ""


class Function(Method):
    """A function from picture to picture, uint8 H x W x 3 BGR."""

    def __init__(self, name: str, work: Callable[[np.ndarray], np.ndarray]) -> None:
        """Name it."""
        super().__init__(name)
        self._work = work

    def apply(self, frame: SourceFrame) -> tuple[np.ndarray, str]:
        """Return what it makes of a frame; see `Method`."""
        return self._work(frame.bgr), ""


class Model(Method):
    """A network in an Enhancer, as the node has it."""

    remembers = True

    def __init__(self, name: str, enhancer: Enhancer) -> None:
        """Take an open Enhancer."""
        super().__init__(name, f"{enhancer.describe()}, {enhancer.threads} threads")
        self._enhancer = enhancer

    def begin(self, is_still: bool) -> None:
        """Forget the footage before; stills are not smoothed over time."""
        self._enhancer.temporal = not is_still
        self._enhancer.reset()

    def apply(self, frame: SourceFrame) -> tuple[np.ndarray, str]:
        """Return what it makes of a frame; see `Method`. Raises FrameError for a frame that is too small."""
        if not frame.follows:
            self._enhancer.reset()
        enhanced = self._enhancer.enhance(frame.bgr, frame.time)
        return enhanced.image, enhanced.report.failure or enhanced.report.bypassed or ""


@contextmanager
def open_methods(models: Sequence[str], runtime: str = "auto", *, baselines: bool = True) -> Iterator[list[Method]]:
    """Load what is to be compared: raw first, then the baselines, then each model.

    Args:
        models: names of shipped models or paths of weights files.
        runtime: what runs them.
        baselines: have auto-gamma and CLAHE on L among them.

    Raises:
        ModelError: a model cannot be loaded.
    """
    methods = [Method(RAW)]
    if baselines:
        methods += [Function(name, work) for name, work in BASELINES.items()]
    with ExitStack() as stack:
        for name, model in _named(models).items():
            methods.append(Model(name, stack.enter_context(Enhancer(model, runtime))))
        yield methods


def timed(method: Method, frame: SourceFrame) -> tuple[np.ndarray, str, float]:
    """Apply a method to a frame; return what `apply` does, and how many milliseconds it took."""
    begin = time.perf_counter()
    made, unchanged = method.apply(frame)
    return made, unchanged, (time.perf_counter() - begin) * 1e3


def _named(models: Sequence[str]) -> dict[str, str]:
    """Return a short name -> model, the whole path where two would share a name or a baseline has it."""
    chosen = list(dict.fromkeys(models))
    stems = [Path(model).stem for model in chosen]
    taken = [RAW, *BASELINES, *stems]
    return {stem if taken.count(stem) == 1 else model: model for stem, model in zip(stems, chosen, strict=True)}
