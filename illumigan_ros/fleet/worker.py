"""What a worker does: one bag a task. The model is loaded once, and serves all the bags that the worker gets."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_model.version import __version__
from illumigan_model.weights import find_weights, sha256
from illumigan_ros.fleet import jobs
from illumigan_ros.fleet.manifest import ENHANCED, FAILED, INCOMPLETE, SKIPPED
from illumigan_ros.recordings import unfinished
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.enhanced_bag import BagOptions, BagResult, enhance_bag
from illumigan_ros.recordings.metadata import read_custom_data

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

SOURCE, RECIPE = "illumigan_source", "illumigan_recipe"  # in the custom data of a result
PART_DIGITS = 12


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

    `made_of` is noted in the result, by which it is known for done when it is met again. The result gets its name when
    it is whole. One of the same name that is made of something else is replaced, but nothing that was not made here.
    """
    part = _part_of(out, bag, made_of)
    try:
        known = read_custom_data(out)
        if known == dict(made_of):
            return Outcome(SKIPPED, reason="It was done before.")
        if SOURCE not in known and out.exists():
            raise FrameError(f"{out} exists already, and was not made here; remove it or go elsewhere.")
        _remove_outdated(out, part)
        with BagReader(bag) as source:
            result = enhance_bag(
                source, part, _enhancer(settings).for_another_camera(), _unwatched, settings.options,
                made_of[RECIPE], made_of,
            )  # fmt: skip
        _put_in_place(part, out)
        why = _why_incomplete(result)
        return Outcome(INCOMPLETE if why else ENHANCED, result.images, why)
    except IllumiganError as error:
        return Outcome(FAILED, reason=str(error).replace(str(part), str(out)))
    except Exception as error:  # whatever is wrong with this bag, the next one may do
        return Outcome(FAILED, reason=f"{type(error).__name__}: {first_line(error)}.")
    finally:
        with suppress(OSError):  # there is something to go on with
            part.parent.rmdir()


def _part_of(out: Path, bag: Path, made_of: Mapping[str, str]) -> Path:
    """Return where a result is until it is whole: a hidden folder beside it, another one if the bag changes."""
    facts = [(file.name, file.stat().st_mtime_ns) for file in jobs.files_of(bag)]
    digest = hashlib.sha256(json.dumps([sorted(made_of.items()), facts]).encode()).hexdigest()[:PART_DIGITS]
    return out.parent / f".{out.name}.{digest}.unfinished" / out.name


def _remove_outdated(out: Path, part: Path) -> None:
    """Remove what nobody will go on with: of another content or recipe, or whole and yet not in place."""
    for folder in out.parent.glob(f".{escape(out.name)}.{'[0-9a-f]' * PART_DIGITS}.unfinished"):
        if folder != part.parent or not (part / unfinished.FILE_NAME).exists():
            shutil.rmtree(folder)


def _put_in_place(part: Path, out: Path) -> None:
    if out.exists():
        shutil.rmtree(out)
    part.rename(out)


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


def timed_enhance(bag: Path, out: Path, settings: Settings, made_of: Mapping[str, str]) -> tuple[Outcome, float, float]:
    """Return what `enhance` does, the seconds that it took, and those of all cores together."""
    begin, cores_begin = time.monotonic(), time.process_time()
    return enhance(bag, out, settings, made_of), time.monotonic() - begin, time.process_time() - cores_begin
