"""Where tasks run. Who is killed at a task has it done again, some times."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from illumigan_model.errors import FrameError, IllumiganError, Incomplete
from illumigan_model.system.machine import cores

ATTEMPTS = 3
USUAL_THREADS = 2
ASKED_TO_END = (signal.SIGINT, signal.SIGTERM)
Answer = TypeVar("Answer")


class WorkerKilled(IllumiganError):
    """A worker ended in the middle of its task, which may be run again."""


class PlaceUnusable(FrameError):
    """No task can run at a place, whatever it is; the sentence says why."""


class PlaceGone(PlaceUnusable, Incomplete):
    """A place was lost in the middle of the work."""


class Place(ABC):
    """Runs tasks for several threads, each of which waits for its own; `threads` are those of one worker."""

    workers: int
    threads: int

    def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a function elsewhere; raises what it raises, and FrameError where its worker is killed every time."""
        for _ in range(ATTEMPTS):
            with suppress(WorkerKilled):
                return self._try(function, *arguments)
        raise FrameError(f"Its worker was killed {ATTEMPTS} times; the memory may have run out.")

    @abstractmethod
    def _try(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a function once, see `run`; raises WorkerKilled, too."""

    @abstractmethod
    def close(self) -> None:
        """End the workers, whatever they do."""


class LocalPlace(Place):
    """Processes of this machine: one for each thread that runs tasks, so that one that is killed is nobody else's."""

    def __init__(self, workers: int | None) -> None:
        """Prepare `workers` processes, by default one for two cores; they start with their first tasks."""
        self.workers = workers or max(1, cores() // USUAL_THREADS)
        self.threads = max(1, cores() // self.workers)
        self._mine = threading.local()
        self._processes: set[int] = set()
        self._closed = False

    def _try(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        try:
            pool = self._pool()
            if self._closed:
                self.close()  # again, as this process may have been unknown the first time
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            self._mine.pool = None
            raise (PlaceGone("The workers were stopped.") if self._closed else WorkerKilled()) from error

    def _pool(self) -> ProcessPoolExecutor:
        pool: ProcessPoolExecutor | None = getattr(self._mine, "pool", None)
        if pool is None:
            pool, process = start_process(_begin_worker)
            self._mine.pool = pool
            self._processes.add(process)
        return pool

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        for process in tuple(self._processes):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def start_process(initializer: Callable[[], None]) -> tuple[ProcessPoolExecutor, int]:
    """Start a process that runs functions one after another; return what gives them to it, and its id.

    The initializer has to call `begin_process`. Raises BrokenProcessPool if the process ends at once.
    """
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=initializer)
    resource_tracker.ensure_running()  # now, as it sets the mask of signals, too
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED_TO_END)
    try:
        return pool, pool.submit(os.getpid).result()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    begin_process(signal.SIG_DFL)


def begin_process(at_sigterm: signal.Handlers, last: Callable[[], None] = lambda: None) -> None:
    """Heed signals, which may have come while this process started, and end with its parent, having called `last`.

    Ctrl-C is left to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, at_sigterm)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED_TO_END)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        last()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
