"""Child processes that are watched, whose output is kept, and that never outlive their parent."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from illumigan_model.errors import IllumiganError
from illumigan_model.system.child_process import start

POLL_SECONDS = 0.05
STOP_SECONDS = 10.0
INCOMPLETE = 1  # exit code of our commands
SHOWN_LINES = 8


class Child:
    """One process; what it prints goes to a log file."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, may_lack: bool
    ) -> None:
        """Start the process; Ctrl-C reaches only us, who then stop it in its turn.

        With `may_lack` it has also ended well where something was missing in the end, which it told in a sentence.
        """
        self.name = name
        self._log = log
        self._may_lack = may_lack
        with log.open("wb") as output:
            self._process = start(command, f"The process {name}", output, environment, signal.SIGINT)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def printed(self) -> str:
        """Return everything it has printed so far."""
        return self._log.read_text(errors="replace")

    def ended(self) -> bool:
        """Tell whether it has ended well; raises IllumiganError with its last lines if it died."""
        code = self._process.poll()
        if code is None:
            return False
        if code == INCOMPLETE and self._may_lack and (self.printed().splitlines() or [""])[-1].startswith("error: "):
            return True
        if code != 0:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            lines = "\n".join(f"  {line}" for line in self.printed().strip().splitlines()[-SHOWN_LINES:])
            raise IllumiganError(f"{self.name} {how}; the end of {self._log}:\n{lines or '  (nothing)'}")
        return True

    def interrupt(self) -> None:
        """Ask it to finish, as Ctrl-C does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """End it, by force if it does not listen."""
        for demand in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(demand)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)


class Crew:
    """Children that work together; as a context manager it stops all of them at the end, whatever happened."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        """Keep the environment for the children and the folder for their logs."""
        self._environment = environment
        self._logs = logs
        self._children: list[Child] = []

    def start(self, name: str, module: str, arguments: Sequence[str], *, may_lack: bool = False) -> Child:
        """Start `python -m module arguments...`, see Child."""
        command = [sys.executable, "-m", module, *arguments]
        child = Child(name, command, self._environment, self._logs / f"{name}.log", may_lack=may_lack)
        self._children.append(child)
        return child

    def wait_until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition; raises IllumiganError if a child dies or time is up."""
        deadline = time.monotonic() + seconds
        while not done():
            for child in self._children:
                child.ended()
            if time.monotonic() > deadline:
                raise IllumiganError(f"{what} did not happen within {seconds:.0f} s; see the logs in {self._logs}.")
            time.sleep(POLL_SECONDS)

    def wait_for(self, seconds: float, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, less if a condition comes true; raises IllumiganError if a child dies."""
        deadline = time.monotonic() + seconds
        self.wait_until(lambda: unless() or time.monotonic() > deadline, seconds + STOP_SECONDS, "The wait")

    def __enter__(self) -> Crew:
        """Return the crew."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children."""
        for child in reversed(self._children):
            child.stop()
