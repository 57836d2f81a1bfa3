"""Memory for rows of pixels between reading and writing, laid out for loops that take many pixels at once.

Each row begins where a line of the cache begins, as a load or store across two lines costs twice; and rows are longer
than a frame is wide, as such loops may work out more than there is, instead of ending pixel by pixel.
"""

from __future__ import annotations

import numpy as np

WHOLE = 16  # float32 in a line of the cache, of 64 bytes; no loop takes more pixels at once
MARGIN = WHOLE  # pixels before and after a row of luminance, of which two at each end are used


def padded(width: int) -> int:
    """Return how long rows of so many pixels are."""
    return -(-width // WHOLE) * WHOLE + WHOLE


def new_rows(*shape: int) -> np.ndarray:
    """Return float32 memory, zeros; rows, its last dimension, are as long as `padded` says."""
    shape = (*shape[:-1], padded(shape[-1]))
    count = int(np.prod(shape))
    memory = np.zeros(count + WHOLE, np.float32)
    first = -memory.ctypes.data % (4 * WHOLE) // 4
    return memory[first : first + count].reshape(shape)
