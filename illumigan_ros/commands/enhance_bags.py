"""`illumigan enhance-bags`: all bags below a folder."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import Incomplete
from illumigan_model.system.files import shown
from illumigan_ros.commands.command_line import Denoise, Model, Runtime, Strength, White16bit
from illumigan_ros.commands.enhance_bag import Attention, Compressed, KeepOriginals, Topics, split_topics
from illumigan_ros.commands.signals import if_stopped
from illumigan_ros.fleet.manifest import CSV_NAME, FAILED, INCOMPLETE, Entry, Manifest


def command(
    in_dir: Annotated[Path, typer.Argument(help="Folder with bags, in folders of its own or not.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the results and the manifest.")],
    *,
    workers: Annotated[
        Optional[int], typer.Option(help="How many bags at once; by default one for two cores.", min=1)
    ] = None,
    ray: Annotated[
        Optional[str], typer.Option(help="Ray cluster, whose machines all see both folders: HOST:PORT, auto or local.")
    ] = None,
    topics: Topics = None,
    keep_originals: KeepOriginals = True,
    compressed: Compressed = None,
    attention: Attention = True,
    model: Model = "curve_grid",
    runtime: Runtime = "auto",
    strength: Strength = 1.0,
    denoise: Denoise = 1.0,
    white_16bit: White16bit = 65535,
) -> None:
    """Enhance many bags, on this machine or on a Ray cluster; what is done is skipped when it is run again.

    manifest.csv and manifest.json tell what became of each. A broken bag fails alone; the exit code then is 1.
    """
    from illumigan_ros.commands.bag_progress import bag_progress
    from illumigan_ros.fleet.fleet import enhance_bags, require_place
    from illumigan_ros.fleet.jobs import find_jobs
    from illumigan_ros.fleet.worker import Settings
    from illumigan_ros.recordings.enhanced_bag import BagOptions

    names = split_topics(topics)
    options = BagOptions(names, keep_originals, compressed.value if compressed else None, attention, white_16bit)
    settings = Settings(model, runtime, strength, denoise, options)
    settings.recipe()  # which complains of a model that is not there
    in_dir, out_dir = in_dir.absolute(), out_dir.absolute()
    jobs = find_jobs(in_dir, out_dir)
    place = require_place(ray, workers)
    begin = time.monotonic()
    try:
        with (
            if_stopped(f"{shown(out_dir)} has the bags that were done; run it again, and it goes on."),
            Manifest(out_dir, len(jobs)) as manifest,
            bag_progress("enhancing", len(jobs)) as advance,
        ):

            def on_entry(entry: Entry) -> None:
                manifest.add(entry)
                advance(1, entry.bytes)

            enhance_bags(jobs, out_dir, place, settings, manifest.before, on_entry)
    finally:
        place.close()
    _conclude(manifest, place.workers, time.monotonic() - begin, out_dir)


def _conclude(manifest: Manifest, workers: int, seconds: float, out_dir: Path) -> None:
    """Say what became of the bags; raises Incomplete where something is missing."""
    entries = [manifest.entries[bag] for bag in sorted(manifest.entries)]
    counts = Counter(entry.result for entry in entries)
    worked = [entry for entry in entries if entry.frames and entry.seconds]
    frames, megabytes = sum(entry.frames for entry in worked), sum(entry.bytes for entry in worked) / 1e6
    named = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
    print(f"{len(entries)} bags, {named}, in {seconds:.1f} s by {workers} at a time; {out_dir / CSV_NAME}")
    if worked:
        cost = sum(entry.core_seconds for entry in worked) / frames * 1000
        print(f"{frames / seconds:.1f} images/s, {megabytes / seconds:.1f} MB/s; an image took {cost:.0f} ms of a core")
    for entry in entries:
        if entry.result in (FAILED, INCOMPLETE):
            print(f"{entry.result}: {shown(Path(entry.bag))}: {entry.reason}")
    manifest.finish()
    if missing := counts[FAILED] + counts[INCOMPLETE]:
        raise Incomplete(f"{missing} of {len(entries)} bags are not, or not wholly, enhanced; the list above says why.")
