"""Run the program that builds an engine: its last words are kept, its time is limited, and it never outlives us."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from illumigan_model.errors import ModelError

POLL_SECONDS = 0.2
KEPT_BYTES = 4096
# Frames that pass meanwhile go first; and where Linux has it, the kernel ends the builder when its parent is killed.
PREFIX = ("nice", "-n", "5", *(("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()))


def run_builder(command: Sequence[str], timeout_s: float, on_progress: Callable[[str], None]) -> None:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        timeout_s: seconds after which it is killed.
        on_progress: is told the last line that the command printed, "" before the first, several times a second; what
            it raises ends the command and is raised here.

    Raises:
        ModelError: the command cannot be started, failed (its last line says why), was killed, or took too long.
    """
    deadline = time.monotonic() + timeout_s
    said = b""
    with started(command) as process:
        while process.poll() is None:
            said = (said + output_of(process))[-KEPT_BYTES:]
            on_progress(last_line(said))
            if time.monotonic() > deadline:
                raise ModelError(f"Building the engine took more than {timeout_s:g} s; allow more time.")
        said += output_of(process)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        hint = "; the memory may have run out" if -process.returncode == signal.SIGKILL else ""
        raise ModelError(f"The program that builds the engine was ended by {name}{hint}.")
    if process.returncode > 0:
        why = last_line(said).rstrip(".") or f"exit code {process.returncode}"
        raise ModelError(f"Building the engine failed: {why}.")


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a session of its own, which Ctrl-C does not reach; at the end, the whole session is killed."""
    try:
        process = subprocess.Popen(
            [*PREFIX, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ModelError(f"The program that builds the engine cannot be started ({error.strerror}).") from error
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


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
