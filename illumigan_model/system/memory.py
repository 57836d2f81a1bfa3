"""Memory that is no longer used goes back to the system, and what stays is not searched for it again and again."""

from __future__ import annotations

import ctypes
import gc
import sys


def set_aside() -> None:
    """Take what there is now, libraries for the most part, out of all later collections.

    A collection looks at every object, with Python's lock held, so that no frame goes on: two frame times, with the
    libraries of a node, and next to nothing without. What is set aside is still freed as soon as nobody refers to it;
    only what refers to itself in a circle waits for `give_back(everything=True)`.
    """
    gc.collect()
    gc.freeze()


def give_back(*, everything: bool = False) -> None:
    """Collect what nobody refers to any more, and have glibc return the pages that are free; elsewhere only the first.

    What was set aside is looked at only with `everything`. glibc keeps the memory of large blocks for reuse where the
    environment says so, in several arenas, so that what a node once needed at most would stay with it for ever.
    """
    if everything:
        gc.unfreeze()
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)
