"""How a command ends when it is told to: by Ctrl-C, by SIGTERM (docker stop, systemd) or when its terminal closes."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMINDER_SECONDS = 0.5  # of computing
_BY_SIGNAL = 128  # a shell's exit code for a command that a signal ended is this plus the signal's number


class StoppedBySignal(SystemExit):
    """A signal ends the command; `sentence` says which, and what becomes of the result."""

    def __init__(self, number: int) -> None:
        super().__init__(_BY_SIGNAL + number)
        self.sentence = f"Stopped by {signal.Signals(number).name}."


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end what is done here as an error does, cleaning up on the way.

    Raises StoppedBySignal. Further signals do nothing, so that they cannot end the cleaning up. A library that takes
    the exception for a failure of its own, as some do while they are imported, gets it again.
    """
    stop: StoppedBySignal | None = None

    def leave(number: int, _: FrameType | None) -> None:
        nonlocal stop
        stop = stop or StoppedBySignal(number)
        signal.setitimer(signal.ITIMER_PROF, REMINDER_SECONDS, REMINDER_SECONDS)
        if not _is_on_its_way(stop):
            raise stop

    with _handling((*STOPPING, signal.SIGPROF), leave):
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def heeded() -> None:
    """Say that a stop has been taken for the way to end, so that it is not raised again in what comes after."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def _is_on_its_way(stop: StoppedBySignal) -> bool:
    """Return whether the code at hand handles an exception, or one that was raised while that was handled."""
    handled = sys.exc_info()[1]
    while handled is not None and handled is not stop:
        handled = handled.__context__
    return handled is stop


@contextmanager
def if_stopped(consequence: str | Callable[[], str]) -> Iterator[None]:
    """Have it said what becomes of the result, a whole sentence, where a signal ends the block.

    A function is asked for the sentence when it has ended.
    """
    try:
        yield
    except StoppedBySignal as stop:
        stop.sentence = f"{stop.sentence[:-1]}: {consequence if isinstance(consequence, str) else consequence()}"
        raise


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP set; they do nothing else here, however often they come."""
    stop = threading.Event()
    with _handling(STOPPING, lambda *_: stop.set()):
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
