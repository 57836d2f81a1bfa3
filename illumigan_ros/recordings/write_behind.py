"""Writing while the next frame is worked on: in order, in one thread, and never far behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MOST_WAITING = 8  # pieces of work, each of which holds a picture at most


class WriteBehind:
    """Calls functions one after another in a thread of its own.

    After one that raises something, no other is called, and it reaches whoever hands on the next.
    """

    def __init__(self) -> None:
        """Start the thread."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write_behind")
        self._waiting: deque[Future[Any]] = deque()
        self._error: BaseException | None = None

    def put(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function called; waits while too many are."""
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._call, function, *arguments))

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        if self._error is not None:
            raise self._error
        try:
            function(*arguments)
        except BaseException as error:
            self._error = error
            raise

    def finish(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Wait until all is done, whatever comes of it, and end the thread."""
        self._pool.shutdown()
