"""How much noise there is."""

from __future__ import annotations

import numpy as np

from illumigan_model.frames.kernels.compiled.jit import kept


@kept
def survey(frame: np.ndarray, rows: np.ndarray, dark: int, pieces: np.ndarray, steps: np.ndarray) -> None:
    """Write what `noise.estimate_noise` wants to know of green along some rows, piece of 16 pixels by piece.

    `frame` uint8 H x 3W (B, G, R interleaved), `rows` int64, which of its rows. `pieces` int64 3 x rows x pieces: sums
    of the levels, and of the second differences at distance 1 and at distance 4. `steps` int64 10, of the pieces whose
    levels add up to less than `dark`: sums of the steps to the pixel before by column modulo 8, the number of such
    pieces, and that of those without any step.
    """
    steps[:] = 0
    own = np.empty(8, np.int64)
    for i in range(rows.shape[0]):
        y = rows[i]
        for piece in range(pieces.shape[2]):
            levels, near, far = 0, 0, 0
            own[:] = 0
            for j in range(16):
                x = 3 * (16 * piece + 8 + j) + 1
                level, before = np.int32(frame[y, x]), np.int32(frame[y, x - 3])
                levels += level
                near += abs(before + np.int32(frame[y, x + 3]) - 2 * level)
                far += abs(np.int32(frame[y, x - 12]) + np.int32(frame[y, x + 12]) - 2 * level)
                own[j & 7] += abs(level - before)
            pieces[0, i, piece], pieces[1, i, piece], pieces[2, i, piece] = levels, near, far
            if levels < dark:
                steps[:8] += own
                steps[8] += 1
                steps[9] += own.sum() == 0
