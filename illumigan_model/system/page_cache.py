"""What the system keeps in memory of large files, its page cache, of those that are gone through once: given back.

Nobody asks for those pages soon. They would push out what others need, and each further one has to be found, which can
take longer than all else: a virtual machine gets its memory from its host page by page. The same few pages are used
again and again instead.
"""

from __future__ import annotations

import os
from contextlib import suppress

KEPT_BYTES = 64 << 20  # of each file stay: small files whole, of large ones their ends
_STEP_BYTES = 1 << 20  # pages of whole steps are given back, however large the system's are


class CacheTrail:
    """Gives back what lies behind the place up to which a file has been read or written.

    What was written goes to the disk as soon as so much waits, and is given back when as much again has come.
    """

    def __init__(self, descriptor: int, start: int = 0) -> None:
        """Begin at a place of an open file, in bytes."""
        self._descriptor = descriptor
        self._given_back = self._on_its_way = start

    def reach(self, place: int) -> None:
        """Take note that the file has been gone through up to a place."""
        if place - self._on_its_way < KEPT_BYTES or not hasattr(os, "posix_fadvise"):  # macOS has none
            return
        place -= place % _STEP_BYTES
        self._drop(self._on_its_way, place)  # of what is not on the disk yet, this begins the writing
        self._drop(self._given_back, self._on_its_way)
        self._given_back, self._on_its_way = self._on_its_way, place

    def _drop(self, start: int, end: int) -> None:
        if end > start:
            with suppress(OSError):  # a file system that takes no advice
                os.posix_fadvise(self._descriptor, start, end - start, os.POSIX_FADV_DONTNEED)
