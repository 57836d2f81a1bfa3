"""How a command ends when it is told to: by Ctrl-C, by SIGTERM (docker stop, systemd) or when its terminal closes."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object]
_BY_SIGNAL = 128  # a shell's exit code for a command that a signal ended is this plus the signal's number


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what is done here as an error does, cleaning up on the way, with exit code 143 or 129.

    Ctrl-C does so anyway, by KeyboardInterrupt.
    """

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(_BY_SIGNAL + number)

    with _handling((signal.SIGTERM, signal.SIGHUP), leave):
        yield


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP set; they do nothing else here, however often they come."""
    stop = threading.Event()
    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda *_: stop.set()):
        yield stop


@contextmanager
def _handling(numbers: tuple[signal.Signals, ...], handler: _Handler) -> Iterator[None]:
    # What is ignored stays ignored: nohup wants that of SIGHUP.
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
