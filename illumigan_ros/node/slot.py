"""The newest-frame slot between the camera's callback and the one worker thread."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameSlot(Generic[T]):
    """
    Holds one item; putting a newer one replaces it, so a slow worker never falls behind the camera.

    `skipped` counts the items that were replaced before anybody took them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.skipped = 0

    def put(self, item: T) -> None:
        """Offer the newest item; ignored once the slot is closed."""
        with self._changed:
            if self._closed:
                return
            if self._item is not None:
                self.skipped += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Wait (at most `timeout` seconds) for an item and return it; None after close() or when none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Drop what is waiting and wake whoever waits; the slot stays closed."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed
