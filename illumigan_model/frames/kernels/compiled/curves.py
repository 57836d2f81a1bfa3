"""Tone curves on rows of pixels.

Arrays: `frame` and `out` uint8 H x 3W (B, G, R interleaved), `attention` uint8 H x W. Blocks of rows are planar:
`levels` float32 n x 3 x W in 0..255, and `index` uint16 n x 3 x W, which entry of its colour's table each level is
looked up in. `grid` float32 25 x 9 x 16, as from `CurveGrid.curves`: 8 knots of R, G and B and u, in [0, 1]. `table`
uint32 3 x 17 x steps, `offset` uint16 W: where each column's span begins in a table, `right` float32 W: weight of its
right-hand tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from illumigan_model.frames.kernels.compiled.jit import JIT, kept

F = np.float32
RED, GREEN, BLUE = F(0.299), F(0.587), F(0.114)


@njit(inline="always")
def level(value: np.float32) -> np.uint8:
    """Round to a uint8 level."""
    return np.uint8(np.int32(min(max(value, F(0)), F(255)) + F(0.5)))


@njit(**JIT)
def draw(grid: np.ndarray, row: int, edges: np.ndarray, share: np.ndarray, levels: np.ndarray) -> None:
    """Write the levels of the curves of a row of tiles at each step: uint8 16 x 3 (B, G, R) x steps."""
    knots = edges.shape[0]
    for tile in range(levels.shape[0]):
        for c in range(3):
            for k in range(knots - 1):
                at = (2 - c) * knots + k
                value = grid[at, row, tile] * F(255)
                rise = grid[at + 1, row, tile] * F(255) - value
                line, weight = levels[tile, c, edges[k] : edges[k + 1]], share[edges[k] : edges[k + 1]]
                for i in range(line.shape[0]):
                    line[i] = level(value + rise * weight[i])


@njit(**JIT)
def join(upper: np.ndarray, lower: np.ndarray, table: np.ndarray) -> None:
    """Join the drawn levels of two rows of tiles into words."""
    for c in range(3):
        for span in range(table.shape[1]):
            left, right = max(span - 1, 0), min(span, upper.shape[0] - 1)
            one, two, three, four = upper[left, c], lower[left, c], upper[right, c], lower[right, c]
            words = table[c, span]
            for i in range(words.shape[0]):
                words[i] = np.uint32(
                    np.uint32(one[i])
                    | np.uint32(two[i]) << np.uint32(8)
                    | np.uint32(three[i]) << np.uint32(16)
                    | np.uint32(four[i]) << np.uint32(24)
                )


@njit(**JIT)
def widen(grid: np.ndarray, row: int, begins: np.ndarray, right: np.ndarray, wide: np.ndarray) -> None:
    """Interpolate u of a row of tiles to one value a column."""
    for span in range(begins.shape[0] - 1):
        value = grid[-1, row, max(span - 1, 0)]
        rise = grid[-1, row, min(span, grid.shape[2] - 1)] - value
        for x in range(begins[span], begins[span + 1]):
            wide[x] = value + rise * right[x]


@kept
def tabulate(
    grid: np.ndarray,
    tile: int,
    edges: np.ndarray,
    share: np.ndarray,
    begins: np.ndarray,
    right: np.ndarray,
    drawn: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
) -> None:
    """Write what all rows between the tile rows `tile` and `tile` + 1 have in common.

    That is the table, and u of both tile rows at each column (`wide`, float32 2 x W). A word of the table holds the
    levels of the four tiles around a pixel, from low to high byte: upper left, lower left, upper right, lower right.
    `begins` are the first columns of the 17 spans and the width; `drawn` is scratch, uint8 2 x 16 x 3 x steps.
    """
    for i in range(2):
        draw(grid, tile + i, edges, share, drawn[i])
        widen(grid, tile + i, begins, right, wide[i])
    join(drawn[0], drawn[1], table)


@njit(**JIT)
def unpack_row(
    frame: np.ndarray, y: int, offset: np.ndarray, levels: np.ndarray, index: np.ndarray, n: int, attention: np.ndarray
) -> None:
    """Split row y of the frame into row n of the block, and write its attention map."""
    for x in range(offset.shape[0]):
        for c in range(3):
            levels[n, c, x] = F(frame[y, 3 * x + c])
            index[n, c, x] = frame[y, 3 * x + c] + offset[x]
    for x in range(offset.shape[0]):
        luma = levels[n, 2, x] * RED + levels[n, 1, x] * GREEN + levels[n, 0, x] * BLUE
        attention[y, x] = np.uint8(np.int32(F(255.5) - luma))


@kept
def unpack(
    frame: np.ndarray,
    offset: np.ndarray,
    first: int,
    last: int,
    levels: np.ndarray,
    index: np.ndarray,
    attention: np.ndarray,
) -> None:
    """Split the rows first..last into a block for tables of 256 steps, and write their attention map."""
    for y in range(first, last):
        unpack_row(frame, y, offset, levels, index, y - first, attention)


@njit(**JIT)
def look_up(index: np.ndarray, n: int, table: np.ndarray, found: np.ndarray) -> None:
    """Look row n of the block up in the three tables."""
    for x in range(index.shape[2]):
        found[0, x] = table[0, index[n, 0, x]]
        found[1, x] = table[1, index[n, 1, x]]
        found[2, x] = table[2, index[n, 2, x]]


@njit(**JIT)
def blend(wide: np.ndarray, below: np.float32, unison: np.ndarray) -> None:
    """Blend u of the tiles above and below a row, weights 1 - below and below."""
    for x in range(unison.shape[0]):
        unison[x] = wide[0, x] + (wide[1, x] - wide[0, x]) * below


@njit(inline="always")
def among(word: np.uint32, below: np.float32, right: np.float32) -> np.float32:
    """Blend the levels of the four tiles in a word: weights 1 - below and below down, 1 - right and right across."""
    upper_left, lower_left = F(np.int32(word & np.uint32(255))), F(np.int32(word >> np.uint32(8) & np.uint32(255)))
    upper_right, lower_right = F(np.int32(word >> np.uint32(16) & np.uint32(255))), F(np.int32(word >> np.uint32(24)))
    left = upper_left + (lower_left - upper_left) * below
    return left + (upper_right + (lower_right - upper_right) * below - left) * right


@njit(**JIT)
def change(
    levels: np.ndarray, n: int, found: np.ndarray, below: np.float32, right: np.ndarray, unison: np.ndarray
) -> None:
    """Enhance row n of the block: x + A (d + u (luminance(d) - d)), d = curve(x) - x."""
    for x in range(right.shape[0]):
        blue, green, red = levels[n, 0, x], levels[n, 1, x], levels[n, 2, x]
        weight = F(1) - (red * RED + green * GREEN + blue * BLUE) * F(1 / 255)
        to_blue = among(found[0, x], below, right[x]) - blue
        to_green = among(found[1, x], below, right[x]) - green
        to_red = among(found[2, x], below, right[x]) - red
        alike = unison[x] * (to_red * RED + to_green * GREEN + to_blue * BLUE)
        own = F(1) - unison[x]
        levels[n, 0, x] = blue + (to_blue * own + alike) * weight
        levels[n, 1, x] = green + (to_green * own + alike) * weight
        levels[n, 2, x] = red + (to_red * own + alike) * weight


@njit(**JIT)
def pack(levels: np.ndarray, n: int, out: np.ndarray, y: int) -> None:
    """Write row n of the block as row y of the result."""
    for x in range(levels.shape[2]):
        out[y, 3 * x] = level(levels[n, 0, x])
        out[y, 3 * x + 1] = level(levels[n, 1, x])
        out[y, 3 * x + 2] = level(levels[n, 2, x])


@kept
def enhance(
    levels: np.ndarray,
    index: np.ndarray,
    table: np.ndarray,
    wide: np.ndarray,
    below: np.ndarray,
    right: np.ndarray,
    found: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """Write the enhanced rows first..last of a block, which is overwritten.

    `table` and `wide` as from `tabulate`, `below` float32 H: each row's weight of the lower tiles; `found` is scratch,
    uint32 4 x W.
    """
    unison = found[3].view(np.float32)
    flat = table.reshape(3, -1)
    for y in range(first, last):
        look_up(index, y - first, flat, found)
        blend(wide, below[y], unison)
        change(levels, y - first, found, below[y], right, unison)
        pack(levels, y - first, out, y)
