"""The functions of the one process that talks to Ray, which ends processes as it likes, with pages of its own."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_model.system.child_process import children_of, end_tree
from illumigan_model.version import __version__
from illumigan_ros.fleet.places import PlaceUnusable, WorkerKilled, begin_process

OURS = {"include_dashboard": False, "object_store_memory": 1 << 27}  # answers are small
_waiting: dict[Any, int] = {}
"""The tasks under way, as Ray knows them, and their numbers."""


def start_here() -> None:
    """Prepare this process: it prints nothing, and ends when it is told to, or with the one that started it."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(silence, stream.fileno())
    begin_process(signal.SIG_IGN, _end_children)


def _end_children() -> None:
    """End the cluster, if it is one that was started here."""
    for child in children_of(os.getpid()):
        end_tree(child)


def load() -> None:
    """Import Ray, which takes seconds; raises FrameError if that fails."""
    try:
        import ray  # noqa: F401
    except Exception as error:  # a library of C++ that does not fit has many ways to say so
        raise FrameError(f"Ray cannot be loaded here ({first_line(error)}); install it anew.") from error


def connect(address: str, cpus: int) -> list[int]:
    """Connect to a cluster, or start one of so many `cpus` for the address "local"; return the CPUs of its machines.

    Raises FrameError.
    """
    import ray

    options: dict[str, Any] = {**OURS, "num_cpus": cpus} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
        machines = [int(machine["Resources"].get("CPU", 0)) for machine in ray.nodes() if machine["Alive"]]
    except Exception as error:  # of many kinds, depending on the address
        raise FrameError(why_not(address, error)) from error
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray has taken it
    return machines


def why_not(address: str, error: Exception) -> str:
    """Return a sentence for what Ray says when it cannot connect to an address."""
    said = str(error)
    if "Version mismatch" in said:
        versions = re.findall(r"(?:Ray|Python): \S+", said)
        there, here = (" and ".join(half).replace(":", "") for half in (versions[:2], versions[2:]))
        return f"The cluster at {address} has {there}, and here are {here}; they must be the same."
    if address == "auto" and isinstance(error, ConnectionError):
        return "There is no Ray cluster on this machine: start one with `ray start --head`, or say where it is."
    return f"There is no Ray cluster at {address} ({first_line(error)}); start it first."


def submit(number: int, cpus: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Have a function run on the cluster by a worker that has so many `cpus`; it is known by its number."""
    _waiting[_remote(cpus).remote(__version__, function, *arguments)] = number


@lru_cache
def _remote(cpus: int) -> Any:
    import ray

    return ray.remote(num_cpus=cpus, max_retries=0)(_call)


def _call(version: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a worker, of the same version of this package only."""
    if version != __version__:
        there = f"illumigan is {__version__} on a machine of the Ray cluster"
        raise PlaceUnusable(f"{there}, and {version} here; they must be the same.")
    return function(*arguments)


def finished(patience_s: float) -> list[tuple[int, Any, IllumiganError | None]]:
    """Wait for a task, for a while; return number, answer and error of those that have ended."""
    import ray

    if not _waiting:
        return []
    ready, _ = ray.wait(list(_waiting), timeout=patience_s)
    return [(_waiting.pop(task), *_answer(task)) for task in ready]


def _answer(task: Any) -> tuple[Any, IllumiganError | None]:
    import ray
    from ray import exceptions

    try:
        return ray.get(task), None
    except exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, IllumiganError):
            return None, cause
        if "No module named" in str(cause):
            why = first_line(cause).rpartition(": ")[2]
            wanted = "the same illumigan must be installed on every machine of it"
            return None, PlaceUnusable(f"A worker of the Ray cluster cannot begin ({why}); {wanted}.")
        return None, FrameError(f"{type(cause).__name__}: {first_line(cause)}.")
    except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError):
        return None, WorkerKilled()
    except Exception as error:
        return None, FrameError(f"Ray could not run it ({first_line(error)}).")


def leave() -> None:
    """Leave the cluster, where tasks of ours end."""
    import ray

    ray.shutdown()
