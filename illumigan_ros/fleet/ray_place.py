"""A Ray cluster as a place for tasks: it chooses the machines."""

from __future__ import annotations

import importlib.util
import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong  # the built-in one from Python 3.11 on
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from illumigan_model.errors import FrameError, first_line
from illumigan_model.system.child_process import end_tree
from illumigan_model.system.machine import cores
from illumigan_ros.fleet import ray_driver
from illumigan_ros.fleet.places import USUAL_THREADS, Answer, Place, PlaceGone, start_process

LOCAL, AROUND = "local", "auto"
CONNECT_SECONDS, ANSWER_SECONDS, START_SECONDS = 5.0, 20.0, 120.0
LEAVE_SECONDS = 5.0
POLL_SECONDS = 0.2


class RayPlace(Place):
    """A Ray cluster; a process of its own talks to it, see `ray_driver`."""

    def __init__(self, address: str, workers: int | None) -> None:
        """Connect to a cluster: its HOST:PORT, "auto" for the one of this machine, "local" for one of our own.

        `workers` run at once, by default as many as its CPUs allow. Raises FrameError if Ray is not installed, nobody
        answers in time, or the cluster is of no use.
        """
        if importlib.util.find_spec("ray") is None:
            instead = "leave --ray away, and processes of this machine do the work"
            raise FrameError(f"Ray is not installed: pip install 'illumigan[fleet]', or {instead}.")
        _require_somebody(address)
        self._address = address
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._connected = False
        with ThreadPoolExecutor(1) as starter:  # a signal, which is raised in this thread, leaves the start whole
            self._pool, self._process = starter.submit(start_process, ray_driver.start_here).result()
        try:
            self._ask(ray_driver.load)
            machines = self._connect(max(cores(), workers or 1))
            self._connected = True
            self.workers, self.threads = _share(machines, workers)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._collect, name="ray", daemon=True).start()

    def _connect(self, cpus: int) -> list[int]:
        patience_s = START_SECONDS if self._address == LOCAL else ANSWER_SECONDS
        try:
            return self._ask(ray_driver.connect, self._address, cpus, patience_s=patience_s)
        except TookTooLong as error:
            hint = "" if self._address in (LOCAL, AROUND) else "; its port is that of `ray start --head`, usually 6379"
            raise FrameError(f"No Ray cluster answered at {self._address} within {patience_s:.0f} s{hint}.") from error

    def _ask(self, function: Callable[..., Answer], *arguments: Any, patience_s: float | None = None) -> Answer:
        """Run a function in the process that talks to Ray; raises PlaceGone if that has ended."""
        try:
            return self._pool.submit(function, *arguments).result(patience_s)
        except (BrokenProcessPool, RuntimeError) as error:  # the latter from a pool that is closed
            raise PlaceGone(f"The Ray cluster at {self._address} is gone; start it, and run the same again.") from error

    def _try(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        future: Future[Answer] = Future()
        with self._lock:
            if self._closed:
                raise PlaceGone("The workers were stopped.")
            number = next(self._numbers)
            self._waiting[number] = future
        self._ask(ray_driver.submit, number, self.threads, function, arguments)
        return future.result()

    def _collect(self) -> None:
        """Hand out answers, until the place is closed or lost."""
        try:
            while not self._closed:
                for number, answer, error in self._ask(ray_driver.finished, POLL_SECONDS):
                    future = self._waiting.pop(number)
                    if error is None:
                        future.set_result(answer)
                    else:
                        future.set_exception(error)
            raise PlaceGone("The workers were stopped.")
        except PlaceGone as error:
            with self._lock:
                self._closed = True
            for future in self._waiting.values():
                future.set_exception(error)

    def close(self) -> None:
        """Leave the cluster, where tasks of ours end; one that was started here ends with all its processes."""
        self._closed = True
        if self._connected and self._address != LOCAL:
            with suppress(PlaceGone, TookTooLong):
                self._ask(ray_driver.leave, patience_s=LEAVE_SECONDS)
        end_tree(self._process)


def _require_somebody(address: str) -> None:
    """Raise FrameError if an address is none, or nobody listens there: Ray itself would try for minutes."""
    if address in (LOCAL, AROUND):
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) not in range(1, 65536):
        raise FrameError(
            f"--ray must be local, auto, or HOST:PORT of a cluster with this machine in it, not {address}."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise FrameError(f"There is no Ray cluster at {address} ({first_line(error)}); start it first.") from error


def _share(machines: list[int], workers: int | None) -> tuple[int, int]:
    """Return how many workers there are on machines of so many CPUs, and how many threads each has."""
    if not any(machines) and workers is None:
        raise FrameError("The Ray cluster has no CPUs now; if it grows when there is work, say how far with --workers.")
    threads = max(1, min(USUAL_THREADS, max(machines), sum(machines) // (workers or 1)))
    return workers or sum(cpus // threads for cpus in machines), threads
