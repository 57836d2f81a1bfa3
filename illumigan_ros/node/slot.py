"""The newest-frame slots between the cameras' callbacks and the one worker thread."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Slots(Generic[Key, Item]):
    """
    Hold one item for each key; putting a newer one replaces it, so a slow worker never falls behind a camera.

    The key that was served longest ago comes first: one that floods does not starve the others.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._changed = threading.Condition()
        self._items: dict[Key, Item] = {}
        self._waiting_longest = list(keys)
        self._closed = False

    def put(self, key: Key, item: Item) -> Item | None:
        """Offer the newest item; return the one that nobody will take: that before it or, once closed, this one."""
        with self._changed:
            if self._closed:
                return item
            replaced = self._items.pop(key, None)
            self._items[key] = item
            self._changed.notify()
            return replaced

    def take(self, timeout: float | None = None) -> tuple[Key, Item] | None:
        """Wait (at most `timeout` seconds) for an item, return it and its key; None after close() or when none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            for key in self._waiting_longest:
                if key in self._items:
                    self._waiting_longest.remove(key)
                    self._waiting_longest.append(key)
                    return key, self._items.pop(key)
            return None

    def close(self) -> list[tuple[Key, Item]]:
        """Wake whoever waits and return what nobody will take; the slots stay closed."""
        with self._changed:
            self._closed = True
            left = list(self._items.items())
            self._items.clear()
            self._changed.notify_all()
            return left

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed
