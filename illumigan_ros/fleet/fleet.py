"""Enhance many bags: each is one task; what one of them suffers is no other's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_ros.fleet.jobs import Job
from illumigan_ros.fleet.manifest import FAILED, INCOMPLETE, SKIPPED, Entry
from illumigan_ros.fleet.places import LocalPlace, Place, PlaceUnusable
from illumigan_ros.fleet.worker import RECIPE, SOURCE, Settings, digest, timed_enhance
from illumigan_ros.recordings.metadata import read_custom_data

OnEntry = Callable[[Entry], None]


def enhance_bags(
    jobs: Sequence[Job], out_dir: Path, place: Place, settings: Settings, before: Iterable[Entry], on_entry: OnEntry
) -> None:
    """Enhance the bags of some jobs at a place; `on_entry` is told what became of each.

    A bag whose content was enhanced by the same recipe before, under whatever name, is skipped; `before` are the
    entries that say so. Raises PlaceUnusable if the place is of no use, or lost in the middle.
    """
    settings = replace(settings, threads=place.threads)
    recipe = settings.recipe()
    known = {entry.sha256: entry for entry in before if entry.recipe == recipe and entry.output}
    with ThreadPoolExecutor(place.workers, thread_name_prefix="fleet") as threads:
        waiting = [threads.submit(_do, job, out_dir, place, settings, recipe, known) for job in jobs]
        try:
            for future in as_completed(waiting):
                on_entry(future.result())
        except BaseException:
            for future in waiting:
                future.cancel()
            place.close()  # whoever waits for a worker hears of its end
            raise


def _do(job: Job, out_dir: Path, place: Place, settings: Settings, recipe: str, known: dict[str, Entry]) -> Entry:
    """Have one job done and return its entry; nothing is raised."""
    entry = Entry(job.name, 0, 0.0, FAILED, job.clash, bytes=job.size(), recipe=recipe)
    if job.clash:
        return entry
    try:
        content = place.run(digest, job.bag)
        entry, made_of = replace(entry, sha256=content), {SOURCE: content, RECIPE: recipe}
        done = known.get(content)
        if done is not None and read_custom_data(out_dir / done.output) == made_of:
            result, reason = _again(done), done.reason or "done before"
            return replace(done, bag=job.name, seconds=0.0, core_seconds=0.0, result=result, reason=reason)
        outcome, seconds, core_seconds = place.run(timed_enhance, job.bag, job.out, settings, made_of)
    except PlaceUnusable:  # for all of them
        raise
    except IllumiganError as error:
        return replace(entry, reason=str(error))
    except Exception as error:  # a worker that answers in a way that nobody knows
        return replace(entry, reason=f"{type(error).__name__}: {first_line(error)}.")
    output = "" if outcome.result == FAILED else str(job.out.relative_to(out_dir))
    return replace(
        entry,
        frames=outcome.frames,
        seconds=round(seconds, 3),
        core_seconds=round(core_seconds, 3),
        result=outcome.result,
        reason=outcome.reason,
        output=output,
    )


def _again(done: Entry) -> str:
    """Return what a bag is called that was met before: what is incomplete stays that."""
    return INCOMPLETE if done.result == INCOMPLETE else SKIPPED


def require_place(name: str | None, workers: int | None) -> Place:
    """Return the Ray cluster of an address, or this machine's processes for None; raises FrameError."""
    if workers is not None and workers < 1:
        raise FrameError(f"--workers must be 1 or more, not {workers}.")
    if name is None:
        return LocalPlace(workers)
    from illumigan_ros.fleet.ray_place import RayPlace

    return RayPlace(name, workers)
