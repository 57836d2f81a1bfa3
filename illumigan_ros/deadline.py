"""A deadline for taking nodes down, which DDS does not always survive."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SHUTDOWN_SECONDS = 10


@contextmanager
def deadline(seconds: int = SHUTDOWN_SECONDS) -> Iterator[None]:
    """End the process by SIGALRM if what is done here takes longer.

    DDS can spin for ever on memory that it shared with a process that was killed, and holds Python's lock meanwhile:
    only the kernel's own alarm comes through then.
    """
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
