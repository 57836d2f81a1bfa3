"""Where tasks run: in processes of this machine, or on a Ray cluster. Who is killed at a task has it done again."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.machine import cores

ATTEMPTS = 3
USUAL_THREADS = 2
KILLED = f"Its worker was killed {ATTEMPTS} times; the memory may have run out."
Answer = TypeVar("Answer")


class Place(Protocol):
    """Runs tasks for several threads, each of which waits for its own."""

    workers: int
    threads: int

    def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a function elsewhere; raises what it raises, and FrameError where its worker is killed every time."""

    def close(self) -> None:
        """End the workers, whatever they do."""


class LocalPlace:
    """Processes of this machine: one for each thread that runs tasks, so that one that is killed is nobody else's."""

    def __init__(self, workers: int | None) -> None:
        """Prepare `workers` processes, by default one for two cores; they start with their first tasks."""
        self.workers = workers or max(1, cores() // USUAL_THREADS)
        self.threads = max(1, cores() // self.workers)
        self._mine = threading.local()
        self._processes: set[int] = set()
        self._closed = False

    def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a function in this thread's process, see `Place`."""
        for _ in range(ATTEMPTS):
            try:
                return self._pool().submit(function, *arguments).result()
            except BrokenProcessPool:
                self._mine.pool = None
            if self._closed:
                raise FrameError("The workers were stopped.")
        raise FrameError(KILLED)

    def _pool(self) -> ProcessPoolExecutor:
        pool: ProcessPoolExecutor | None = getattr(self._mine, "pool", None)
        if pool is None:
            spawn = multiprocessing.get_context("spawn")
            pool = self._mine.pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin_process)
            self._processes.add(pool.submit(os.getpid).result())
        return pool

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def _begin_process() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


class RayPlace:
    """A Ray cluster, which chooses the machines, and runs a task again whose worker is killed."""

    def __init__(self, address: str, workers: int | None) -> None:
        """Connect to a cluster: an address as `ray.init` knows it, "auto" for the one around, "local" for one of ours.

        Raises FrameError if Ray is not installed or nobody answers.
        """
        try:
            import ray
        except ImportError as error:
            instead = "leave --ray away, and processes of this machine do the work"
            raise FrameError(f"Ray is not installed: pip install 'illumigan[fleet]', or {instead}.") from error
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        options: dict[str, Any] = {"num_cpus": max(cores(), workers or 1)} if address == "local" else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
            available = int(ray.cluster_resources().get("CPU", 1))
        except Exception as error:  # of many kinds, depending on the address
            raise FrameError(f"There is no Ray cluster at {address} ({first_line(error)}); start it first.") from error
        finally:
            for number, handler in handlers.items():  # which Ray has taken
                signal.signal(number, handler)
        self._ray = ray
        self.threads = max(1, min(USUAL_THREADS, available // (workers or 1)))
        self.workers = workers or max(1, available // self.threads)
        self._remote = ray.remote(num_cpus=self.threads, max_retries=ATTEMPTS - 1)(_call)

    def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a function on the cluster, see `Place`."""
        try:
            answer: Answer = self._ray.get(self._remote.remote(function, *arguments))
            return answer
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.OutOfMemoryError) as error:
            raise FrameError(KILLED) from error
        except self._ray.exceptions.RayError as error:
            raise FrameError(f"Ray could not run it ({first_line(error)}).") from error

    def close(self) -> None:
        """Leave the cluster; tasks of ours end."""
        self._ray.shutdown()


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
