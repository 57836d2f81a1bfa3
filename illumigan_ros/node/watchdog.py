"""Ends a node that hangs where no Python code can help it: inside a call into the middleware, with Python's lock held.

Fast DDS can do that. Its take tries a sample that cannot be read again and again where the sample is no longer in the
reader's history (3.2.3: ReadTakeCommand::add_instance goes on with the same sample when remove_change_sub finds
nothing to remove). Neither another thread nor a signal handler of Python's runs then. What ends the process is
a thread of faulthandler, which is written in C and needs no lock; the launch file starts the node anew.
"""

from __future__ import annotations

import faulthandler
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Watchdog:
    """
    Ends the process, with every thread's traceback on stderr and exit code 1, unless `rearm` is called in time.

    It begins with `start`; with 0 seconds it never does.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_on = False
        self._is_resting = 0
        try:
            self._stderr = sys.stderr.fileno()
        except (AttributeError, OSError, io.UnsupportedOperation):  # replaced by something that is no file
            self._stderr = 2

    def start(self) -> None:
        """Begin to wait."""
        self._is_on = self._seconds > 0
        self.rearm()

    def rearm(self) -> None:
        """Begin to wait anew, from now on."""
        if self._is_on and not self._is_resting:
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._stderr)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Wait for nothing while something is done that may take long, such as to load a model."""
        self._is_resting += 1
        if self._is_on:
            faulthandler.cancel_dump_traceback_later()
        try:
            yield
        finally:
            self._is_resting -= 1
            self.rearm()

    def stop(self) -> None:
        """Let the process be for good."""
        if self._is_on:
            faulthandler.cancel_dump_traceback_later()
        self._is_on = False
