"""The progress of work on bags: how much of it is done, how fast it goes, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from illumigan_ros.recordings.enhanced_bag import Advance

MB = 1e6
REFRESH_SECONDS = 0.5


@contextmanager
def bag_progress(what: str, total: int) -> Iterator[Advance]:
    """Show a bar on stderr with MB/s and the time that is left; gives a function to call with steps and bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    begun, shown, read = time.monotonic(), 0.0, 0
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total, speed="")

        def advance(steps: int, bytes_: int) -> None:
            nonlocal shown, read
            read += bytes_
            if steps:
                progress.advance(task, steps)
            if (now := time.monotonic()) - shown > REFRESH_SECONDS:
                shown = now
                progress.update(task, speed=f"{read / MB / (now - begun):.0f} MB/s")

        yield advance
