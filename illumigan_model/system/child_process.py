"""Run programs that never outlive us; of one that takes long the last words are kept, and its time is limited."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from illumigan_model.errors import ModelError

OnProgress = Callable[[str], None]
"""Is told several times a second what goes on, in one line; what it raises ends that, and reaches whoever waits."""

POLL_SECONDS = 0.2
KEPT_BYTES = 4096
POLITELY = ("nice", "-n", "5")  # frames that pass meanwhile go first


def unwatched(_said: str) -> None:
    """Listen to nothing: the `OnProgress` of those who want to wait for the end, whatever goes on."""


def run_program(command: Sequence[str], what: str, timeout_s: float, on_progress: OnProgress) -> None:
    """Run a command to its end; what Python imports here it imports there.

    Args:
        command: the program and its arguments.
        what: what it does, as the beginning of a sentence.
        timeout_s: seconds after which it is killed.
        on_progress: is told the last line that the command printed, "" before the first.

    Raises:
        ModelError: the command cannot be started, failed (its last line says why), was killed, or took too long.
    """
    deadline = time.monotonic() + timeout_s
    said = b""
    with started(command, what) as process:
        while process.poll() is None:
            said = (said + output_of(process))[-KEPT_BYTES:]
            on_progress(last_line(said))
            if time.monotonic() > deadline:
                raise ModelError(f"{what} took more than {timeout_s:g} s; allow more time.")
        said += output_of(process)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        hint = "; the memory may have run out" if -process.returncode == signal.SIGKILL else ""
        raise ModelError(f"{what} was ended by {name}{hint}.")
    if process.returncode > 0:
        why = last_line(said).rstrip(".") or f"exit code {process.returncode}"
        raise ModelError(f"{what} failed: {why}.")


@contextmanager
def started(command: Sequence[str], what: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command whose output is a pipe; at the end, it is killed with all that it has started."""
    # Python 3.10, which does not know the second, looks into the working directory first.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}
    with start([*POLITELY, *command], what, subprocess.PIPE, environment, signal.SIGKILL) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def start(
    command: Sequence[str], what: str, output: int | IO[bytes], environment: Mapping[str, str], orphaned: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, which Ctrl-C does not reach.

    Args:
        command: the program and its arguments.
        what: what it does, as the beginning of a sentence.
        output: where its output and its errors go.
        environment: its variables.
        orphaned: what the kernel, if it can, sends it when we are killed.

    Raises:
        ModelError: it cannot be started.
    """
    prefix = ["setpriv", "--pdeathsig", orphaned.name.removeprefix("SIG")] if shutil.which("setpriv") else []
    try:
        return subprocess.Popen(
            [*prefix, *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ModelError(f"{what} cannot begin ({error.strerror}).") from error


def end_tree(process: int) -> None:
    """Kill a process and all that it has started, which is stopped first, so that it starts nothing more."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
        for child in children_of(process):
            end_tree(child)
        os.kill(process, signal.SIGKILL)


def children_of(process: int) -> list[int]:
    """Return the ids of the processes that a process has started and that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                found.append(int(stat.parent.name))
    return found


def output_of(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a process prints next, b"" if it prints nothing for a moment."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 0 if process.returncode is not None else POLL_SECONDS)
    printed = os.read(process.stdout.fileno(), KEPT_BYTES) if ready else b""
    if ready and not printed:  # it has closed its output, most likely because it ends
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
    return printed


def last_line(said: bytes) -> str:
    """Return the last line with something in it, "" if there is none; a carriage return begins a new one, too."""
    lines = (line.strip() for line in reversed(said.decode(errors="replace").splitlines()))
    return next(filter(None, lines), "")
