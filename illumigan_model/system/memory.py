"""Memory that is no longer used goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect what nobody refers to any more, and have glibc return the pages that are free; elsewhere only the first.

    glibc keeps the memory of large blocks for reuse where the environment says so, in several arenas, so that what a
    node once needed at most would stay with it for ever. Takes some milliseconds.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)
