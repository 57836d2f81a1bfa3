"""What a worker does: one bag a task. The model is loaded once, and serves all the bags that the worker gets."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_model.version import __version__
from illumigan_model.weights import find_weights, sha256
from illumigan_ros.fleet import jobs
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.enhanced_bag import BagOptions, BagResult, enhance_bag
from illumigan_ros.recordings.metadata import read_custom_data

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

SOURCE, RECIPE = "illumigan_source", "illumigan_recipe"  # in the custom data of a result
ENHANCED, INCOMPLETE, SKIPPED, FAILED = "enhanced", "incomplete", "skipped", "failed"


@dataclass(frozen=True)
class Settings:
    """How the bags are enhanced: as `Enhancer` and `BagOptions` say; `threads` are those of one worker."""

    model: str
    runtime: str
    strength: float
    denoise: float
    options: BagOptions
    threads: int = 2

    def recipe(self) -> str:
        """Return a hash of what results depend on beside their bags, whoever makes them."""
        recipe = [__version__, sha256(find_weights(self.model)), self.strength, self.denoise, asdict(self.options)]
        return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of a bag: `ENHANCED`, `INCOMPLETE`, `SKIPPED` or `FAILED`; its images; the reason in a sentence."""

    result: str
    frames: int = 0
    reason: str = ""


def digest(bag: Path) -> str:
    """Return the hash of a bag, `jobs.digest_of`; raises FrameError if it cannot be read on this machine."""
    try:
        return jobs.digest_of(bag)
    except OSError as error:
        raise FrameError(
            f"{bag} cannot be read here ({first_line(error)}); all workers must see its folder."
        ) from error


def enhance(bag: Path, out: Path, settings: Settings, made_of: Mapping[str, str]) -> Outcome:
    """Enhance one bag; nothing is raised.

    `made_of` is noted in the result, by which it is known for done when it is met again. One of the same name that is
    made of something else is replaced, but nothing that was not made here.
    """
    try:
        known = read_custom_data(out)
        if known == dict(made_of):
            return Outcome(SKIPPED, reason="It was done before.")
        if SOURCE in known:
            shutil.rmtree(out)
        with BagReader(bag) as source:
            result = enhance_bag(
                source, out, _enhancer(settings).for_another_camera(), _unwatched, settings.options,
                made_of[RECIPE], made_of,
            )  # fmt: skip
        why = _why_incomplete(result)
        return Outcome(INCOMPLETE if why else ENHANCED, result.images, why)
    except IllumiganError as error:
        return Outcome(FAILED, reason=str(error))
    except Exception as error:  # whatever is wrong with this bag, the next one may do
        return Outcome(FAILED, reason=f"{type(error).__name__}: {first_line(error)}.")


@lru_cache(maxsize=1)
def _enhancer(settings: Settings) -> Enhancer:
    from illumigan_model.enhancer import Enhancer

    return Enhancer(
        settings.model,
        settings.runtime,
        strength=settings.strength,
        denoise=settings.denoise,
        threads=settings.threads,
    )


def _unwatched(_images: int, _bytes: int) -> None:
    """Nobody looks at the progress within a bag."""


def _why_incomplete(result: BagResult) -> str:
    if result.failures:
        return f"{len(result.failures)} of {result.images} images could not be read: {result.failures[0]}"
    if result.losses:
        return result.losses[0]
    return f"{result.kept} images are as they came: {result.why_kept}" if result.kept else ""


def timed_enhance(bag: Path, out: Path, settings: Settings, made_of: Mapping[str, str]) -> tuple[Outcome, float]:
    """Return what `enhance` does, and the seconds that it took."""
    begin = time.monotonic()
    return enhance(bag, out, settings, made_of), time.monotonic() - begin
